"""Bodies of responses, within limits also when they come packed."""

import zlib
from typing import Final

import aiohttp

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
"""Of one page, packed and unpacked alike. The largest page of the sites that were looked at has 1 MB."""
MAX_INFLATION: Final = 20
"""Times its own size that a body may unpack to, looked at from the first MB on; text packs 3 to 10 times."""
_LOOK_FROM_BYTES: Final = 1024 * 1024
_PIECE: Final = 64 * 1024
_STEP: Final = 1024 * 1024
_MAX_MEMBERS: Final = 100
"""Of one gzip file: each costs a copy of all that follows."""

GZIP: Final = b"\x1f\x8b"


class BodyTooLarge(Exception):
    """In words for the owner of the source."""


class BodyUnreadable(Exception):
    pass


async def read_body(response: aiohttp.ClientResponse, *, most: int = MAX_BODY_BYTES) -> bytes:
    """The whole body, unpacked. Raises BodyTooLarge or BodyUnreadable."""
    if (response.content_length or 0) > most:
        raise BodyTooLarge(f"it has {response.content_length:,} bytes; {most // 1024**2} MB are taken")
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip"):
        raise BodyUnreadable(f"it comes in the coding {coding[:40]!r}, which was not asked for")
    raw = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        raw += piece
        if len(raw) > most:
            raise BodyTooLarge(f"it has more than {most // 1024**2} MB")
    return inflated(bytes(raw), most=most) if coding.endswith("gzip") and raw else bytes(raw)


def inflated(packed: bytes, *, most: int) -> bytes:
    """What is in a gzip file. Raises BodyTooLarge or BodyUnreadable; holds no more than ``most`` and a little."""
    out = bytearray()
    waiting = packed
    try:
        for _ in range(_MAX_MEMBERS):
            if not waiting.startswith(GZIP):
                break
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                out += member.decompress(waiting, _STEP)
                waiting = member.unconsumed_tail
                _check(len(out), len(packed), most)
                if not waiting and not member.eof:
                    out += member.flush()
                    _check(len(out), len(packed), most)
                    if not member.eof:
                        raise BodyUnreadable("it is packed, and ends before its end")
            waiting = member.unused_data
    except zlib.error as error:
        raise BodyUnreadable("it is packed, and damaged") from error
    if not out and packed:
        raise BodyUnreadable("it is packed, and damaged")
    return bytes(out)


def _check(size: int, packed: int, most: int) -> None:
    if size > most:
        raise BodyTooLarge(f"it unpacks to more than {most // 1024**2} MB")
    if size > _LOOK_FROM_BYTES and size > packed * MAX_INFLATION:
        raise BodyTooLarge(f"it unpacks to more than {MAX_INFLATION} times its size")
