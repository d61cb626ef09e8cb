"""
The fault table of docs/faults.md, told by callers: what they get while a service outside fails, and afterwards.

Cohere and Qdrant are fakes on loopback behind proxies; deadlines are cut to about half.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.cohere.embedder import PORT as EMBED_PORT
from adapters.cohere.reranker import PORT as RERANK_PORT
from adapters.qdrant.layout import PORT as INDEX_PORT
from adapters.resilience.dependency import Dependencies, Dependency, Policy
from application.reranking import Reranking
from domain.errors import PortRefused
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, HttpService
from tests.fakes import qdrant as qdrant_wire
from tests.fakes.cohere import EMBED, RERANK, FakeCohere, refusal, results
from tests.fakes.http_server import Reply
from tests.fakes.qdrant import FakeQdrant
from tests.fakes.tcp_faults import Fault, FaultyProxy
from tests.leftovers import no_task_left
from tests.providers import cohere_embedder, cohere_reranker, qdrant_index
from tests.story import PINNING, SNAPSHOTS

COHERE_KEY, QDRANT_KEY = "planted-cohere-key", "planted-qdrant-key"
ECHO = "words that a provider echoes"
SHORT_S = 1.0
RERANK_S = 1.8
"""From the search's begin: an embedder or an index that is given up leaves reranking its time, a late line does not."""
RERANK_ALONE_S = 1.0
"""Where nothing but reranking is late."""


@dataclass
class Outside:
    """The fakes, each behind its proxy, and a service over adapters that go through the proxies."""

    cohere: FakeCohere
    qdrant: FakeQdrant
    embed_line: FaultyProxy
    rerank_line: FaultyProxy
    qdrant_line: FaultyProxy
    rerank_s: float
    service: HttpService = field(init=False)
    now: list[float] = field(default_factory=lambda: [0.0])

    @property
    def lines(self) -> dict[str, FaultyProxy]:
        return {"embed": self.embed_line, "rerank": self.rerank_line, "index": self.qdrant_line}

    @property
    def addresses(self) -> dict[str, str]:
        return {name: line.url() for name, line in self.lines.items()}

    async def search(self, query: str = QUESTION) -> tuple[int, dict[str, Any]]:
        async with self.service.client(ADMIN_KEY) as client:
            answer = await client.post("/v1/search", json={"query": query, "limit": 3})
        assert COHERE_KEY not in answer.text
        assert QDRANT_KEY not in answer.text
        assert ECHO not in answer.text
        return answer.status_code, answer.json()

    async def degraded(self, query: str = QUESTION) -> list[str]:
        """What a search that succeeds says it went without; it finds the passage, whatever failed."""
        status, found = await self.search(query)
        assert status == 200, found
        assert "two equal signs" in " ".join(one["text"] for one in found["passages"])
        return list(found["degraded"])


@asynccontextmanager
async def outside(rerank_s: float = RERANK_S) -> AsyncIterator[Outside]:
    """A service with its pages in, and everything well."""
    async with AsyncExitStack() as stack:
        cohere = await stack.enter_async_context(FakeCohere(COHERE_KEY))
        qdrant = await stack.enter_async_context(FakeQdrant(QDRANT_KEY))
        lines = [
            await stack.enter_async_context(FaultyProxy(port, seconds=5.0, bytes_per_s=150))
            for port in (cohere.port, cohere.port, qdrant.port)
        ]
        world = Outside(cohere, qdrant, *lines, rerank_s)
        async with no_task_left(), asking(world):
            await world.service.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
            yield world
        # A proxy that holds bytes back sees only then that its client has gone; a connection left over stays for ever.
        async with asyncio.timeout(15):
            for line in lines:
                await line.idle()


@asynccontextmanager
async def asking(world: Outside, **instead: str) -> AsyncIterator[None]:
    """A service over the same store and fakes, with adapters of its own; ``instead``: addresses by line."""
    before = getattr(world, "service", None)
    async with _adapters(world, world.addresses | instead) as adapters:
        if before is not None:
            adapters["store"] = before.adapters.store()
        async with HttpService(**adapters).running() as world.service:
            yield
    if before is not None:
        world.service = before


@asynccontextmanager
async def _adapters(world: Outside, address: dict[str, str]) -> AsyncIterator[dict[str, object]]:
    def now() -> float:
        return world.now[0]

    def dependency(name: str) -> Dependency:
        return Dependencies(now=now).add(name, Policy(timeout_s=5))

    async with (
        cohere_embedder(
            address["embed"], key=COHERE_KEY, question_s=SHORT_S, dependency=dependency(EMBED_PORT)
        ) as embedder,
        cohere_reranker(address["rerank"], key=COHERE_KEY, dependency=dependency(RERANK_PORT)) as reranker,
        qdrant_index(
            address["index"],
            key=QDRANT_KEY,
            dimensions=256,
            embedder=embedder.name,
            search_s=SHORT_S,
            dependency=dependency(INDEX_PORT),
        ) as index,
    ):
        yield {"embedder": embedder, "passage_index": index, "reranking": Reranking(reranker, world.rerank_s)}


