"""
`kill -9` at every named step of a reindex: one of the two indexes answers, whole, and the next start ends the work.

Two of the steps in `make test`, all of them in `make test-all`.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.engine import make_engine
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.qdrant_edge.beside import QdrantEdgeGenerations
from adapters.qdrant_edge.index import QdrantEdgeIndex
from adapters.static.embedder import StaticEmbedder
from application.embedders import place_of
from application.repair_index import indexed_ids
from bench.service_process import ServiceProcess, running
from domain.library.generations import GenerationState
from tests.kills.abstracts import abstracts
from tests.kills.program import REINDEX_STEPS
from tests.kills.site import killed_at, resumed, sent

ABSTRACTS = 60
LENGTHS = (300, 800)
FEW = ["before noted", "ended"]


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    return folder / "data"


def questions() -> list[str]:
    return [one.content.splitlines()[0].strip("# ") for one in abstracts(ABSTRACTS)[::6]]


def searched(client: httpx.Client, question: str) -> Any:
    """What is found; a machine that is busy with other things may say so for a while."""
    while True:
        answer = client.post("/v1/search", json={"query": question, "limit": 5})
        if answer.status_code == httpx.codes.OK:
            return answer.json()
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        time.sleep(0.2)


def answers(service: ServiceProcess) -> list[list[tuple[str, float]]]:
    with service.client() as client:
        found = [searched(client, one) for one in questions()]
    assert [one["degraded"] for one in found] == [[]] * len(found)
    return [sorted((passage["text"], passage["score"]) for passage in one["passages"]) for one in found]


def length(service: ServiceProcess) -> int:
    with service.client() as client:
        return int(client.get("/v1/admin/collections/docs").json()["index"]["chunk_chars"])


def reindex(service: ServiceProcess, chunk_chars: int) -> str:
    with service.client() as client:
        answer = client.post("/v1/admin/collections/docs/reindex", json={"chunk_chars": chunk_chars})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return str(answer.json()["status_url"])


def unfinished(service: ServiceProcess) -> list[str]:
    with service.client() as client:
        items = client.get("/v1/admin/ingestions", params={"limit": 100}).json()["items"]
    return [f"/v1/admin/ingestions/{one['id']}" for one in items if one["status"] in ("queued", "running")]


def kill_reindexes(folder: Path, steps: list[str]) -> None:
    known: dict[int, Any] = {}
    with running(folder) as service:
        resumed(service, sent(service, ABSTRACTS, 0))
        for chunk_chars in LENGTHS:
            resumed(service, reindex(service, chunk_chars))
            known[chunk_chars] = answers(service)
    assert known[LENGTHS[0]] != known[LENGTHS[1]]
    before, after = reversed(LENGTHS)
    for name in steps:

        def go_on(service: ServiceProcess, wanted: int = after) -> None:
            reindex(service, wanted)
            while True:
                assert answers(service) in known.values(), "one index whole, while the work goes on"

        killed_at(name, folder, go_on)
        with running(folder) as service:
            assert answers(service) in known.values(), f"one index whole, after {name}"
            for status_url in unfinished(service):
                resumed(service, status_url)
            now = before if name == "before accepted" else after
            assert (length(service), answers(service)) == (now, known[now]), name
            time.sleep(0.2)  # for what was dropped to leave its index
        if now == after:
            before, after = after, before
    assert asyncio.run(left_over(folder)) == []


async def left_over(folder: Path) -> list[str]:
    """What the indexes hold that they should not, or lack; and what is left to do."""
    postgres, embedder = EmbeddedPostgres(folder / "postgres"), StaticEmbedder()
    engine = make_engine(postgres.start())
    index = QdrantEdgeIndex(folder / "index" / embedder.name, embedder.dimensions)
    await index.open()
    indexes = QdrantEdgeGenerations(folder / "index", index, place_of(embedder))
    wrong: list[str] = []
    try:
        async with NeonUnitOfWork(engine) as uow:
            live, counts = await uow.generations.live(), await uow.generations.passage_counts()
            if await uow.documents.stale():
                wrong.append("passages are on the list of those to be taken out")
        if sorted(one.state for one in live) != [GenerationState.ACTIVE, GenerationState.KEPT]:
            wrong.append(f"generations: {live}")
        for place, expected in counts.items():
            held = await indexed_ids(await indexes.at(place))
            async with NeonUnitOfWork(engine) as uow:
                known = await uow.generations.held(place, sorted(held))
            if not len(held) == len(known) == expected:
                wrong.append(f"{place} holds {len(held)} passages, {len(known)} of {expected}")
        async with engine.connect() as connection:
            lengths = set((await connection.execute(text("SELECT DISTINCT chunk_chars FROM passages"))).scalars())
        if lengths != set(LENGTHS):
            wrong.append(f"passages of lengths {lengths}")
    finally:
        await indexes.close()
        await index.close()
        await engine.dispose()
        postgres.stop()
    return wrong


@pytest.mark.long
def test_a_reindex_that_is_killed_leaves_one_index_whole_and_is_ended_by_the_next_start(data_dir: Path) -> None:
    kill_reindexes(data_dir, FEW)


@pytest.mark.slow
def test_a_reindex_that_is_killed_at_every_named_step(data_dir: Path) -> None:
    kill_reindexes(data_dir, REINDEX_STEPS)
