"""
`kill -9` while 600 abstracts go in, at random moments and at every named step: afterwards each is there exactly once.

Of the serving process, of a worker, of PostgreSQL. Ten moments in `make test`, fifty of each kind in `make test-all`.
The moments are seeded; what the process is doing at one of them is the machine's affair.
"""

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.unit_of_work import NeonUnitOfWork
from bench.service_process import ServiceProcess, running
from tests.fakes.qdrant import FakeQdrant
from tests.kills.program import STEPS
from tests.kills.site import Workers, dying, killed_at, left_behind, postmaster, resumed, sent, state

ABSTRACTS = 600
DEADLY = ("before accepted", "accepted", *STEPS)


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    return folder / "data"


@pytest.fixture
async def workers(engine: AsyncEngine, migrated_url: str, tmp_path: Path) -> AsyncIterator[Workers]:
    async with FakeQdrant(checked=False) as qdrant:
        yield Workers(engine, partial(NeonUnitOfWork, engine), migrated_url, qdrant, tmp_path)


def moments(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  a seeded choice of moments


def kill_the_service(folder: Path, kills: int, seed: int) -> None:
    chance, edition, status_url = moments(seed), -1, ""
    for _ in range(kills):
        with dying(folder) as service:
            if not status_url or state(service, status_url) == "succeeded":
                edition += 1
                status_url = sent(service, ABSTRACTS, edition)
            time.sleep(chance.uniform(0.0, 1.0))
            service.process.kill()
    with running(folder) as service:
        resumed(service, status_url)
    assert left_behind(folder, ABSTRACTS, edition) == []


def kill_postgres(folder: Path, kills: int, seed: int) -> None:
    chance, edition = moments(seed), 0
    with running(folder) as service:
        status_url = sent(service, ABSTRACTS, edition)
        for _ in range(kills):
            if state(service, status_url) == "succeeded":
                edition += 1
                status_url = sent(service, ABSTRACTS, edition)
            time.sleep(chance.uniform(0.0, 1.5))
            # With all its children, as by the kernel that runs out of memory, or alone: they notice, and end too.
            chance.choice([os.killpg, os.kill])(postmaster(folder), signal.SIGKILL)
        resumed(service, status_url)
    assert left_behind(folder, ABSTRACTS, edition) == []


async def kill_workers(workers: Workers, kills: int, seed: int, *lease_s: str) -> None:
    chance, edition = moments(seed), 0
    ingestion = await workers.submitted(ABSTRACTS, edition)
    for _ in range(kills):
        if await workers.ended(ingestion):
            edition += 1
            ingestion = await workers.submitted(ABSTRACTS, edition)
        async with workers.one("none", *lease_s) as worker:
            await asyncio.sleep(chance.uniform(0.0, 1.5))
            worker.kill()
    async with workers.one("none", *lease_s):
        await workers.resumed(ingestion)
    assert await workers.left_behind(ABSTRACTS, edition) == []


@pytest.mark.long
def test_a_service_that_is_killed_again_and_again_leaves_every_document_once(data_dir: Path) -> None:
    kill_the_service(data_dir, kills=3, seed=1)


@pytest.mark.long
def test_a_database_that_is_killed_under_the_service_leaves_every_document_once(data_dir: Path) -> None:
    kill_postgres(data_dir, kills=4, seed=2)


@pytest.mark.long
async def test_workers_that_are_killed_again_and_again_leave_every_document_once(workers: Workers) -> None:
    await kill_workers(workers, 3, 3, "3")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_fifty_kills_of_the_service(data_dir: Path, seed: int) -> None:
    kill_the_service(data_dir, kills=10, seed=10 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_fifty_kills_of_the_database(data_dir: Path, seed: int) -> None:
    kill_postgres(data_dir, kills=10, seed=20 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
async def test_fifty_kills_of_workers_with_the_lease_that_they_really_have(workers: Workers, seed: int) -> None:
    await kill_workers(workers, 10, 30 + seed)


@pytest.mark.slow
def test_a_service_killed_at_every_named_step(data_dir: Path) -> None:
    chance, edition = moments(4), 0

    def go_on(service: ServiceProcess) -> None:
        nonlocal edition, status_url
        if state(service, status_url) == "succeeded" or name.endswith("accepted"):
            edition += 1
            status_url = sent(service, ABSTRACTS, edition)

    with running(data_dir) as service:
        status_url = sent(service, ABSTRACTS, edition)
        resumed(service, status_url)
    for name in DEADLY:
        # What a request does is its first step; of a batch's steps any of the first three.
        deadly = f"{name}:1" if name.endswith(("accepted", "ended")) else f"{name}:{chance.randint(1, 3)}"
        killed_at(deadly, data_dir, go_on)
        if name == "before accepted":
            edition -= 1  # it was not answered with 202, and nothing of it is there
    with running(data_dir) as service, service.client() as client:
        for ingestion in client.get("/v1/admin/ingestions", params={"limit": 100}).json()["items"]:
            resumed(service, f"/v1/admin/ingestions/{ingestion['id']}")
    assert left_behind(data_dir, ABSTRACTS, edition) == []


@pytest.mark.slow
async def test_a_worker_killed_at_every_named_step(workers: Workers) -> None:
    chance, edition = moments(5), 0
    ingestion = await workers.submitted(ABSTRACTS, edition)
    async with workers.one():
        await workers.resumed(ingestion)
    for name in STEPS:
        deadly = f"{name}:1" if name.endswith("ended") else f"{name}:{chance.randint(1, 3)}"
        if await workers.ended(ingestion):
            edition += 1
            ingestion = await workers.submitted(ABSTRACTS, edition)
        async with workers.one(deadly, "3") as worker:
            assert await asyncio.wait_for(worker.wait(), 60) == -signal.SIGKILL, f"it did not get to {deadly}"
    async with workers.one("none", "3"):
        await workers.resumed(ingestion)
    assert await workers.left_behind(ABSTRACTS, edition) == []
