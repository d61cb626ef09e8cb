"""The service as an ASGI application: the use cases behind HTTP, and what runs beside them while it lives."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, Final

from dependency_injector import containers
from litestar import Litestar

from application.limit_rate import DEFAULT_PER_MINUTE
from application.ports import RetentionRules
from application.remembered_keys import CAPACITY
from domain.errors import PortError
from entrypoints.containers import UseCases
from entrypoints.http.app import create_app
from entrypoints.http.client_address import Network
from entrypoints.http.room import Room

DRAIN_S: Final = 20.0
"""How long running turns may go on after the service was told to stop."""

ROUTED: Final = (
    "authenticate",
    "limit_rate",
    "diagnose",
    "ask_question",
    "search_passages",
    "submit_ingestion",
    "submit_site",
    "submit_upload",
    "plan_ingestion",
    "plan_site",
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
    "follow_turn",
    "cancel_turn",
    "edit_conversations",
    "give_feedback",
    "read_quotas",
    "create_collection",
    "read_collections",
    "change_collection",
    "delete_collection",
    "reindex_collection",
    "plan_reindex",
)

_KEEP: Final = RetentionRules()
_log = logging.getLogger("ibid.service")


def build_app(
    adapters: containers.Container,
    *,
    holder: str,
    only_process: bool,
    takes_over: bool = True,
    lost_holder: str | None = None,
    keep_vectors: bool = True,
    max_running_turns: int = 1_000,
    retention_rules: RetentionRules = _KEEP,
    rate_per_minute: int = DEFAULT_PER_MINUTE,
    trusted_proxies: Sequence[Network] = (),
    opened: Callable[[], AbstractAsyncContextManager[None]] | None = None,
    allowed_origins: Sequence[str] = (),
    settings_shown: Callable[[], Mapping[str, str]] = dict,
    room: Room | None = None,
) -> Litestar:
    """
    The application over some adapters.

    ``holder`` names this process in its turns' leases; ``only_process`` says that no other can be answering, so that
    every turn another left running is lost. ``takes_over``: it sees to what earlier processes left, among them
    ``lost_holder``, which is known to have ended. ``opened`` opens the adapters around the application's life.
    ``trusted_proxies`` are those whose X-Forwarded-For is believed.
    """
    use_cases = UseCases(
        adapters=adapters,
        holder=holder,
        keep_vectors=keep_vectors,
        max_running_turns=max_running_turns,
        retention_rules=retention_rules,
        rate_per_minute=rate_per_minute,
        # Whoever shares a database hears nothing of keys that another process revokes.
        remembered_keys=CAPACITY if only_process else 0,
        shared=not only_process,
    )
    state: dict[str, Any] = {"ready": False, "checks": {}}

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        running = _running(
            use_cases,
            state,
            only_holder=holder if only_process else None,
            lost_holder=lost_holder,
            takes_over=takes_over,
        )
        async with opened() if opened is not None else nullcontext(), running:
            yield

    def readiness() -> dict[str, Any]:
        """A service outside that is left alone for a while makes answers poorer, and Ibid no less ready."""
        states = use_cases.adapters.outside().states()
        outside = {name: "ok" if state == "closed" else state.value for name, state in states.items()}
        return {**state, "checks": {**state["checks"], **outside}}

    async def drain() -> None:
        """To be called when the service is told to stop, before its connections are waited for."""
        state["ready"] = False
        use_cases.ingestion_news().close()
        await use_cases.ask_question().drain(seconds=DRAIN_S)

    app = create_app(
        {name: getattr(use_cases, name) for name in ROUTED},
        readiness=readiness,
        lifespan=[life],
        trusted_proxies=trusted_proxies,
        allowed_origins=allowed_origins,
        settings_shown=settings_shown,
        room=room,
    )
    app.state.drain = drain
    return app


@asynccontextmanager
async def _running(
    use_cases: UseCases, state: dict[str, Any], *, only_holder: str | None, lost_holder: str | None, takes_over: bool
) -> AsyncIterator[None]:
    """End what a crash left running, work on what it left waiting, and let turns end before leaving."""
    await use_cases.adopt_generations().execute()
    if takes_over:
        await use_cases.adopt_generations().warn()
        await _take_over(use_cases, only_holder, lost_holder)
        working = _repaired_then_worked(use_cases, only_process=only_holder is not None)
    else:
        working = use_cases.work_ingestions().run(sweeping=False)
    beside = [asyncio.create_task(working)]
    if only_holder is None:
        beside.append(asyncio.create_task(use_cases.journal_turns().run()))
    state |= {"ready": True, "checks": {"database": "ok", "index": "ok", "embedder": "ok"}}
    try:
        yield
    finally:
        state["ready"] = False
        await use_cases.ask_question().drain(seconds=DRAIN_S)
        if only_holder is None:
            await use_cases.journal_turns().write()
        for task in beside:
            task.cancel()
        for task in beside:
            with suppress(asyncio.CancelledError):
                await task


async def _take_over(use_cases: UseCases, only_holder: str | None, lost_holder: str | None) -> None:
    async with use_cases.unit_of_work()() as uow:
        lost = await uow.turns.interrupt_lost(
            now=use_cases.adapters.clock().now(), lost_holders_all_but=only_holder, lost_holder=lost_holder
        )
        await uow.commit()
    if lost:
        _log.warning("turns interrupted by an earlier crash", extra={"turns": lost})
    await use_cases.work_ingestions().resume(only_process=only_holder is not None)


async def _repaired_then_worked(use_cases: UseCases, *, only_process: bool) -> None:
    """Make index and database agree where a crash, or a lost disk, has parted them; then work on ingestions."""
    try:
        await _repair(use_cases, only_process=only_process)
    except PortError as error:
        _log.warning("the index could not be compared with the database", exc_info=error)
    await use_cases.work_ingestions().run()


async def _repair(use_cases: UseCases, *, only_process: bool) -> None:
    repair = use_cases.repair_index()
    if await repair.agrees():
        return
    if not only_process:
        # Others may be in the middle of an ingestion, which looks the same from here.
        _log.warning("index and database differ; if nothing is being ingested, run `ibid repair`")
        return
    report = await repair.execute(buy=False)
    _log.warning("index repaired", extra={"put": report.missing, "removed": report.orphaned})
    if report.unaffordable:
        _log.warning("passages without a kept vector; run `ibid repair`", extra={"passages": report.unaffordable})
