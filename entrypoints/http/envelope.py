"""What every response carries and every request leaves behind: its id, security headers, one line in the log."""

import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from time import perf_counter
from typing import Any, Final, TypeAlias
from uuid import uuid4

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from application.arrival import serving
from domain.access.rates import RateStanding
from domain.errors import TooBusy
from entrypoints.http.auth import STANDING
from entrypoints.http.errors import PROBLEM_JSON, ProblemBody, bad_host, headers_of, problem_of
from entrypoints.http.origins import AllowedOrigins
from entrypoints.http.room import Place, Room

CONTENT_SECURITY_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
"""JSON has nothing to load; a page that is served sets its own."""

SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""On every answer that does not say otherwise itself: what is told to one caller is in no cache for the next."""

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{1,5})?")
_PROBES: Final = "/health/"
"""Answered from memory however busy the service is: else it would be taken for dead and started again."""

_TAKEN_ID: Final = re.compile(rb"[\x20-\x7e]{1,128}")

_Header: TypeAlias = tuple[bytes, bytes]

_log = logging.getLogger("ibid.request")


class Envelope:
    """
    Wraps the whole application, so that a path nobody routes and a body nobody could read are answered alike.

    ``X-Request-Id`` is taken from the caller (1 to 128 printable ASCII characters) or made. HEAD is answered as GET
    without its body. The log line names the route's template, never the path, query, headers or body.
    """

    def __init__(
        self,
        app: ASGIApp,
        methods: Mapping[str, Collection[str]],
        origins: AllowedOrigins,
        room: Room,
        count_stranger: Callable[[Any], Awaitable[RateStanding]],
    ) -> None:
        """
        ``methods`` gives for each route's template what it takes; ``count_stranger`` counts a request that no route
        has counted: it was sent where nothing is, or refused on the way.
        """
        self._app = app
        self._count_stranger = count_stranger
        self._origins = origins
        self._room = room
        self._allowed = {
            path: ", ".join(sorted({*taken, *(["HEAD"] if "GET" in taken else [])})).encode()
            for path, taken in methods.items()
        }

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
        place = self._room.place(scope)
        answer = _Answer(send, request_id, lambda: self._added(scope, method), place, bodiless=method == "HEAD")
        with serving(began * 1_000, request_id):
            try:
                if not _names_one_host(scope):
                    await _refuse(scope, answer.send, bad_host(instance=scope["path"]))
                elif scope["path"].startswith(_PROBES):
                    await self._app(scope, receive, answer.send)
                elif place.has_body:
                    self._room.look_in()
                    await self._app(scope, place.receiving(receive), answer.send)
                else:
                    await place.take()
                    await self._app(scope, receive, answer.send)
            except TooBusy as error:
                busy = problem_of(error, instance=scope["path"])
                await _refuse(scope, answer.send, busy, headers_of(error))
            except Exception as error:
                # The response had begun, so no problem document could follow; the server cuts the connection.
                _log.error("response broken off", exc_info=error)
            finally:
                place.end()
                _log_request(scope, method, answer.status, perf_counter() - began, request_id)

    async def _added(self, scope: HTTPScope, method: str) -> list[_Header]:
        standing = scope["state"].get(STANDING) or await self._count_stranger(scope)
        rates = [
            (b"ratelimit-limit", str(standing.limit).encode()),
            (b"ratelimit-remaining", str(standing.remaining).encode()),
            (b"ratelimit-reset", str(standing.reset_s).encode()),
        ]
        return [*rates, *self._by_origin(scope, method)]

    def _by_origin(self, scope: HTTPScope, method: str) -> list[_Header]:
        if method != "OPTIONS":
            return self._origins.headers(scope, allowed_methods=None)
        # The framework forgets a method of a path whose handlers were registered one after the other.
        allowed = self._allowed.get(str(scope.get("path_template")), b"OPTIONS")
        return [(b"allow", allowed), *self._origins.headers(scope, allowed_methods=allowed)]


class _Answer:
    """The caller's ``send``, with headers added to the start of the response."""

    __slots__ = ("_bodiless", "_more", "_place", "_request_id", "_send", "status")

    def __init__(
        self,
        send: Send,
        request_id: str,
        more: Callable[[], Awaitable[list[_Header]]],
        place: Place,
        *,
        bodiless: bool,
    ) -> None:
        self._send = send
        self._request_id = request_id
        self._more = more
        self._place = place
        self._bodiless = bodiless
        self.status = 0

    def send(self, message: Message) -> Awaitable[None]:
        """No coroutine of its own: a stream sends a message a word."""
        if message["type"] == "http.response.start":
            return self._start(message)
        if self._bodiless and message["type"] == "http.response.body":
            message["body"] = b""
        return self._send(message)

    async def _start(self, message: HTTPResponseStartEvent) -> None:
        self.status = message["status"]
        self._place.answering()
        added = [(b"x-request-id", self._request_id.encode()), *await self._more()]
        replaced = {name for name, _ in added}
        kept = [header for header in message["headers"] if header[0] not in replaced]
        present = {name for name, _ in kept}
        message["headers"] = [*kept, *added, *(header for header in SECURITY_HEADERS if header[0] not in present)]
        await self._send(message)


def _names_one_host(scope: HTTPScope) -> bool:
    """
    Nothing here is decided by the Host header, but what stands behind a link or a cache might be: a request must name
    one host, in a form that cannot be mistaken for a path, as RFC 9112 asks of a server.
    """
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if not hosts:
        return scope.get("http_version") in ("1.0", "0.9")
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None


async def _refuse(scope: HTTPScope, send: Send, problem: ProblemBody, more: Mapping[str, str] | None = None) -> None:
    body = msgspec.json.encode(problem)
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
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
