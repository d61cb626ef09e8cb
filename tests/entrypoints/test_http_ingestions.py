"""Following, cancelling and retrying ingestions over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from dependency_injector import providers

from adapters.memory.passage_index import InMemoryPassageIndex
from adapters.memory.source_fetcher import InMemorySourceFetcher
from domain.errors import PortRefused
from domain.library.ports import FetchedPage
from domain.retrieval.model import IndexedPassage
from tests.entrypoints.http_service import ADMIN_KEY, LOADER_KEY, OTHER_KEY, HttpService, events_of

PATH = "/v1/admin/ingestions"


class GatedIndex(InMemoryPassageIndex):
    """Lets passages in while the gate is open, and refuses those of documents that are named as bad."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.reached = asyncio.Event()
        self.bad: set[str] = set()

    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        self.reached.set()
        await self.gate.wait()
        if self.bad & {passage.uri for passage in passages}:
            raise PortRefused("passage index", "refused")
        await super().put(passages)


@pytest.fixture
def index() -> GatedIndex:
    return GatedIndex()


@pytest.fixture
async def gated(index: GatedIndex) -> AsyncIterator[HttpService]:
    """A service whose index waits at a gate."""
    service = HttpService()
    service.adapters.passage_index.override(providers.Object(index))
    async with service.running():
        yield service


async def submit(service: HttpService, count: int, *, prune: bool = False, first: int = 0) -> str:
    numbers = range(first, first + count)
    documents = [{"uri": f"{n}.md", "content": f"# Page {n}\n\nWords.", "format": "markdown"} for n in numbers]
    async with service.client(ADMIN_KEY) as client:
        body = {"collection": "docs", "documents": documents, "prune": prune}
        return str((await client.post(PATH, json=body)).headers["location"])


async def get(service: HttpService, path: str) -> Any:
    async with service.client(ADMIN_KEY) as client:
        return (await client.get(path)).json()


async def ended(service: HttpService, path: str) -> Any:
    return (await followed(service, path))[-1][2]


