"""An ingestion's progress as Server-Sent Events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar.response import Stream

from application.ingestion_progress import Progress
from entrypoints.http.library_bodies import ingestion_body, progress_body
from entrypoints.http.sse import SILENCE_S

_encode = msgspec.json.Encoder().encode


def progress_stream(follow: AsyncIterator[Progress], *, silence_s: float = SILENCE_S) -> Stream:
    """``progress`` whenever it has changed, then ``done`` with the ended ingestion; a comment after 15 s of nothing."""
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return Stream(_events(follow, silence_s), media_type="text/event-stream", headers=headers)


async def _events(follow: AsyncIterator[Progress], silence_s: float) -> AsyncGenerator[bytes, None]:
    number = 0
    async with aclosing(_with_silences(follow, silence_s)) as pieces:
        async for progress in pieces:
            if progress is None:
                yield b": still here\n\n"
                continue
            number += 1
            ingestion = progress.ingestion
            ended = ingestion.status.is_final
            body: Any = ingestion_body(ingestion) if ended else progress_body(progress)
            name = b"done" if ended else b"progress"
            yield b"id: %b:%d\nevent: %b\ndata: %b\n\n" % (str(ingestion.id).encode(), number, name, _encode(body))


async def _with_silences(follow: AsyncIterator[Progress], silence_s: float) -> AsyncGenerator[Progress | None, None]:
    """What ``follow`` gives, and None after each stretch of nothing."""
    waiting: asyncio.Task[Progress] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(follow))
            done, _ = await asyncio.wait([waiting], timeout=silence_s)
            if not done:
                yield None
                continue
            try:
                yield waiting.result()
            except StopAsyncIteration:
                return
            waiting = None
    finally:
        if waiting is not None:
            waiting.cancel()
