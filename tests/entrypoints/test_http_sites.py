"""Sites as sources over HTTP: what is taken, what is refused by which field, and how it reads back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from dependency_injector import providers

from adapters.memory.source_fetcher import InMemorySourceFetcher
from domain.library.ports import FetchedPage
from tests.entrypoints.http_service import ADMIN_KEY, READER_KEY, HttpService

PATH = "/v1/admin/ingestions"
ROOT = "https://x.example/docs/"
WEB = {
    ROOT: FetchedPage(ROOT, b"<h1>Start</h1><p>Words of the start.</p>", "text/html", links=(ROOT + "a", ROOT + "b")),
    ROOT + "a": FetchedPage(ROOT + "a", b"# A\n\nWords of a.", "text/markdown"),
}


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    one = HttpService()
    one.adapters.source_fetcher.override(providers.Object(InMemorySourceFetcher(WEB)))
    async with one.running():
        yield one


def body(**changes: Any) -> dict[str, Any]:
    source = {"type": "url", "location": ROOT, "include": ["/docs/**"], "exclude": []} | changes.pop("source", {})
    return {"collection": "docs", "source": source} | changes


async def test_a_site_is_read_and_reads_back(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as client:
        accepted = await client.post(PATH, json=body(source={"max_pages": 50}))
        assert accepted.status_code == 202, accepted.text
        path = accepted.headers["location"]
        await client.get(path + "/events")  # ends when the ingestion has
        done = (await client.get(path)).json()
        documents = (await client.get(path + "/documents")).json()["items"]
    assert (done["status"], done["left_out"]) == ("partial", 0)
    assert (done["counts"]["added"], done["counts"]["failed"]) == (2, 1)
    assert done["source"] == {
        "type": "url",
        "location": ROOT,
        "include": ["/docs/**"],
        "exclude": [],
        "max_pages": 50,
        "max_depth": 10,
    }
    assert {one["uri"]: (one["outcome"], one["error"]) for one in documents} == {
        ROOT: ("added", None),
        ROOT + "a": ("added", None),
        ROOT + "b": ("failed", "there is no such page (404)"),
    }


async def test_the_same_key_reads_a_site_once(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as client:
        answers = [await client.post(PATH, json=body(), headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ({"collection": "docs"}, 422, "documents"),
        (body(documents=[{"uri": "a.md", "content": "# A", "format": "markdown"}]), 422, "source"),
        (body(base_url="https://x.example/"), 422, "base_url"),
        ({"collection": "docs", "source": None}, 400, "source"),
        ({"collection": "docs", "source": {"type": "url"}}, 422, "source.location"),
        (body(source={"type": "rss"}), 422, "source.type"),
        (body(source={"location": "https://127.0.0.1/"}), 422, "source.location"),
        (body(source={"location": "ftp://x.example/"}), 422, "source.location"),
        (body(source={"include": ["docs"]}), 422, "source.include[0]"),
        (body(source={"max_pages": 0}), 422, "source.max_pages"),
        (body(source={"max_pages": 50_000}), 422, "source.max_pages"),
        (body(source={"max_depth": 101}), 422, "source.max_depth"),
        (body(source={"headers": {"Cookie": "x"}}), 422, "source.headers"),
    ],
)
async def test_what_is_no_source_is_refused_by_its_field(
    service: HttpService, sent: dict[str, Any], status: int, field: str
) -> None:
    async with service.client(ADMIN_KEY) as client:
        answer = await client.post(PATH, json=sent)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field), answer.text


async def test_whoever_may_only_ask_reads_no_site(service: HttpService) -> None:
    async with service.client(READER_KEY) as client:
        assert (await client.post(PATH, json=body())).status_code == 403
