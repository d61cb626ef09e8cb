"""What must be as before when a fault is over: no task of ours left running, no connection out of its pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine


@asynccontextmanager
async def no_task_left(within_s: float = 2.0) -> AsyncIterator[None]:
    """Every task that Ibid, or a library under it, began inside has ended when it is over, or soon after."""
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(within_s):
        while {task for task in asyncio.all_tasks() - before if _is_ours(task)}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def all_connections_back(engine: AsyncEngine, within_s: float = 5.0) -> None:
    """At once, or soon: what is old is swept after an answer, and may be at it still."""
    async with asyncio.timeout(within_s):
        while engine.pool.checkedout():  # type: ignore[attr-defined]  # noqa: ASYNC110  a queue pool
            await asyncio.sleep(0.01)


def _is_ours(task: "asyncio.Task[Any]") -> bool:
    """Not of the fakes, which end with the test."""
    frame = task.get_coro().cr_frame if hasattr(task.get_coro(), "cr_frame") else None  # type: ignore[union-attr]
    return frame is not None and "/tests/" not in frame.f_code.co_filename
