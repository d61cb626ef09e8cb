"""``Idempotency-Key``: which earlier request a request may be."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar import Request

from application.ports import KeyedRequest
from domain.access.model import Principal
from domain.errors import OutOfRange

HEADER: Final = "Idempotency-Key"
MAX_KEY_CHARS: Final = 200
REPLAYED: Final = "Idempotency-Replayed"

_KEY: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def keyed_request(request: Request[Any, Any, Any], caller: Principal, body: Any) -> KeyedRequest | None:
    """
    What the request's key ties it to; None without one. Raises OutOfRange for a key that is none.

    ``body`` is the decoded body: two that say the same in another order or spacing are the same.
    """
    key = idempotency_key(request)
    if key is None:
        return None
    return KeyedRequest(caller.owner, request.scope["path"], key, sha256(_encode(body)).digest())


def idempotency_key(request: Request[Any, Any, Any]) -> str | None:
    """The key that the request came with. Raises OutOfRange for one that is not 1 to 200 printable ASCII characters."""
    values = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise OutOfRange(HEADER, f"must be one key of 1 to {MAX_KEY_CHARS} printable ASCII characters")
    return values[0].decode("ascii")


def replay_headers(*, replayed: bool) -> Mapping[str, str]:
    return {REPLAYED: "true"} if replayed else {}
