"""Clients that send nothing, drip, never end or never read: cut in time, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Final

import httpx
import pytest

from entrypoints.bounded_connection import BoundedConnection
from tests.abuse.raw_server import RawServer, connected, replies, request, served
from tests.entrypoints.http_service import ADMIN_KEY, HttpService

HEAD: Final = request(
    "/v1/search", "Content-Type: application/json", "Content-Length: 100", method="POST", key=ADMIN_KEY
)
CHUNKED: Final = request(
    "/v1/admin/ingestions", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST", key=ADMIN_KEY
)


class Impatient(BoundedConnection):
    """The same bounds, a hundredth as long."""

    headers_within_s = 0.3
    body_within_s = 0.5
    reads_within_s = 0.5
    linger_s = 0.3


def test_the_bounds_are_those_that_are_promised() -> None:
    kept = BoundedConnection
    assert (kept.headers_within_s, kept.body_within_s, kept.reads_within_s, kept.linger_s) == (10, 30, 60, 5)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with served(HttpService(), Impatient) as running:
        yield running


async def drip(writer: asyncio.StreamWriter, piece: bytes, every_s: float = 0.05) -> None:
    while not writer.is_closing():
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(every_s)


async def dripped(server: RawServer, first: bytes, piece: bytes) -> bytes:
    """What comes back to a client that goes on dripping until the server has closed."""
    came = bytearray()
    async with connected(server) as (reader, writer):
        writer.write(first)
        dripping = asyncio.create_task(drip(writer, piece))
        # A drop that meets a closed connection resets it: what came before must have been taken by then.
        try:
            async with asyncio.timeout(10):
                while part := await reader.read(65_536):
                    came += part
        except ConnectionError:
            pass
        finally:
            dripping.cancel()
    return bytes(came)


async def test_a_client_that_asks_nothing_is_closed_without_a_word(server: RawServer) -> None:
    assert await server.exchange(timeout_s=5) == b""


async def test_empty_lines_are_no_request(server: RawServer) -> None:
    assert await dripped(server, b"", b"\r\n") == b""


async def test_headers_that_do_not_end_are_408(server: RawServer) -> None:
    [answer] = replies(await server.exchange(b"GET /health/live HTTP/1.1\r\nHost: a\r\n", timeout_s=5))
    assert (answer.status, answer.headers["connection"]) == (408, "close")


async def test_dripping_headers_earns_no_time(server: RawServer) -> None:
    [answer] = replies(await dripped(server, b"GET /health/live HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n"))
    assert answer.status == 408


async def test_a_body_that_does_not_come_is_408(server: RawServer) -> None:
    [answer] = replies(await server.exchange(HEAD + b'{"query"', timeout_s=5))
    assert answer.status == 408
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("first", "piece"), [(HEAD, b" "), (CHUNKED, b"1\r\n \r\n")], ids=["length", "chunks"])
async def test_dripping_a_body_earns_next_to_no_time(server: RawServer, first: bytes, piece: bytes) -> None:
    [answer] = replies(await dripped(server, first, piece))
    assert answer.status == 408


async def test_a_body_at_a_fair_rate_may_take_longer(server: RawServer) -> None:
    """Twice the plain time, at four times the rate that earns it."""
    async with connected(server) as (reader, writer):
        writer.write(HEAD.replace(b"Content-Length: 100", b"Content-Length: 65536"))
        for _ in range(16):
            writer.write(b" " * 4_096)
            await writer.drain()
            await asyncio.sleep(0.06)
        [answer] = replies(await reader.read())
    assert answer.status == 400  # white space is no JSON, and all of it was read


async def test_a_body_that_goes_on_after_its_answer_is_cut(server: RawServer) -> None:
    refused = request("/v1/ask", "Transfer-Encoding: chunked", method="POST").replace(b"Connection: close\r\n", b"")
    [answer] = replies(await dripped(server, refused, b"1000\r\n" + b" " * 4_096 + b"\r\n"))
    assert answer.status == 401


async def test_a_stream_of_chunks_without_end_is_413(server: RawServer) -> None:
    piece = b"%x\r\n" % 65_536 + b" " * 65_536 + b"\r\n"
    answered = await dripped(server, CHUNKED.replace(b"/v1/admin/ingestions", b"/v1/search"), piece)
    [answer] = replies(answered)
    assert answer.status == 413


async def test_an_answer_that_nobody_reads_does_not_stay_open(server: RawServer) -> None:
    """Requests in one connection, none of whose answers is read, until nothing fits any more."""
    alive = request("/schema").replace(b"Connection: close\r\n", b"")
    async with connected(server) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        with pytest.raises((ConnectionError, TimeoutError)) as ended:
            async with asyncio.timeout(10):
                await drip(writer, alive * 20, 0.01)
    assert ended.type is not TimeoutError


@pytest.fixture
async def two_hundred(server: RawServer) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Clients of every slow kind: nothing at all, half a header, half a body."""
    async with AsyncExitStack() as stack:
        readers = []
        for number in range(200):
            reader, writer = await stack.enter_async_context(connected(server))
            writer.write((b"", b"GET / HTTP/1.1\r\nX-A:", HEAD + b"{", CHUNKED + b"1\r\n{\r\n")[number % 4])
            readers.append(reader)
        yield readers


async def test_two_hundred_slow_clients_disturb_nobody_and_are_all_cut(
    server: RawServer, two_hundred: list[asyncio.StreamReader]
) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as client:
        answers = [await client.post("/v1/search", json={"query": "pin"}) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    async with asyncio.timeout(10):
        await asyncio.gather(*(reader.read() for reader in two_hundred))
        # The healthy one may be kept alive.
        while len(server.server.server_state.connections) > 1:  # noqa: ASYNC110  they are another thread's
            await asyncio.sleep(0.01)