async def followed(service: HttpService, path: str) -> list[tuple[str, str, Any]]:
    async with service.client(ADMIN_KEY) as client, asyncio.timeout(10):
        answer = await client.get(f"{path}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    return [(identity, name, json.loads(data)) for identity, name, data in events_of(answer.text)]


async def test_progress_is_told_until_the_end_and_the_end_is_the_ingestion(
    gated: HttpService, index: GatedIndex
) -> None:
    path = await submit(gated, 100)
    following = asyncio.create_task(followed(gated, path))
    await index.reached.wait()
    index.gate.set()
    events = await following

    ingestion_id = path.rpartition("/")[2]
    assert [identity for identity, _, _ in events] == [f"{ingestion_id}:{n}" for n in range(1, len(events) + 1)]
    assert {name for _, name, _ in events[:-1]} == {"progress"}
    assert (
        events[0][2] | {"status": events[0][2]["status"], "done": 0, "total": 100, "per_second": None} == events[0][2]
    )
    done = [data["done"] for _, _, data in events[:-1]]
    assert done == sorted(done)
    rated = [data for _, _, data in events[:-1] if data["per_second"]]
    assert all(data["remaining_s"] >= 0 and data["passages"] == data["done"] for data in rated)
    assert events[-1][1] == "done"
    assert events[-1][2] == await get(gated, path)


async def test_progress_and_end_tell_the_calls_to_a_provider_of_embeddings(index: GatedIndex) -> None:
    service = HttpService()
    service.adapters.passage_index.override(providers.Object(index))
    service.adapters.texts_a_call.override(providers.Object(10))
    async with service.running():
        path = await submit(service, 100)
        following = asyncio.create_task(followed(service, path))
        await index.reached.wait()
        index.gate.set()
        told = [data["embedded"] for _, _, data in await following]
        again = await ended(service, await submit(service, 100))
    assert told[0] is None, "nothing was in yet"
    calls = [embedded["calls"] for embedded in told if embedded]
    assert calls == sorted(calls)
    assert told[-1] == {"calls": 13, "texts": 100, "reused": 0}, "six parts of 16 documents and one of 4"
    assert again["embedded"] is None, "nothing had changed"


async def test_the_events_of_an_ended_ingestion_are_its_end(service: HttpService) -> None:
    path = f"{PATH}/{await service.ingest({'a.md': '# A'})}"
    [(_, name, data)] = await followed(service, path)
    assert (name, data) == ("done", await get(service, path))


async def test_a_cancelled_ingestion_keeps_what_is_in_and_leaves_the_rest(
    gated: HttpService, index: GatedIndex
) -> None:
    path = await submit(gated, 100, prune=True)
    await index.reached.wait()
    async with gated.client(ADMIN_KEY) as client:
        cancelled = await client.post(f"{path}/cancel")
        again = await client.post(f"{path}/cancel")
    index.gate.set()
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    assert cancelled.headers["location"] == path
    assert (again.status_code, again.json()) == (200, cancelled.json())
    # What was being worked on goes in, the rest does not; the worker is free for the next when that is done.
    await ended(gated, await submit(gated, 1, first=100))
    state = await get(gated, path)
    assert (state["status"], state["counts"]["added"], state["counts"]["cancelled"]) == ("cancelled", 48, 52)


async def test_a_retry_works_on_what_failed_and_on_nothing_else(gated: HttpService, index: GatedIndex) -> None:
    index.gate.set()
    index.bad = {"1.md", "3.md"}
    path = await submit(gated, 5)
    failed = await ended(gated, path)
    assert (failed["status"], failed["counts"]["failed"]) == ("partial", 2)
    outcomes = {one["uri"]: one for one in (await get(gated, f"{path}/documents"))["items"]}
    assert outcomes["3.md"] == {
        "uri": "3.md", "outcome": "failed", "error": "passage index: refused", "passages": 0,
    }  # fmt: skip

    index.bad = set()
    async with gated.client(ADMIN_KEY) as client:
        retried = await client.post(f"{path}/retry")
        state = await ended(gated, path)
        nothing = await client.post(f"{path}/retry")
    assert (retried.status_code, retried.json()["status"], retried.json()["retries"]) == (202, "queued", 1)
    assert (state["status"], state["counts"]["added"], state["counts"]["failed"]) == ("succeeded", 5, 0)
    assert (nothing.status_code, nothing.json()) == (200, state)


async def test_a_retry_prunes_nothing(gated: HttpService, index: GatedIndex) -> None:
    index.gate.set()
    index.bad = {"0.md"}
    old = await submit(gated, 2, prune=True)
    await ended(gated, old)
    index.bad = set()
    await ended(gated, await submit(gated, 4))
    async with gated.client(ADMIN_KEY) as client:
        assert (await client.post(f"{old}/retry")).status_code == 202
    state = await ended(gated, old)
    assert state["counts"]["removed"] == 0
    assert len((await get(gated, "/v1/documents?collection=docs"))["items"]) == 4


async def test_an_ingestion_that_still_runs_cannot_be_retried(gated: HttpService, index: GatedIndex) -> None:
    path = await submit(gated, 1)
    async with gated.client(ADMIN_KEY) as client:
        answer = await client.post(f"{path}/retry")
    index.gate.set()
    assert (answer.status_code, answer.json()["code"]) == (409, "ingestion_running")
    await ended(gated, path)


async def test_another_s_ingestion_is_not_there_to_be_followed_or_changed(service: HttpService) -> None:
    path = f"{PATH}/{await service.ingest({'a.md': '# A'})}"
    unknown = f"{PATH}/{UUID(int=7)}"
    async with service.client(LOADER_KEY) as loader, service.client(OTHER_KEY) as other:
        for method, leaf in (("GET", "events"), ("POST", "cancel"), ("POST", "retry")):
            for one in (path, unknown):
                answer = await loader.request(method, f"{one}/{leaf}")
                assert (answer.status_code, answer.json()["code"]) == (404, "ingestion_not_found")
            assert (await other.request(method, f"{path}/{leaf}")).json()["code"] == "scope_missing"


async def test_a_site_and_a_reindex_are_planned_as_documents_are() -> None:
    page = FetchedPage("https://x.example/docs/", b"<h1>Doors</h1><p>Doors open.</p>", "text/html")
    service = HttpService(texts_a_call=96, source_fetcher=InMemorySourceFetcher({page.address: page}))
    async with service.running(), service.client(ADMIN_KEY) as client:
        await service.ingest({"a.md": "# A\n\nOne.", "b.md": "# B\n\nTwo."})
        source = {"type": "url", "location": page.address}
        body = {"collection": "docs", "source": source}
        site = await client.post(f"{PATH}/plan", json=body)
        both = await client.post(f"{PATH}/plan", json={**body, "documents": []})
        neither = await client.post(f"{PATH}/plan", json={"collection": "docs"})
        gone = await client.post(
            f"{PATH}/plan", json={"collection": "docs", "source": {**source, "location": "https://x.example/no"}}
        )
        reindex = await client.post("/v1/admin/collections/docs/reindex/plan", json={"chunk_chars": 200})
        listed = await client.get(PATH)
    assert site.status_code == 200, site.text
    assert site.json()["site"] == {"pages": 1, "read": 1, "complete": True, "seconds": 0.2}
    assert (site.json()["plan"]["documents"], site.json()["plan"]["inputs"]) == (1, 1)
    assert [one.status_code for one in (both, neither, gone)] == [422, 422, 422]
    assert gone.json()["errors"][0]["field"] == "source.location"
    assert (reindex.status_code, reindex.json()["site"]) == (200, None)
    assert reindex.json()["plan"]["documents"] == 2
    assert [one["kind"] for one in listed.json()["items"]] == ["ingest"]
