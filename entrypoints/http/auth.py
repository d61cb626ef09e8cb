"""Who is asking: decided on the handler that was routed to, before its body is read."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException
from litestar.handlers.base import BaseRouteHandler
from litestar.types import AsyncAnyCallable

from application.authenticate import Authenticate
from domain.access.model import Principal

OPEN: Final = {"open_to_all": True}
"""What a handler puts among its options to be served without a key; every other one asks for it."""


def bearer_guard(authenticate: Callable[[], Authenticate]) -> AsyncAnyCallable:
    """A guard for the whole application; the principal it finds is the request's ``user``."""

    async def authenticated(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get("open_to_all") or connection.scope.get("method") == "OPTIONS":
            return
        headers = connection.scope["headers"]
        connection.scope["user"] = await authenticate().execute(bearer_token(headers), user=end_user(headers))

    return authenticated


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
