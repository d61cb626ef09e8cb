"""A service, or a worker, that is killed while abstracts go in: what drives it, and what it left behind."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.memory.clock import SystemClock, TimeOrderedIds
from adapters.neon.engine import make_engine
from adapters.neon.work_queue import PgQueuerWorkQueue
from adapters.qdrant.index import QdrantIndex, qdrant_client
from adapters.qdrant.layout import PORT, Sizing
from adapters.qdrant_edge.index import QdrantEdgeIndex
from adapters.resilience.dependency import Dependencies, Policy
from adapters.static.embedder import StaticEmbedder
from application.ports import IngestionStatus, UnitOfWorkFactory
from application.submit_ingestion import SubmitIngestion, SubmitIngestionCommand
from bench.service_process import ServiceProcess, running
from tests.fakes.qdrant import FakeQdrant
from tests.kills.abstracts import abstracts
from tests.kills.checker import differences
from tests.story import ADMIN

RESUMED_WITHIN_S = 40.0
_FINAL = {status.value for status in IngestionStatus if status.is_final}


def sent(service: ServiceProcess, count: int, edition: int) -> str:
    """Send an edition of the abstracts; returns where its state is. What is not acknowledged is sent again."""
    documents = [{"uri": one.uri, "content": one.content, "format": "markdown"} for one in abstracts(count, edition)]
    with service.client() as client:
        while True:
            answer = client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents})
            if answer.status_code == httpx.codes.ACCEPTED:
                return str(answer.json()["status_url"])
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
            time.sleep(0.1)


def state(service: ServiceProcess, status_url: str) -> str:
    """The ingestion's status, empty while the database is away."""
    with service.client() as client:
        answer = client.get(status_url)
    return str(answer.json()["status"]) if answer.status_code == httpx.codes.OK else ""


def resumed(service: ServiceProcess, status_url: str) -> None:
    """Wait for the ingestion's good end, no longer than a crash may hold it up."""
    deadline = time.monotonic() + RESUMED_WITHIN_S
    while (now := state(service, status_url)) not in _FINAL:
        assert time.monotonic() < deadline, f"the ingestion is {now} still"
        time.sleep(0.05)
    assert now == "succeeded"


def killed_at(deadly: str, folder: Path, meanwhile: Callable[[ServiceProcess], None]) -> None:
    """A service that kills itself at a step, be it while it starts."""
    try:
        with running(folder, ("-m", "tests.kills.program", "serve", deadly)) as service:
            with suppress(httpx.TransportError):
                meanwhile(service)
            assert service.process.wait(60) == -signal.SIGKILL, f"the service did not get to {deadly}"
    except RuntimeError as error:
        if f"ended with {-signal.SIGKILL}" not in str(error):
            raise


@contextmanager
def dying(folder: Path, command: Sequence[str] = ("-m", "entrypoints.cli", "serve")) -> Iterator[ServiceProcess]:
    """A service that does not live to be stopped: whoever speaks to it then finds nobody there."""
    with suppress(httpx.TransportError), running(folder, command) as service:
        yield service


def left_behind(folder: Path, wanted: int, edition: int) -> list[str]:
    """Of a service that is stopped: how its data directory differs from one that nothing was killed on."""
    postgres = EmbeddedPostgres(folder / "postgres")
    url = postgres.start()
    try:
        return asyncio.run(_compared(url, folder / "index", wanted, edition))
    finally:
        postgres.stop()


async def _compared(url: str, index_folder: Path, wanted: int, edition: int) -> list[str]:
    embedder = StaticEmbedder()
    engine, index = make_engine(url), QdrantEdgeIndex(index_folder / embedder.name, embedder.dimensions)
    await index.open()
    try:
        return await differences(engine, index, abstracts(wanted, edition))
    finally:
        await index.close()
        await engine.dispose()


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers that share a database and a Qdrant fake."""

    engine: AsyncEngine
    unit_of_work: UnitOfWorkFactory
    url: str
    qdrant: FakeQdrant
    folder: Path

    async def submitted(self, count: int, edition: int) -> UUID:
        submit = SubmitIngestion(self.unit_of_work, PgQueuerWorkQueue(self.url), SystemClock(), TimeOrderedIds())
        return (await submit.execute(SubmitIngestionCommand(ADMIN, "docs", abstracts(count, edition)))).id

    async def ended(self, ingestion: UUID) -> bool:
        async with self.unit_of_work() as uow:
            return (await uow.ingestions.get(ingestion, None)).status.is_final

    async def resumed(self, ingestion: UUID) -> None:
        """Until it has ended, and the last lease of what a killed worker had done, and not ticked off, has run out."""
        async with asyncio.timeout(RESUMED_WITHIN_S):
            while not await self.ended(ingestion) or await self._queued():  # noqa: ASYNC110  another process ends it
                await asyncio.sleep(0.05)

    async def _queued(self) -> int:
        async with self.engine.connect() as connection:
            return int((await connection.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one())

    @asynccontextmanager
    async def one(self, deadly: str = "none", *lease_s: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A worker that takes jobs, or has ended before it could; killed at the end if it still lives."""
        program = (sys.executable, "-m", "tests.kills.program", "worker", deadly, *lease_s)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*program, env=self._environment(), stderr=pipe)
        assert process.stderr is not None
        try:
            async with asyncio.timeout(60):
                while (line := await process.stderr.readline()) and b"working" not in line:
                    pass
            # Its log is short, and nobody reads on.
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    def _environment(self) -> Mapping[str, str]:
        settings = {"DATABASE_URL": self.url, "QDRANT_URL": self.qdrant.url, "IBID_DATA_DIR": str(self.folder)}
        return {**os.environ, **settings, "IBID_ADMIN_KEY": "ibid_only-for-the-form-of-it"}

    async def left_behind(self, count: int, edition: int) -> list[str]:
        embedder = StaticEmbedder()
        index = QdrantIndex(
            qdrant_client(self.qdrant.url, None),
            Dependencies().add(PORT, Policy(timeout_s=30.0, width=10)),
            embedder=embedder.name,
            dimensions=embedder.dimensions,
            sizing=Sizing(),
        )
        await index.open()
        try:
            return await differences(self.engine, index, abstracts(count, edition))
        finally:
            await index.close()


def postmaster(folder: Path) -> int:
    """The pid of the embedded PostgreSQL of a data directory, once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (pid := EmbeddedPostgres(folder / "postgres").pid) is not None:
            return pid
        time.sleep(0.02)
    raise AssertionError("the embedded PostgreSQL did not come back")
