"""The connections of a question's calls, against a server that sends just the bytes it is told to."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.resilience import connections as module
from adapters.resilience.connections import BrokenOff, Connection, Connections, Lost, Unreachable
from adapters.resilience.http_client import JsonPosts, translated
from domain.errors import PortUnavailable
from tests.certificates import certificates

OK = b"HTTP/1.1 200 OK\r\n"
SHORT = OK + b"content-length: 5\r\n\r\nhello"


@dataclass
class _Server:
    """Each request is answered by the next of ``replies``; an empty one closes the connection instead."""

    replies: list[Sequence[bytes]] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    opened: int = 0
    open: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head + await reader.readexactly(2))
                pieces = self.replies.pop(0)
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0.01)
                if not pieces or b"connection: close" in pieces[0]:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def _running(
    *replies: Sequence[bytes], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[_Server, Connections]]:
    told = _Server(list(replies))
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0, ssl=tls)
    told.port = server.sockets[0].getsockname()[1]
    async with server:
        connections = Connections(f"http://127.0.0.1:{told.port}/base/", {"x-key": "k"}, None)
        try:
            yield told, connections
        finally:
            connections.close()
            await asyncio.sleep(0)


async def _asked(connections: Connections, *, whole: bool = False) -> tuple[Connection, bytes]:
    """The reply, read to its end, its connection given back."""
    connection = await connections.post("/path", b"{}", whole=whole)
    try:
        body = b""
        while part := await connection.part():
            body += part
        return connection, body
    finally:
        connections.done(connection)


async def _until(server: _Server, *, requests: int) -> None:
    async with asyncio.timeout(5):
        while len(server.requests) < requests:  # noqa: ASYNC110  another end of a connection sees them
            await asyncio.sleep(0.01)


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
WHOLE: dict[str, Sequence[bytes]] = {
    "of a length": [SHORT],
    "in chunks": [CHUNKED],
    "byte by byte": [CHUNKED[at : at + 1] for at in range(len(CHUNKED))],
    "to the connection's end": [OK + b"connection: close\r\n\r\nhel", b"lo"],
    "after a hint": [b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + SHORT],
    "compressed all the same": [OK + b"Content-Encoding: gzip\r\nconnection: close\r\n\r\n" + gzip.compress(b"hello")],
}


@pytest.mark.parametrize("whole", [False, True], ids=["by parts", "at once"])
@pytest.mark.parametrize("pieces", WHOLE.values(), ids=WHOLE)
async def test_a_reply_is_read_whole_however_it_comes(pieces: Sequence[bytes], whole: bool) -> None:
    async with _running(pieces) as (server, connections):
        connection, body = await _asked(connections, whole=whole)
    assert (connection.status, connection.reason, body) == (200, "OK", b"hello")
    assert "link" not in connection.headers
    head = b"POST /base/path HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % server.port
    assert server.requests[0].startswith(head)
    assert server.requests[0].endswith(b"x-key: k\r\ncontent-length: 2\r\n\r\n{}")


BROKEN: dict[str, tuple[Sequence[bytes], type[Exception]]] = {
    "nothing": ([], Lost),
    "half a head": ([OK + b"connection: close\r\n"], Lost),
    "less than its length": ([OK + b"content-length: 9\r\nconnection: close\r\n\r\nhello"], BrokenOff),
    "no last chunk": ([OK + b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n"], BrokenOff),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], BrokenOff),
    "an unknown coding": ([OK + b"content-encoding: br\r\ncontent-length: 1\r\n\r\nx"], BrokenOff),
    "spoilt compression": ([OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello"], BrokenOff),
    "headers without an end": ([OK + b"x: %b\r\n" % (b"y" * 1_000) * 80 + b"\r\n"], BrokenOff),
}


@pytest.mark.parametrize("whole", [False, True], ids=["by parts", "at once"])
@pytest.mark.parametrize(("pieces", "error"), BROKEN.values(), ids=BROKEN)
async def test_what_is_no_whole_reply_is_told_and_its_connection_is_not_kept(
    pieces: Sequence[bytes], error: type[Exception], whole: bool
) -> None:
    async with _running(pieces, [SHORT]) as (server, connections):
        with pytest.raises(error):
            await _asked(connections, whole=whole)
        assert await _asked(connections)
        assert server.opened == 2


async def test_a_connection_is_used_again_when_its_reply_was_read_and_both_keep_it() -> None:
    async with _running([SHORT], [CHUNKED], [OK + b"connection: close\r\ncontent-length: 0\r\n\r\n"], [SHORT]) as (
        server,
        connections,
    ):
        for _ in range(3):
            await _asked(connections)
        assert server.opened == 1
        await _asked(connections)
        assert server.opened == 2


async def test_a_reply_that_is_left_half_read_closes_its_connection() -> None:
    async with _running([OK + b"content-length: 9\r\n\r\n", b"hello"], [SHORT]) as (server, connections):
        connection = await connections.post("/path", b"{}")
        assert await connection.part() == b"hello"
        connections.done(connection)
        assert (await _asked(connections))[1] == b"hello"
        assert server.opened == 2


async def test_more_than_was_asked_for_reaches_nobody() -> None:
    async with _running([SHORT + SHORT], [SHORT, SHORT], [SHORT]) as (server, connections):
        assert (await _asked(connections))[1] == b"hello"  # two replies at once
        assert (await _asked(connections))[1] == b"hello"  # and one after the other
        await asyncio.sleep(0.05)
        assert (await _asked(connections))[1] == b"hello"
        assert server.opened == 3


async def test_a_connection_that_was_closed_while_it_idled_is_not_used() -> None:
    async with _running([SHORT], [SHORT]) as (server, connections):
        connection, _ = await _asked(connections)
        connection.close()
        await _asked(connections)
        assert server.opened == 2


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.05)
    async with _running([SHORT]) as (server, connections):
        await _asked(connections)
        assert server.open == 1
        async with asyncio.timeout(5):
            while server.open:  # noqa: ASYNC110  a server notices a lost connection when it does
                await asyncio.sleep(0.01)


LARGE = b"x" * 100_000


async def test_a_reply_larger_than_what_is_held_comes_at_once() -> None:
    head = OK + b"content-length: %d\r\n\r\n" % (20 * len(LARGE))
    async with _running([head, *([LARGE] * 20)], [SHORT]) as (server, connections):
        assert (await _asked(connections, whole=True))[1] == LARGE * 20
        assert (await _asked(connections, whole=True))[1] == b"hello"
        assert server.opened == 1


async def test_a_reply_larger_than_what_is_held_comes_whole() -> None:
    head = OK + b"content-length: %d\r\n\r\n" % (20 * len(LARGE))
    async with _running([head, *([LARGE] * 20)], [SHORT]) as (server, connections):
        connection = await connections.post("/path", b"{}")
        size = 0
        while part := await connection.part():
            size += len(part)
            await asyncio.sleep(0.02)
        connections.done(connection)
        assert size == 20 * len(LARGE)
        assert (await _asked(connections))[1] == b"hello"
        assert server.opened == 1


async def test_at_the_end_nobody_is_left_waiting() -> None:
    async with _running([b""], [OK + b"content-length: 9\r\n\r\nhello"]) as (server, connections):
        asking = asyncio.create_task(_asked(connections))
        await _until(server, requests=1)
        reading = asyncio.create_task(_asked(connections))
        await _until(server, requests=2)
        await asyncio.sleep(0.05)
        connections.close()
        with pytest.raises(Lost):
            await asking
        with pytest.raises(BrokenOff):
            await reading
        with pytest.raises(Lost):
            await _asked(connections)
        assert server.opened == 2


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with _running() as (server, _):
        pass
    with pytest.raises(Unreachable):
        await Connections(f"http://127.0.0.1:{server.port}", {}, None).post("/", b"{}")


def test_a_header_cannot_hold_another() -> None:
    with pytest.raises(ValueError, match="more than one line"):
        Connections("http://127.0.0.1", {"x-key": "k\r\nx-other: 1"}, None)


async def test_a_name_and_password_in_the_address_are_sent_as_such() -> None:
    async with _running([SHORT]) as (server, _):
        connections = Connections(f"http://me:p%40ss@127.0.0.1:{server.port}", {}, None)
        await _asked(connections)
        connections.close()
        await asyncio.sleep(0)
    assert b"\r\nauthorization: Basic bWU6cEBzcw==\r\n" in server.requests[0]


async def test_a_proxy_of_the_environment_is_asked_in_the_services_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _running([SHORT], [SHORT]) as (proxy, _):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        posts = JsonPosts("http://service.invalid/v2")
        reply = await posts.post("/embed", b"{}")
        assert (reply.status_code, reply.content) == (200, b"hello")
        async with posts.stream("/chat", b"{}") as streamed:
            assert [part async for part in streamed.parts()] == [b"hello"]
        await posts.aclose()
    assert proxy.requests[0].startswith(b"POST http://service.invalid/v2/embed HTTP/1.1\r\n")


async def test_tls_is_spoken_with_a_service_that_is_who_it_says_and_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, certificate = certificates(tmp_path, "localhost")
    async with _running([SHORT], [CHUNKED[:40], CHUNKED[40:]], [SHORT], tls=tls) as (server, _):

        async def asked(host: str) -> bytes:
            posts = JsonPosts(f"https://{host}:{server.port}")
            try:
                with translated("the service"):
                    whole = (await posts.post("/whole", b"{}")).content
                    async with posts.stream("/streamed", b"{}") as reply:
                        return whole + b"".join([part async for part in reply.parts()])
            finally:
                await posts.aclose()

        with pytest.raises(PortUnavailable, match="cannot be reached"):
            await asked("localhost")  # nobody known vouches for it
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(PortUnavailable, match="cannot be reached"):
            await asked("127.0.0.1")  # that is not its name
        assert server.requests == []

        assert await asked("localhost") == b"hellohello"
        assert [request.partition(b" HTTP")[0] for request in server.requests] == [b"POST /whole", b"POST /streamed"]
