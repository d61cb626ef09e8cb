"""The service as an ASGI application: the use cases behind HTTP, and what runs beside them while it lives."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

from dependency_injector import containers
from litestar import Litestar

from application.remembered_keys import CAPACITY
from entrypoints.containers import UseCases
from entrypoints.http.app import create_app
from entrypoints.http.room import Room

DRAIN_S: Final = 20.0
"""How long running turns may go on after the service was told to stop."""

ROUTED: Final = (
    "authenticate",
    "diagnose",
    "ask_question",
    "search_passages",
    "submit_ingestion",
    "submit_upload",
    "read_ingestions",
    "follow_ingestion",
    "cancel_ingestion",
    "retry_ingestion",
    "read_documents",
    "forget_document",
    "read_conversation",
    "read_references",
    "issue_key",
    "read_keys",
    "revoke_key",
    "read_caller",
    "create_collection",
    "read_collections",
    "change_collection",
    "delete_collection",
)

_log = logging.getLogger("ibid.service")


def build_app(
    adapters: containers.Container,
    *,
    holder: str,
    only_process: bool,
    keep_vectors: bool = True,
    opened: Callable[[], AbstractAsyncContextManager[None]] | None = None,
    allowed_origins: Sequence[str] = (),
    settings_shown: Callable[[], Mapping[str, str]] = dict,
    room: Room | None = None,
) -> Litestar:
    """
    The application over some adapters.

    ``holder`` names this process in its turns' leases; ``only_process`` says that no other can be answering, so that
    every turn another left running is lost. ``opened`` opens the adapters around the application's life.
    """
    use_cases = UseCases(
        adapters=adapters,
        holder=holder,
        keep_vectors=keep_vectors,
        # Whoever shares a database hears nothing of keys that another process revokes.
        remembered_keys=CAPACITY if only_process else 0,
    )
    state: dict[str, Any] = {"ready": False, "checks": {}}

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        if opened is None:
            async with _running(use_cases, state, holder if only_process else None):
                yield
        else:
            async with opened(), _running(use_cases, state, holder if only_process else None):
                yield

    def readiness() -> dict[str, Any]:
        """A service outside that is left alone for a while makes answers poorer, and Ibid no less ready."""
        return {**state, "checks": {**state["checks"], **use_cases.adapters.outside().states()}}

    return create_app(
        {name: getattr(use_cases, name) for name in ROUTED},
        readiness=readiness,
        lifespan=[life],
        allowed_origins=allowed_origins,
        settings_shown=settings_shown,
        room=room,
    )


@asynccontextmanager
async def _running(use_cases: UseCases, state: dict[str, Any], only_holder: str | None) -> AsyncIterator[None]:
    """End what a crash left running, work on what it left waiting, and let turns end before leaving."""
    async with use_cases.unit_of_work()() as uow:
        lost = await uow.turns.interrupt_lost(now=use_cases.adapters.clock().now(), lost_holders_all_but=only_holder)
        await uow.commit()
    if lost:
        _log.warning("turns interrupted by an earlier crash", extra={"turns": lost})
    work = use_cases.work_ingestions()
    await work.resume()
    worker = asyncio.create_task(work.run())
    state |= {"ready": True, "checks": {"database": "ok", "index": "ok", "embedder": "ok"}}
    try:
        yield
    finally:
        state["ready"] = False
        await use_cases.ask_question().drain(seconds=DRAIN_S)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
