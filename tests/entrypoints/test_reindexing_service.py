"""A whole service that reindexes real documentation while it is asked all the time, and goes back."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.service_process import ServiceProcess, running
from tests.adapters.test_docusaurus_tree import DOCS
from tests.entrypoints.test_durable_ingestion import found, ibid, order
from tests.entrypoints.test_service_process import data_dir, ingest  # noqa: F401  a fixture

PAGES = 80
QUESTIONS = [
    "How do I add a native module?", "What does FlatList render?", "How is an image sized?", "What is Hermes?",
    "How do I handle touches?", "How are animations composed?", "What is the new architecture?", "How do I debug?",
    "How do I use TypeScript?", "How is the keyboard avoided?", "What are platform specific files?", "What is flex?",
    "How do I make a network request?", "What is a SectionList?", "How is accessibility set?", "How do timers work?",
    "How do I publish an app to the store?", "What does StyleSheet do?", "How is text input read?", "What is Metro?",
]  # fmt: skip


def documentation() -> dict[str, str]:
    files = sorted(DOCS.glob("*.md"))[:PAGES]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


class Asking:
    """Asks all the time; ``answers`` by question, each a ranking, with the failures beside."""

    def __init__(self, service: ServiceProcess) -> None:
        self.service = service
        self.answers: list[tuple[str, list[tuple[str, float]]]] = []
        self.texts: dict[str, str] = {}
        self.failures: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        with self.service.client() as client:
            while not self.stopped.is_set():
                for question in QUESTIONS:
                    self._ask(client, question)

    def _ask(self, client: httpx.Client, question: str) -> None:
        answer = client.post("/v1/search", json={"query": question, "limit": 10})
        if answer.status_code != httpx.codes.OK or answer.json()["degraded"]:
            self.failures.append(answer.text)
            return
        passages = answer.json()["passages"]
        self.texts |= {one["passage_id"]: one["text"] for one in passages}
        self.answers.append((question, [(one["passage_id"], one["score"]) for one in passages]))


@contextmanager
def asking(service: ServiceProcess) -> Iterator[Asking]:
    asked = Asking(service)
    threads = [threading.Thread(target=asked.run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        asked.stopped.set()
        for thread in threads:
            thread.join()


def by_question(service: ServiceProcess) -> dict[str, Any]:
    return dict(zip(QUESTIONS, found(service, QUESTIONS), strict=True))


@pytest.mark.long
def test_reindexing_while_asked_shows_nobody_a_mixture_and_going_back_gives_the_same_rankings(
    data_dir: Path,  # noqa: F811
) -> None:
    if not DOCS.is_dir():
        pytest.skip("the documentation of React Native is not beside this project")
    with running(data_dir) as service:
        pages = documentation()
        ingest(service, pages)
        before = by_question(service)

        with asking(service) as asked:
            time.sleep(0.5)
            done = ibid(data_dir, "reindex", "docs", "--chunk-chars", "300")
            time.sleep(0.5)
        after = by_question(service)

        assert (done["status"], done["index"]["chunk_chars"], done["index"]["generation"]) == ("succeeded", 300, 2)
        assert done["counts"]["updated"] == len(pages)
        assert asked.failures == []
        assert len(asked.answers) > 100
        seen = {"before": 0, "after": 0}
        for question, ranking in asked.answers:
            one = {"before": order(before[question]), "after": order(after[question])}
            which = [name for name, known in one.items() if known == order(ranking)]
            assert which, f"{question}: neither as before nor as after"
            seen[which[0]] += 1
        assert min(seen.values()) > 0, "it was asked before the switch and after"

        with asking(service) as asked:
            back = ibid(data_dir, "reindex", "docs", "--rollback")
        assert (back["index"]["chunk_chars"], back["index"]["generation"]) == (620, 1)
        assert asked.failures == []
        assert by_question(service) == before, "the same passages in the same order with the same scores"

        forth = ibid(data_dir, "reindex", "docs", "--rollback")
        assert forth["index"]["generation"] == 2
        assert by_question(service) == after
