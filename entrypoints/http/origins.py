"""Which web pages may read the answers: those of the origins that the operator has named, compared as whole texts."""

from collections.abc import Iterable
from typing import Final

from litestar.types import Scope

_Headers = list[tuple[bytes, bytes]]

_MAY_READ: Final = (
    b"Idempotency-Replayed, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"
)
_MAY_SEND: Final = b"Accept, Authorization, Content-Type, Ibid-User, Idempotency-Key, Last-Event-ID, X-Request-Id"
_ASK_AGAIN_AFTER_S: Final = b"600"


class AllowedOrigins:
    """
    What CORS headers an answer gets. Keys are sent as bearer tokens, so no page is ever allowed credentials.

    The framework's own answers a page that is not allowed with an error in plain text, and takes ``*`` within an
    origin for a wildcard.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, scope: Scope, *, allowed_methods: bytes | None) -> _Headers:
        """``allowed_methods`` is given for OPTIONS alone: what a page asks before it sends anything else."""
        if not self._origins:
            return []
        vary = [(b"vary", b"Origin")]
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or origins[0] not in self._origins:
            return vary
        headers = [*vary, (b"access-control-allow-origin", origins[0])]
        if allowed_methods is None:
            return [*headers, (b"access-control-expose-headers", _MAY_READ)]
        return [
            *headers,
            (b"access-control-allow-methods", allowed_methods),
            (b"access-control-allow-headers", _MAY_SEND),
            (b"access-control-max-age", _ASK_AGAIN_AFTER_S),
        ]
