"""What every response carries and every request leaves behind: its id, security headers, one line in the log."""

import logging
import re
from collections.abc import Awaitable, Mapping
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from entrypoints.http.errors import PROBLEM_JSON, bad_host

CONTENT_SECURITY_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
"""JSON has nothing to load; a page that is served sets its own."""

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
)

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{1,5})?")
_TAKEN_ID: Final = re.compile(rb"[\x20-\x7e]{1,128}")

_log = logging.getLogger("ibid.request")


class Envelope:
    """
    Wraps the whole application, so that a path nobody routes and a body nobody could read are answered alike.

    ``X-Request-Id`` is taken from the caller (1 to 128 printable ASCII characters) or made. HEAD is answered as GET
    without its body. The log line names the route's template, never the path, query, headers or body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        request_id = _request_id(scope)
        method: str = scope["method"]
        if method == "HEAD":
            scope = scope.copy()
            scope["method"] = "GET"
        answer = _Answer(send, request_id, bodiless=method == "HEAD")
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if _names_one_host(scope):
                    await self._app(scope, receive, answer.send)
                else:
                    await _refuse_host(scope, answer.send)
            except Exception as error:
                # The response had begun, so no problem document could follow; the server cuts the connection.
                _log.error("response broken off", exc_info=error)
            finally:
                _log_request(scope, method, answer.status, perf_counter() - began, request_id)


class _Answer:
    """The caller's ``send``, with headers added to the start of the response."""

    __slots__ = ("_bodiless", "_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: str, *, bodiless: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._bodiless = bodiless
        self.status = 0

    def send(self, message: Message) -> Awaitable[None]:
        """No coroutine of its own: a stream sends a message a word."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._added(dict(message["headers"]))]
        elif self._bodiless and message["type"] == "http.response.body":
            message["body"] = b""
        return self._send(message)

    def _added(self, present: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        added = [header for header in SECURITY_HEADERS if header[0] not in present]
        return [(b"x-request-id", self._request_id.encode()), *added]


def _names_one_host(scope: HTTPScope) -> bool:
    """
    Nothing here is decided by the Host header, but what stands behind a link or a cache might be: a request must name
    one host, in a form that cannot be mistaken for a path, as RFC 9112 asks of a server.
    """
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if not hosts:
        return scope.get("http_version") in ("1.0", "0.9")
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None


async def _refuse_host(scope: HTTPScope, send: Send) -> None:
    body = msgspec.json.encode(bad_host(instance=scope["path"]))
    length = (b"content-length", str(len(body)).encode())
    headers = [(b"content-type", PROBLEM_JSON.encode()), length]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _TAKEN_ID.fullmatch(value):
            return value.decode("ascii")
    return str(uuid4())


def _log_request(scope: Any, method: str, status: int, seconds: float, request_id: str) -> None:
    user = scope.get("user")
    _log.info(
        "request",
        extra={
            "method": method,
            "route": scope.get("path_template"),
            "status": status,
            "ms": round(seconds * 1_000, 1),
            "request_id": request_id,
            "principal": None if user is None else user.name,
        },
    )
