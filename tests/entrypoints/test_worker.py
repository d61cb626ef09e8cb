"""`ibid worker`: processes of its own that share the ingestions of a database and an index."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.clock import SystemClock, TimeOrderedIds
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from application.ports import Ingestion, UnitOfWorkFactory
from application.submit_ingestion import SubmitIngestion, SubmitIngestionCommand
from domain.library.model import Format, SourceDocument
from entrypoints.cli import main
from tests.fakes.qdrant import FakeQdrant
from tests.story import ADMIN


@asynccontextmanager
async def a_worker(url: str, qdrant: FakeQdrant, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker that takes jobs. Ended with SIGTERM."""
    settings = {"DATABASE_URL": url, "QDRANT_URL": qdrant.url, "IBID_DATA_DIR": str(folder)}
    environment = {**os.environ, **settings, "IBID_ADMIN_KEY": "ibid_only-for-the-form-of-it"}
    program = (sys.executable, "-m", "entrypoints.cli", "worker")
    process = await asyncio.create_subprocess_exec(*program, env=environment, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while b"ibid worker: working" not in (line := await process.stderr.readline()):
                assert line, "the worker ended"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 30)


@pytest.fixture
async def qdrant() -> AsyncIterator[FakeQdrant]:
    async with FakeQdrant() as running:
        yield running


async def submitted(unit_of_work: UnitOfWorkFactory, url: str, count: int) -> Ingestion:
    pages = [SourceDocument(f"{n}.md", f"# Page {n}\n\nWords of {n}.", Format.MARKDOWN) for n in range(count)]
    submit = SubmitIngestion(unit_of_work, PgQueuerWorkQueue(url), SystemClock(), TimeOrderedIds())
    return await submit.execute(SubmitIngestionCommand(ADMIN, "docs", pages))


async def ended(unit_of_work: UnitOfWorkFactory, ingestion_id: UUID, *, within_s: float) -> Ingestion:
    async with asyncio.timeout(within_s):
        while True:
            async with unit_of_work() as uow:
                ingestion = await uow.ingestions.get(ingestion_id, None)
            if ingestion.status.is_final:
                return ingestion
            await asyncio.sleep(0.05)


async def passages(unit_of_work: UnitOfWorkFactory, qdrant: FakeQdrant) -> tuple[int, int]:
    """How many the database holds, and how many the index."""
    async with unit_of_work() as uow:
        held = sum((await uow.generations.passage_counts()).values())
    [shard] = qdrant._shards.values()
    return held, shard.info().points_count


@pytest.mark.long
async def test_two_workers_share_an_ingestion_and_do_nothing_twice(
    engine: AsyncEngine, migrated_url: str, qdrant: FakeQdrant, tmp_path: Path
) -> None:
    unit_of_work: UnitOfWorkFactory = partial(NeonUnitOfWork, engine)
    ingestion = await submitted(unit_of_work, migrated_url, 200)
    workers = [a_worker(migrated_url, qdrant, tmp_path) for _ in range(2)]
    async with workers[0] as one, workers[1] as other:
        done = await ended(unit_of_work, ingestion.id, within_s=60)
    assert (one.returncode, other.returncode) == (0, 0)
    assert done.counts["added"] == 200
    assert await passages(unit_of_work, qdrant) == (200, 200)
    async with engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT status::text, count(*), count(DISTINCT job_id) FROM pgqueuer_log GROUP BY status")
        )
        counted = {status: (times, jobs) for status, times, jobs in rows}
        left = (await connection.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one()
    assert counted["successful"] == (13, 13)
    assert left == 0


@pytest.mark.slow
async def test_what_a_killed_worker_had_in_hand_is_done_by_another_within_its_lease(
    engine: AsyncEngine, migrated_url: str, qdrant: FakeQdrant, tmp_path: Path
) -> None:
    unit_of_work: UnitOfWorkFactory = partial(NeonUnitOfWork, engine)
    qdrant.delay_s = 0.5
    async with a_worker(migrated_url, qdrant, tmp_path) as doomed:
        ingestion = await submitted(unit_of_work, migrated_url, 200)
        async with asyncio.timeout(20):
            while not any(method == "PUT" and path.endswith("/points") for method, path in qdrant.calls):  # noqa: ASYNC110  the fake tells of nothing
                await asyncio.sleep(0.01)
        os.kill(doomed.pid, signal.SIGKILL)
        qdrant.delay_s = 0.0
        async with a_worker(migrated_url, qdrant, tmp_path):
            done = await ended(unit_of_work, ingestion.id, within_s=40)
    assert done.counts["added"] == 200
    assert await passages(unit_of_work, qdrant) == (200, 200)


@pytest.mark.parametrize("given", [{}, {"DATABASE_URL": "postgresql://x", "IBID_ADMIN_KEY": "a" * 24}])
def test_a_worker_needs_what_others_can_use_too(
    given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["worker"], env={"IBID_DATA_DIR": str(tmp_path), **given})
    assert result.exit_code == 1
    assert result.stderr.startswith("ibid: a worker needs a database and an index that others can use too")
