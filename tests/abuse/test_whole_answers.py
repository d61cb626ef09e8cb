"""Every kind of answer, byte by byte, over sockets: one head each, in order, and its body and no more behind it."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest

from entrypoints.bounded_connection import BoundedConnection
from tests.abuse.raw_server import RawServer, Reply, connected, request, served
from tests.entrypoints.http_service import ADMIN_KEY, HttpService

JSON: Final = "Content-Type: application/json"
SEARCH: Final = b'{"query": "pin"}'
ASK: Final = b'{"question": "How is a dependency pinned?"}'
WITHIN_S: Final = 20.0


class Bare:
    """What lies below ``/bare`` is answered as no route does, but as the server must let one answer."""

    def __init__(self, routes: Any) -> None:
        self._routes = routes
        self._may_go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = scope["path"].removeprefix("/bare/") if scope["type"] == "http" else ""
        if not kind or kind == scope["path"]:
            await self._routes(scope, receive, send)
            return
        if kind == "breaks-before-its-head":
            raise RuntimeError(kind)
        headers = [] if kind in ("304", "chunks") else [(b"content-length", b"6")]
        await send({"type": "http.response.start", "status": 304 if kind == "304" else 200, "headers": headers})
        if kind == "breaks-before-its-body":
            raise RuntimeError(kind)
        if kind == "late":
            await self._may_go_on.wait()
        if kind == "go-on":
            self._may_go_on.set()
        for part in () if kind == "304" else (b"abc", b"def"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Service(HttpService):
    def __init__(self) -> None:
        super().__init__()
        self.app: Any = Bare(self.app)


class Noted:
    """A transport that notes what each call wrote."""

    def __init__(self, transport: asyncio.Transport, written: list[bytes]) -> None:
        self._transport, self._written = transport, written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))


class NotingConnection(BoundedConnection):
    written: Final[list[bytes]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Noted(transport, self.written))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with served(Service(), NotingConnection) as running:
        yield running


def kept_alive(target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    length = (f"Content-Length: {len(body)}", JSON) if body else ()
    one = request(target, *length, *headers, method=method, body=body, key=ADMIN_KEY)
    return one.replace(b"Connection: close\r\n", b"")


async def reply(reader: asyncio.StreamReader, *, to: str = "GET") -> Reply:
    """The next reply, of which nothing is read but what its own head says that it has."""
    async with asyncio.timeout(WITHIN_S):
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        names = [line.partition(": ")[0].lower() for line in lines]
        assert len(names) == len(set(names)), names
        headers = dict(zip(names, (line.partition(": ")[2] for line in lines), strict=True))
        body = b""
        if to == "HEAD" or status in ("204", "304"):
            pass
        elif headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in headers
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                assert await reader.readexactly(2) == b"\r\n"
            assert await reader.readexactly(2) == b"\r\n"
        else:
            body = await reader.readexactly(int(headers["content-length"]))
    return Reply(int(status), headers, body)


async def nothing_more(reader: asyncio.StreamReader) -> bool:
    """Whether the server closed without another byte."""
    async with asyncio.timeout(WITHIN_S):
        return await reader.read() == b""


async def test_a_head_and_its_body_are_written_at_once(server: RawServer) -> None:
    async with connected(server) as (reader, writer):
        NotingConnection.written.clear()
        for _ in range(2):
            writer.write(kept_alive("/health/live"))
            answer = await reply(reader)
            [whole] = NotingConnection.written
            assert whole.startswith(b"HTTP/1.1 200")
            assert whole.endswith(b"\r\n\r\n" + answer.body)
            NotingConnection.written.clear()


async def test_a_head_waits_for_no_body_that_comes_later(server: RawServer) -> None:
    async with connected(server) as (reader, writer):
        writer.write(kept_alive("/bare/late"))
        async with asyncio.timeout(WITHIN_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        async with connected(server) as (other, asks):
            asks.write(kept_alive("/bare/go-on"))
            assert (await reply(other)).body == b"abcdef"
        async with asyncio.timeout(WITHIN_S):
            assert await reader.readexactly(6) == b"abcdef"


async def test_requests_sent_together_are_answered_in_order_each_with_one_head(server: RawServer) -> None:
    stream = ("/v1/ask", "Accept: text/event-stream")
    asked = [
        ("GET", 200, kept_alive("/v1/me", "X-Request-ID: 0")),
        ("HEAD", 200, kept_alive("/v1/me", "X-Request-ID: 1", method="HEAD")),
        ("OPTIONS", 204, kept_alive("/v1/me", "X-Request-ID: 2", method="OPTIONS")),
        ("GET", 304, kept_alive("/bare/304")),
        ("HEAD", 404, kept_alive("/nowhere", "X-Request-ID: 4", method="HEAD")),
        ("GET", 404, kept_alive("/nowhere", "X-Request-ID: 5")),
        ("POST", 200, kept_alive("/v1/search", "X-Request-ID: 6", method="POST", body=SEARCH)),
        ("POST", 200, kept_alive(*stream, "X-Request-ID: 7", method="POST", body=ASK)),
        ("GET", 200, kept_alive("/bare/chunks")),
        ("HEAD", 200, kept_alive("/bare/length", method="HEAD")),
        ("GET", 200, kept_alive("/bare/length")),
        ("GET", 200, request("/v1/me", "X-Request-ID: 11", key=ADMIN_KEY)),
    ]
    async with connected(server) as (reader, writer):
        writer.write(b"".join(one for _, _, one in asked))
        answers = [await reply(reader, to=method) for method, _, _ in asked]
        assert await nothing_more(reader)
    assert [one.status for one in answers] == [status for _, status, _ in asked]
    for number, one in enumerate(answers):
        assert one.headers.get("x-request-id", str(number)) == str(number)
    assert answers[0].body == answers[11].body
    assert [answers[number].body for number in (8, 9, 10)] == [b"abcdef", b"", b"abcdef"]
    assert answers[1].headers["content-length"] == str(len(answers[0].body))
    assert answers[11].headers["connection"] == "close"
    assert answers[7].body.count(b"event: done") == 1


@pytest.mark.parametrize("target", ["/v1/me", "/bare/length", "/bare/chunks", "/nowhere"])
async def test_the_last_head_without_a_body_is_written_before_the_end(server: RawServer, target: str) -> None:
    async with connected(server) as (reader, writer):
        writer.write(request(target, method="HEAD", key=ADMIN_KEY))
        answer = await reply(reader, to="HEAD")
        assert await nothing_more(reader)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(("target", "method", "status"), [("/v1/me", "OPTIONS", 204), ("/bare/304", "GET", 304)])
async def test_an_answer_that_has_no_body_ends_with_its_head(
    server: RawServer, target: str, method: str, status: int
) -> None:
    async with connected(server) as (reader, writer):
        writer.write(request(target, method=method, key=ADMIN_KEY))
        answer = await reply(reader)
        assert await nothing_more(reader)
    assert answer.status == status
    assert "transfer-encoding" not in answer.headers


async def test_who_asks_whether_to_go_on_is_told_before_the_head(server: RawServer) -> None:
    head = kept_alive("/v1/search", "Expect: 100-continue", method="POST", body=SEARCH).removesuffix(SEARCH)
    async with connected(server) as (reader, writer):
        for _ in range(2):
            writer.write(head)
            async with asyncio.timeout(WITHIN_S):
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(SEARCH)
            assert (await reply(reader)).status == 200


async def test_who_asks_whether_to_go_on_and_is_refused_is_told_so_alone(server: RawServer) -> None:
    refused = request("/v1/search", "Expect: 100-continue", JSON, "Content-Length: 16", method="POST")
    async with connected(server) as (reader, writer):
        writer.write(refused)
        assert (await reply(reader)).status == 401
        assert await nothing_more(reader)


@pytest.mark.parametrize("target", ["/health/live", "/bare/length"])
async def test_to_a_client_of_http_1_0_the_answer_is_whole_and_then_all_is_over(server: RawServer, target: str) -> None:
    one = request(target, version="1.0", key=ADMIN_KEY).replace(b"Connection: close\r\n", b"")
    async with connected(server) as (reader, writer):
        writer.write(one)
        answer = await reply(reader)
        assert await nothing_more(reader)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert answer.body


async def test_what_breaks_before_its_head_is_one_500(server: RawServer) -> None:
    async with connected(server) as (reader, writer):
        writer.write(kept_alive("/bare/breaks-before-its-head") + kept_alive("/v1/me"))
        assert (await reply(reader)).status == 500
        assert await nothing_more(reader)


async def test_what_breaks_before_its_body_is_a_head_and_then_cut(server: RawServer) -> None:
    async with connected(server) as (reader, writer):
        writer.write(kept_alive("/bare/breaks-before-its-body") + kept_alive("/v1/me"))
        async with asyncio.timeout(WITHIN_S):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"content-length: 6\r\n" in head
        assert await nothing_more(reader)


async def test_what_cannot_be_parsed_is_refused_after_what_was_answered_before(server: RawServer) -> None:
    async with connected(server) as (reader, writer):
        writer.write(kept_alive("/v1/me", method="HEAD"))
        assert (await reply(reader, to="HEAD")).status == 200
        writer.write(b"GET\r\n\r\n")
        assert (await reply(reader)).status == 400
        assert await nothing_more(reader)
