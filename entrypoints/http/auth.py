"""Who is asking: decided on the handler that was routed to, before its body is read."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from litestar import Request
from litestar.exceptions import ClientException
from litestar.types import ASGIApp, Receive, Scope, Send

from application.authenticate import Authenticate
from application.limit_rate import LimitRate
from domain.access.model import Principal
from domain.access.rates import RateStanding
from domain.errors import DomainError
from entrypoints.http.client_address import Network, client_address

OPEN: Final = {"open_to_all": True}
"""What a handler puts among its options to be served without a key; every other one asks for it."""


NEVER_LIMITED: Final = {"never_limited": True}
"""Probes: whoever watches over the service must not be told to come back later."""

STANDING: Final = "rate_standing"
"""Where a request's ``state`` says how its caller stands."""


class Guard:
    """
    Lets requests in: who asks, and whether not too often. The principal that it finds is the request's ``user``.

    A middleware of every route, since for a guard in the framework's sense it copies the handler with each request.
    """

    def __init__(
        self, authenticate: Callable[[], Authenticate], limit_rate: Callable[[], LimitRate], trusted: Sequence[Network]
    ) -> None:
        """``trusted`` are the proxies whose X-Forwarded-For is believed."""
        self._authenticate = authenticate
        self._limit_rate = limit_rate
        self._trusted = trusted

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            await self._let_in(scope)
            await app(scope, receive, send)

        return guarded

    async def _let_in(self, scope: Any) -> None:
        handler = scope["route_handler"]
        if handler.opt.get("open_to_all") or scope.get("method") == "OPTIONS":
            if handler.opt.get("never_limited"):
                await self.count_stranger(scope, "probes ")
            else:
                (await self.count_stranger(scope)).require()
            return
        try:
            headers = scope["headers"]
            principal = await self._authenticate().execute(bearer_token(headers), user=end_user(headers))
        except (DomainError, ClientException):
            (await self.count_stranger(scope)).require()
            raise
        scope["user"] = principal
        standing = scope["state"][STANDING] = await self._limit_rate().of_principal(principal)
        standing.require()

    async def count_stranger(self, scope: Any, apart: str = "") -> RateStanding:
        """Count a request of nobody known by the address that it comes from; ``apart`` from others where it says so."""
        standing = await self._limit_rate().of_address(apart + client_address(scope, self._trusted))
        scope["state"][STANDING] = standing
        return standing


def bearer_token(headers: Any) -> str | None:
    """The token of ``Authorization: Bearer <token>``; None when there is no such header, or of another scheme."""
    value = _only(headers, b"authorization") or b""
    scheme, _, token = value.decode("latin-1").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def end_user(headers: Any) -> str | None:
    """What ``Ibid-User`` says, however long or strange; None when there is no such header."""
    value = _only(headers, b"ibid-user")
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError as error:
        raise ClientException("Ibid-User is not UTF-8") from error


def _only(headers: Any, wanted: bytes) -> bytes | None:
    values = [value for name, value in headers if name == wanted]
    if len(values) > 1:
        raise ClientException(f"more than one {wanted.decode()} header")
    return values[0] if values else None


def caller(request: Request[Principal, Any, Any]) -> Principal:
    """The principal that the guard let in."""
    return request.user