NETWORK = [fault for fault in Fault if fault is not Fault.SLICER]
LATE = {Fault.LATENCY, Fault.NO_BYTES, Fault.BANDWIDTH}
WRONG = {Fault.DNS, Fault.TLS}
"""Faults that are addresses."""
WORDS = {
    "embed": {fault: ["lexical_only"] for fault in NETWORK},
    "rerank": {fault: ["rerank_late" if fault in LATE else "rerank_skipped"] for fault in NETWORK},
    "index": {fault: ["fulltext_only"] for fault in NETWORK},
}


@pytest.mark.parametrize("line", WORDS)
async def test_a_search_is_answered_while_the_network_fails_and_is_whole_again_afterwards(
    line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All twelve faults, one after the other, on one line; no breaker opens for a single one of them."""
    async with outside(RERANK_ALONE_S if line == "rerank" else RERANK_S) as world:
        proxy = world.lines[line]
        for fault in Fault:
            caplog.clear()
            expected = WORDS[line].get(fault, [])
            async with AsyncExitStack() as stack, asyncio.timeout(8):
                if fault in WRONG:
                    await stack.enter_async_context(asking(world, **{line: proxy.url(fault)}))
                else:
                    await proxy.play(fault)
                assert await world.degraded(f"{QUESTION} {fault}") == expected, fault
            logged = [one.message for one in caplog.records if one.levelno >= logging.WARNING]
            assert ("retrieval degraded" in logged) == (bool(expected) and expected != ["rerank_late"]), fault
            assert not [one for one in caplog.records if one.levelno >= logging.ERROR], fault
            await proxy.play(None)
            world.now[0] += 100
            assert await world.degraded(f"{QUESTION} after {fault}") == [], fault


REPLIES = {
    "400": refusal(400, ECHO),
    "401": refusal(401, ECHO),
    "402": refusal(402, ECHO),
    "403": refusal(403, ECHO),
    "404": refusal(404, ECHO),
    "422": refusal(422, ECHO),
    "429 minute": refusal(429, "You are past the per minute request limit, please wait and try again later."),
    "429 month": refusal(429, "You are using a Trial key, which is limited to 1000 API calls / month."),
    "498": refusal(498, ECHO),
    "499": refusal(499, ECHO),
    "500": refusal(500, ECHO),
    "501": refusal(501, ECHO),
    "503": refusal(503, ECHO),
    "504": refusal(504, ECHO),
    "fewer": Reply.of({"id": "x", "embeddings": {"float": []}, "results": "none"}),
    "wrong": Reply.of({"id": "x", "embeddings": {"float": [[0.5, 0.5]]}, "results": [{"index": 99}]}),
}


async def test_a_search_is_answered_whatever_cohere_replies(caplog: pytest.LogCaptureFixture) -> None:
    """Sixteen replies to both calls, with a breaker that rests between them and a probe that finds all well."""
    caplog.set_level(logging.INFO)
    told = ""
    async with outside() as world:
        for number, (name, reply) in enumerate(REPLIES.items()):
            world.cohere.always = {EMBED: reply, RERANK: reply}
            spent = name == "429 month"
            words = [*(["embed_quota"] if spent else []), "lexical_only"]
            words.append("rerank_quota" if spent else "rerank_skipped")
            caplog.clear()
            assert await world.degraded(f"{QUESTION} {number}") == words, name
            failed = {record.port for record in caplog.records if record.message == "call failed"}  # type: ignore[attr-defined]
            assert failed == {EMBED_PORT, RERANK_PORT}, name
            assert "retrieval degraded" in caplog.messages, name
            told += " ".join(f"{record.message} {record.__dict__}" for record in caplog.records)
            world.cohere.always = {}
            world.now[0] += 100
            assert await world.degraded(f"{QUESTION} again {number}") == [], name
    assert COHERE_KEY not in told
    assert QDRANT_KEY not in told
    assert ECHO not in told


@pytest.mark.parametrize("ranked", [[(99, 0.5)], [(0, 0.9), (0, 0.8)]], ids=["out of range", "twice"])
async def test_a_rerank_that_cannot_be_right_is_left_out(ranked: list[tuple[int, float]]) -> None:
    async with outside() as world:
        world.cohere.script(RERANK, Reply.of(results(ranked)))
        assert await world.degraded() == ["rerank_skipped"]
        world.cohere.script(RERANK, Reply.of(results([(1, 0.2), (0, 0.9)])))
        assert await world.degraded() == []


async def test_a_rerank_that_is_late_is_not_waited_for() -> None:
    async with outside(RERANK_ALONE_S) as world:
        world.cohere.delay_s[RERANK] = 30
        for number in range(6):
            # Late is not broken: no breaker opens, and each question tries anew.
            assert await world.degraded(f"{QUESTION} {number}") == ["rerank_late"]
        world.cohere.delay_s[RERANK] = 0
        assert await world.degraded() == []


async def test_a_breaker_opens_and_the_next_probe_closes_it() -> None:
    async with outside() as world:
        await world.embed_line.play(Fault.REFUSED)
        for number in range(5):
            assert await world.degraded(f"{QUESTION} {number}") == ["lexical_only"]
        accepted = world.embed_line.accepted
        await world.embed_line.play(None)
        assert await world.degraded("Not yet probed: an exact version?") == ["lexical_only"]
        assert world.embed_line.accepted == accepted
        world.now[0] += 5.1
        assert await world.degraded("Now probed: an exact version?") == []


async def test_a_search_is_answered_whatever_qdrant_replies(caplog: pytest.LogCaptureFixture) -> None:
    replies = [
        qdrant_wire.refusal(500, ECHO),
        qdrant_wire.refusal(503, ECHO),
        qdrant_wire.refusal(429, ECHO, retry_after="60"),
        qdrant_wire.refusal(429, ECHO),
        qdrant_wire.refusal(400, ECHO),
        Reply(403, b"forbidden", {"content-type": "text/plain"}),
        Reply(404, b"404 page not found", {"content-type": "text/plain"}),
        Reply(200, b"<html>", {"content-type": "text/html"}),
        Reply(200, b'{"more":%b%b}' % (b"[" * 100_000, b"]" * 100_000)),
    ]
    async with outside() as world:
        for reply in replies:
            world.qdrant.always = reply
            caplog.clear()
            assert await world.degraded() == ["fulltext_only"], reply
            assert {"call failed", "retrieval degraded"} <= set(caplog.messages), reply
            assert ECHO not in str([record.__dict__ for record in caplog.records]), reply
            world.qdrant.always = None
            world.now[0] += 100
            assert await world.degraded() == [], reply


async def test_an_index_that_is_down_at_the_start_is_used_when_it_is_back() -> None:
    async with outside() as world:
        await world.qdrant_line.play(Fault.REFUSED)
        async with asking(world):
            assert await world.degraded() == ["fulltext_only"]
            await world.qdrant_line.play(None)
            assert await world.degraded() == []


async def test_a_collection_that_is_gone_is_made_again_by_ingesting_and_not_taken_for_empty() -> None:
    async with outside() as world:
        for name in list(world.qdrant._shards):
            world.qdrant.drop(name)
        for _ in range(3):
            assert await world.degraded() == ["fulltext_only"]
        await world.service.ingest({"pinning.md": PINNING + "\nAnd more of it.\n"})
        assert await world.degraded() == []


async def test_a_collection_of_another_dimension_stops_the_start_and_says_what_to_do() -> None:
    async with outside() as world:
        [name] = [alias.removeprefix("ibid-") for alias in world.qdrant._aliases]
        wanted = "has vectors of 256 numbers, and the embedding model gives 512; set IBID_EMBED_MODEL"
        with pytest.raises(PortRefused, match=wanted):
            async with qdrant_index(world.qdrant.url, key=QDRANT_KEY, dimensions=512, embedder=name):
                pass
        with pytest.raises(PortRefused, match="401"):
            async with qdrant_index(world.qdrant.url, key="wrong", dimensions=256, embedder=name):
                pass


async def test_a_write_whose_answer_is_lost_is_written_once() -> None:
    async with outside() as world:
        world.qdrant.lose_answers = 1
        await world.service.ingest({"third.md": "# Third\n\nA third page, written once.\n"})
        assert await world.service.adapters.passage_index().count() == 6
        assert world.qdrant.lose_answers == 0


async def test_a_document_waits_for_an_index_that_takes_no_writes_for_a_while() -> None:
    async with outside() as world:
        world.qdrant.always = qdrant_wire.refusal(500, f"disk is full {ECHO}")
        body = {"collection": "docs", "documents": [{"uri": "late.md", "content": "# Late", "format": "markdown"}]}
        async with world.service.client(ADMIN_KEY) as client:
            accepted = await client.post("/v1/admin/ingestions", json=body)
            assert accepted.status_code == 202
            await asyncio.sleep(0.1)
            world.qdrant.always = None
            world.now[0] += 100
            for _ in range(500):
                state = (await client.get(accepted.headers["location"])).json()
                if state["status"] not in ("queued", "running"):
                    break
                await asyncio.sleep(0.02)
        assert state["status"] == "succeeded"
