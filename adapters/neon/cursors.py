"""Opaque cursors: where a page ended, and which listing gave it out."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import BadCursor

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE: Final = struct.Struct(">q16s8s")
_NAMED: Final = struct.Struct(">q8s")


class Position(NamedTuple):
    """The last item of a page; the next one is older, or as old with a lower id."""

    created_at: datetime
    id: UUID


def encode(listing: str, position: Position) -> str:
    micros = (position.created_at - _EPOCH) // timedelta(microseconds=1)
    return _pack(listing, micros, position.id.bytes)


def decode(listing: str, cursor: str) -> Position:
    """Raises BadCursor for anything that ``encode`` did not make for this very listing."""
    micros, key = _unpack(listing, cursor)
    try:
        return Position(_EPOCH + timedelta(microseconds=micros), UUID(bytes=key))
    except OverflowError:
        raise BadCursor from None


def encode_ordinal(listing: str, ordinal: int) -> str:
    return _pack(listing, ordinal, bytes(16))


def decode_ordinal(listing: str, cursor: str) -> int:
    """Raises BadCursor."""
    return _unpack(listing, cursor)[0]


def encode_name(listing: str, created_at: datetime, name: str) -> str:
    """For what is known by a name: the last one of a page, and when it was made."""
    micros = (created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(
        _NAMED.pack(micros, _check(listing, micros, name.encode())) + name.encode()
    ).decode()


def decode_name(listing: str, cursor: str) -> tuple[datetime, str]:
    """Raises BadCursor for anything that ``encode_name`` did not make for this very listing."""
    raw = _raw(cursor)
    try:
        (micros, check), name = _NAMED.unpack(raw[: _NAMED.size]), raw[_NAMED.size :]
        if check != _check(listing, micros, name):
            raise BadCursor
        return _EPOCH + timedelta(microseconds=micros), name.decode()
    except (struct.error, UnicodeError, OverflowError):
        raise BadCursor from None


def _pack(listing: str, number: int, key: bytes) -> str:
    return base64.urlsafe_b64encode(_SHAPE.pack(number, key, _check(listing, number, key))).decode()


def _unpack(listing: str, cursor: str) -> tuple[int, bytes]:
    try:
        number, key, check = _SHAPE.unpack(_raw(cursor))
    except struct.error:
        raise BadCursor from None
    if check != _check(listing, number, key):
        raise BadCursor
    return number, key


def _raw(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError, ValueError):
        raise BadCursor from None


def _check(listing: str, number: int, key: bytes) -> bytes:
    """Ties a cursor to its listing. No secret: a forged one shows its maker nothing but his own listing."""
    return blake2b(listing.encode() + number.to_bytes(8, "big", signed=True) + key, digest_size=8).digest()
