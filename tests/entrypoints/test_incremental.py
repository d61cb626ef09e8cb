"""What an ingestion buys, counted at the fake of Cohere: what changed, and nothing else."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.service_process import ServiceProcess, running
from tests.entrypoints.test_service_process import data_dir, ingested  # noqa: F401  a fixture
from tests.fakes.cohere import EMBED, FakeCohere

PAGES = Path(__file__).parents[3] / "shared" / "data" / "react-native-docs" / "docs"
EDITED = "alert.md"
SECTION = "## Android"
SENTENCE = "This sentence was put in by an edit."


@contextmanager
def in_background(fake: FakeCohere) -> Iterator[None]:
    """The fake in a thread of its own, since the test waits for the service."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.start(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(fake.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def cohere() -> Iterator[FakeCohere]:
    fake = FakeCohere(checked=False)
    with in_background(fake):
        yield fake


@pytest.fixture
def service(cohere: FakeCohere, data_dir: Path) -> Iterator[ServiceProcess]:  # noqa: F811
    environment = {"COHERE_BASE_URL": cohere.url, "COHERE_API_KEY": "fake-cohere-key", "IBID_PLAN": "paid"}
    with running(data_dir, environment=environment) as started:
        yield started


def counts(
    service: ServiceProcess, pages: dict[str, str], *, collection: str = "docs", prune: bool = False
) -> dict[str, int]:
    documents = [
        {"uri": uri, "content": text, "format": "mdx" if uri.endswith("x") else "markdown"}
        for uri, text in pages.items()
    ]
    body = {"collection": collection, "documents": documents, "prune": prune, "base_url": "https://x.test/"}
    with service.client() as client:
        accepted = client.post("/v1/admin/ingestions", json=body)
    state = ingested(service, accepted.json()["status_url"])
    assert state["status"] == "succeeded"
    return {name: count for name, count in state["counts"].items() if count and name != "total"}


def bought(cohere: FakeCohere) -> list[str]:
    """The texts embedded since this was asked last."""
    texts = [text for path, body in cohere.calls if path == EMBED for text in body["texts"]]
    cohere.calls.clear()
    return texts


@pytest.mark.long
def test_only_what_changed_is_bought(service: ServiceProcess, cohere: FakeCohere) -> None:
    pages = {path.name: path.read_text() for path in sorted(PAGES.glob("*.md*"))[:60]}
    assert counts(service, pages) == {"added": 60}
    first = bought(cohere)
    assert len(first) > 500

    assert pages[EDITED].count(SECTION) == 1
    pages[EDITED] = pages[EDITED].replace(f"{SECTION}\n", f"{SECTION}\n\n{SENTENCE}\n")
    assert counts(service, pages) == {"updated": 1, "unchanged": 59}
    again = bought(cohere)
    assert [text for text in again if SENTENCE in text]
    assert len(again) <= 2, "its section is cut anew"
    assert not set(again) & set(first)

    assert counts(service, pages) == {"unchanged": 60}
    moved = {f"moved/{uri}" if number < 20 else uri: text for number, (uri, text) in enumerate(pages.items())}
    assert counts(service, moved, prune=True) == {"added": 20, "removed": 20, "unchanged": 40}
    assert counts(service, moved, collection="other") == {"added": 60}
    assert bought(cohere) == []

    # A page that has no title of its own has its name for one, and that is part of what is embedded.
    for name in ("one.md", "two.md"):
        counts(service, {name: "Doors open to the left."})
        assert len(bought(cohere)) == 1
