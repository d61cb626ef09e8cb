"""Replies that are read as they come, alone and by the dozen."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from http import HTTPStatus
from itertools import pairwise

import pytest

from adapters.resilience.http_client import MANY_STREAMS, JsonPosts
from adapters.resilience.rests import CROWD, IDLE_S, MOST_WAITING, TURNS, Rests

PIECES = [f"piece {number} of it;".encode() for number in range(60)]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, pause_s: float) -> None:
    await reader.readuntil(b"{}")
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    try:
        for piece in PIECES:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    except ConnectionError:
        pass  # the reader has gone
    finally:
        writer.close()


@asynccontextmanager
async def _posts(pause_s: float = 0.002) -> AsyncIterator[JsonPosts]:
    server = await asyncio.start_server(partial(_answer, pause_s=pause_s), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, aclosing(JsonPosts(f"http://{host}:{port}/")) as posts:
        yield posts


async def _read(posts: JsonPosts) -> list[bytes]:
    parts = []
    async with posts.stream("/any", b"{}") as reply:
        assert reply.status_code == HTTPStatus.OK
        async for part in reply.parts():
            parts.append(part)
            reply.rest()
    return parts


@pytest.mark.parametrize("streams", [1, 3 * MANY_STREAMS])
async def test_every_stream_comes_whole_and_in_order(streams: int) -> None:
    async with _posts() as posts:
        read = await asyncio.gather(*(_read(posts) for _ in range(streams)))
    assert [b"".join(parts) for parts in read] == [b"".join(PIECES)] * streams


async def test_many_streams_are_read_seldom() -> None:
    async with _posts(0.01) as posts:
        read = await asyncio.gather(*(_read(posts) for _ in range(2 * MANY_STREAMS)))
    assert max(map(len, read)) < len(PIECES) * 2 / 3


class _Line:
    """A connection that notes when it is read from again."""

    def __init__(self) -> None:
        self.paused_at = 0.0
        self.rested_s: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def pause_reading(self) -> None:
        self.paused_at = asyncio.get_running_loop().time()

    def resume_reading(self) -> None:
        self.rested_s.set_result(asyncio.get_running_loop().time() - self.paused_at)


async def test_in_a_crowd_a_stream_rests_for_longer() -> None:
    rests, one_of_few, one_of_many, one_of_most = Rests(), _Line(), _Line(), _Line()
    rests.rest(one_of_most, among=3 * CROWD)
    rests.rest(one_of_many, among=CROWD)
    rests.rest(one_of_few, among=CROWD - 1)
    assert await one_of_few.rested_s >= 0.039  # to the beat that it ends with
    assert not one_of_many.rested_s.done()
    assert await one_of_many.rested_s >= 0.089
    assert not one_of_most.rested_s.done()
    assert await one_of_most.rested_s >= 0.189


async def _read_again(lines: Sequence[_Line], rests: Rests, turn: Callable[[], None]) -> None:
    """Let them rest together until each is read from; ``turn`` is called while they do."""
    for line in lines:
        rests.rest(line, among=CROWD)
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(turn)
    await asyncio.gather(*(line.rested_s for line in lines))


async def test_what_is_ready_comes_between_two_streams_that_are_read_again() -> None:
    order: list[str] = []

    class Noting(_Line):
        def resume_reading(self) -> None:
            super().resume_reading()
            order.append("|")

    rests, loop = Rests(), asyncio.get_running_loop()
    lines = [Noting() for _ in range(4)]

    def turn() -> None:
        order.append("-")
        time.sleep(2 * IDLE_S)
        if not all(line.rested_s.done() for line in lines):
            loop.call_soon(turn)

    await _read_again(lines, rests, turn)
    _, *others = "".join(order).split("|")
    assert others == ["-" * TURNS] * 3 + [others[-1]]


async def test_no_stream_waits_for_long_however_many_are_due() -> None:
    rests, loop = Rests(), asyncio.get_running_loop()
    lines = [_Line() for _ in range(5 * MOST_WAITING)]
    read_in_a_turn = [0]

    def turn() -> None:
        read_in_a_turn.append(sum(line.rested_s.done() for line in lines))
        if read_in_a_turn[-1] < len(lines):
            loop.call_soon(turn)

    await _read_again(lines, rests, turn)
    turns = sum(after > before for before, after in pairwise(read_in_a_turn))
    assert turns < 3 * MOST_WAITING


async def test_a_stream_that_is_left_while_it_rests_holds_nothing_up() -> None:
    async with _posts() as posts:
        others = [asyncio.create_task(_read(posts)) for _ in range(2 * MANY_STREAMS)]
        for _ in range(5):
            async with posts.stream("/any", b"{}") as reply, aclosing(reply.parts()) as parts:
                await anext(parts)
                reply.rest()
        others[0].cancel()
        assert [b"".join(parts) for parts in await asyncio.gather(*others[1:])] == [b"".join(PIECES)] * (
            2 * MANY_STREAMS - 1
        )
        assert b"".join(await _read(posts)) == b"".join(PIECES)
