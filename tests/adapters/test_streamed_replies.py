"""Replies that are read as they come, alone and by the dozen."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from http import HTTPStatus

import pytest

from adapters.resilience.http_client import MANY_STREAMS, JsonPosts
from adapters.resilience.rests import CROWD, CROWD_BEATS, Rests

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
    rests, one_of_few, one_of_many = Rests(), _Line(), _Line()
    rests.rest(one_of_many, among=CROWD)
    rests.rest(one_of_few, among=CROWD - 1)
    assert await one_of_few.rested_s >= 0.039  # to the beat that it ends with
    assert not one_of_many.rested_s.done()
    assert await one_of_many.rested_s >= 0.089


async def test_a_loop_that_cannot_keep_up_lets_a_crowd_rest_longer_until_it_can() -> None:
    rests = Rests()

    async def rested_s(*, late_s: float = 0.0) -> float:
        line = _Line()
        rests.rest(line, among=CROWD)
        await asyncio.sleep(0)
        time.sleep(late_s)  # noqa: ASYNC251  what the loop is late by
        return await line.rested_s

    for _ in range(6):
        await rested_s(late_s=0.25)  # some 150 ms after the first is due, and still late when they rest longer
    assert await rested_s() >= 0.12
    for _ in range(60):
        lines = [_Line() for _ in range(3)]
        for line in lines:
            rests.rest(line, among=1)
            await asyncio.sleep(0.011)
        await asyncio.gather(*(line.rested_s for line in lines))
        if rests._crowd_beats() == CROWD_BEATS:
            break
    else:
        pytest.fail("the loop has long been in time")


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
