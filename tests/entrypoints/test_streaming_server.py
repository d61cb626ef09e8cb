"""A turn's events through the server as ``ibid serve`` sets it up, over sockets."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import httpx
import pytest

from application.ports import AnswerWriter
from domain.conversation.model import Question
from domain.grounding.model import Evidence
from entrypoints.bounded_connection import BoundedConnection
from tests.abuse.raw_server import RawServer, connected, request, served
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, HttpService
from tests.story import PINNING

WORDS: Final = 200
WORD: Final = " pin" + "n" * 5_000
"""Two hundred are more than fits between a server and a client that does not read and has little room."""
ASK: Final = f'{{"question": "{QUESTION}"}}'.encode()


class Counted(BoundedConnection):
    """Has little room to send, and says how often that was full."""

    pauses = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)

    def pause_writing(self) -> None:
        Counted.pauses += 1
        super().pause_writing()


class LongWinded(AnswerWriter):
    name = "long-winded"

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        yield "Pin a dependency with an exact version. [1] Then"
        for _ in range(WORDS):
            yield WORD
            await asyncio.sleep(0)


class Hesitant(AnswerWriter):
    name = "hesitant"

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        yield "Pin a dependency with an exact version. [1] Then"
        await asyncio.sleep(60)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    yield from serving(LongWinded())


@pytest.fixture
def hesitant() -> Iterator[RawServer]:
    yield from serving(Hesitant())


def serving(writer: AnswerWriter) -> Iterator[RawServer]:
    with served(HttpService(writer), Counted) as running:
        with httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as client:
            document = {"uri": "pinning.md", "content": PINNING, "format": "markdown"}
            accepted = client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": [document]})
            deadline = time.monotonic() + 20
            while (state := client.get(accepted.headers["location"]).json())["status"] in ("queued", "running"):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert state["status"] == "succeeded"
        yield running


def ask(*headers: str, body: bytes = ASK) -> bytes:
    stream = ("Accept: text/event-stream", "Content-Type: application/json", f"Content-Length: {len(body)}")
    return request("/v1/ask", *stream, *headers, method="POST", body=body, key=ADMIN_KEY)


def unchunked(raw: bytes) -> bytes:
    """A response's body, whose chunks must be well formed to the last."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
        if not length:
            assert not rest
            return body


async def again(server: RawServer, body: bytes) -> bytes:
    """The same turn's events from the first, as the server keeps them."""
    turn = body[len("id: ") :].partition(b":")[0].decode()
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}) as client:
        return (await client.get(f"/v1/turns/{turn}/events", timeout=20)).content


async def test_a_reader_at_its_socket_gets_what_is_kept(server: RawServer) -> None:
    body = unchunked(await server.exchange(ask()))
    assert body.count(b"event: text\n") >= WORDS
    assert body.count(b"event: claim\n") == 2
    assert body.split(b"\n\n")[-2].split(b"\n")[1] == b"event: done"
    assert await again(server, body) == body


async def test_a_reader_who_does_not_read_for_a_while_gets_everything_in_the_end(server: RawServer) -> None:
    before = Counted.pauses
    with socket.socket() as little:
        little.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        little.connect(("127.0.0.1", server.port))
        little.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(little, ask())
        async with asyncio.timeout(20):
            while Counted.pauses == before:  # noqa: ASYNC110  it is another thread's
                await asyncio.sleep(0.01)
            raw = b""
            while part := await loop.sock_recv(little, 65_536):
                raw += part
    body = unchunked(raw)
    assert await again(server, body) == body


async def test_one_who_leaves_in_the_middle_leaves_the_turn_running(server: RawServer) -> None:
    async with connected(server) as (reader, writer):
        writer.write(ask())
        begun = (await reader.readuntil(b"event: text")).partition(b"\r\n\r\n")[2].partition(b"\r\n")[2]
    body = await again(server, begun)
    assert body.count(b"event: text\n") >= WORDS
    assert b"event: done" in body


@pytest.mark.parametrize("blanks", [0, 200_000])  # of a large body the server stops reading for a moment
async def test_one_who_leaves_takes_along_the_turn_that_is_to_go_with_them(hesitant: RawServer, blanks: int) -> None:
    async with connected(hesitant) as (reader, writer):
        writer.write(ask(body=ASK.replace(b"}", b', "on_disconnect": "cancel"' + b" " * blanks + b"}")))
        begun = (await reader.readuntil(b"event: text")).partition(b"\r\n\r\n")[2].partition(b"\r\n")[2]
    async with asyncio.timeout(10):  # before the server would find out by writing
        assert b'"status":"cancelled"' in await again(hesitant, begun)


async def test_a_head_of_a_stream_has_no_body(server: RawServer) -> None:
    turn = unchunked(await server.exchange(ask()))[len("id: ") :].partition(b":")[0].decode()
    answer = await server.exchange(request(f"/v1/turns/{turn}/events", method="HEAD", key=ADMIN_KEY))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.partition(b"\r\n\r\n")[2] == b""


async def test_to_a_client_of_http_1_0_the_bytes_are_the_same(server: RawServer) -> None:
    one = request("/v1/ask", version="1.0", method="POST").partition(b"\r\n")[0]
    raw = await server.exchange(one + b"\r\n" + ask().partition(b"\r\n")[2])
    assert raw.startswith(b"HTTP/1.1 200")
    assert b"event: done" in raw
