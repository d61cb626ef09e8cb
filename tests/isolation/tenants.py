"""Three tenants on PostgreSQL and Qdrant's engine, with everything watched that a passage of one could leak through."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
from dependency_injector import providers
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.neon.documents import NeonDocuments
from adapters.neon.engine import statement_by_statement
from adapters.neon.known_passages import KnownPassages
from adapters.neon.passage_text import NeonPassageText
from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from adapters.qdrant_edge.index import QdrantEdgeIndex
from application.extractive_writer import ExtractiveWriter
from application.ports import AnswerWriter
from domain.access.model import Principal, Scope
from domain.access.readable import ReadableCollections
from domain.conversation.model import Question
from domain.errors import PortUnavailable
from domain.grounding.model import Evidence
from domain.library.model import UNTOLD, PassageInDocument
from domain.retrieval.model import Hit, HybridHits
from entrypoints.asgi import build_app
from entrypoints.memory_adapters import MemoryAdapters
from tests.builders import reading

ADMIN_KEY: Final = "ibid_the-admin-of-three-tenants"
TENANTS: Final = ("alba", "brio", "ceres")
COMMONS: Final = "commons"
"""A collection that every key may read."""

SHARED_PAGE: Final = "# Opening hours\n\nThe library opens at nine. On Sundays the library opens at noon.\n"
TOPICS: Final = ("ledger", "harbour", "turbine", "orchard")


def canary(owner: str, topic: str = "") -> str:
    """A word that stands in pages of one owner alone, and in no question."""
    return "zq" + hashlib.sha256(f"{owner}/{topic}".encode()).hexdigest()[:12]


def pages(owner: str) -> dict[str, str]:
    """Some pages are the same for all, to the letter; the others differ in a word."""
    own = {
        f"{topic}.md": f"# The {topic}\n\nThe {topic} is checked every Monday by the {canary(owner, topic)} crew.\n\n"
        f"## Repairs\n\nA broken {topic} is repaired with the {canary(owner, topic)} tool.\n"
        for topic in TOPICS
    }
    return {**own, "hours.md": SHARED_PAGE}


@dataclass
class Watch:
    """What went through each door since the last ``take``: ids of passages, and texts that a writer was given."""

    hits: set[UUID] = field(default_factory=set)
    read_back: set[UUID] = field(default_factory=set)
    prompt: list[str] = field(default_factory=list)

    def take(self) -> "Watch":
        seen = Watch(set(self.hits), set(self.read_back), list(self.prompt))
        self.hits.clear()
        self.read_back.clear()
        self.prompt.clear()
        return seen


class WatchedIndex(QdrantEdgeIndex):
    """``leaky``: it finds passages wherever they are, as if its own filter were lost. ``down``: it finds none."""

    def __init__(self, path: Path, watch: Watch) -> None:
        super().__init__(path, 256)
        self.watch = watch
        self.leaky = False
        self.down = False

    async def search(self, **wanted: Any) -> HybridHits:
        if self.down:
            raise PortUnavailable("index")
        if self.leaky:
            wanted["readable"] = reading(*TENANTS, COMMONS)
        found = await super().search(**wanted)
        self.watch.hits |= {hit.passage_id for hit in (*found.dense, *found.sparse)}
        return found


class WatchedUnitOfWork(NeonUnitOfWork):
    def __init__(self, engine: AsyncEngine, watch: Watch, known_passages: KnownPassages | None = None) -> None:
        super().__init__(engine, None, None, known_passages)
        self.documents = _WatchedDocuments(self._transaction, watch)
        self.passage_text = _WatchedText(self._transaction, watch)


class _WatchedText(NeonPassageText):
    def __init__(self, transaction: Any, watch: Watch) -> None:
        super().__init__(transaction)
        self._watch = watch

    async def find(self, *words: Any, **wanted: Any) -> Sequence[Hit]:
        found = await super().find(*words, **wanted)
        self._watch.hits |= {hit.passage_id for hit in found}
        return found


class _WatchedDocuments(NeonDocuments):
    def __init__(self, transaction: Any, watch: Watch) -> None:
        super().__init__(transaction)
        self._watch = watch

    async def passages(
        self,
        passage_ids: Sequence[UUID],
        readable: ReadableCollections,
        *,
        cuts: Mapping[str, int] | None = None,
        state: str = UNTOLD,
    ) -> Mapping[UUID, PassageInDocument]:
        found = await super().passages(passage_ids, readable, cuts=cuts, state=state)
        self._watch.read_back |= set(found)
        return found


class WatchedWriter(AnswerWriter):
    name = "watched"

    def __init__(self, writer: ExtractiveWriter, watch: Watch) -> None:
        self._writer = writer
        self._watch = watch

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        self._watch.prompt += [piece.text for piece in evidence]
        async for piece in self._writer.write(question, evidence, language=language):
            yield piece


@dataclass(frozen=True)
class Owned:
    """What belongs to one owner: ``passages`` and ``texts`` may be seen by it alone, ``ids`` are of its objects."""

    passages: frozenset[UUID]
    texts: tuple[str, ...]
    ids: Mapping[str, str]


class _Adapters(MemoryAdapters):
    """Reading is provided apart, as in production: in memory it is writing, and who replaces one replaces both."""

    reading = providers.Factory(InMemoryUnitOfWork, MemoryAdapters.store)


class Tenants:
    """A running service; ``owned`` by tenant, and under COMMONS what is everybody's."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.watch = Watch()
        self._engine = engine
        self.index = WatchedIndex(folder, self.watch)
        admin = {hashlib.sha256(ADMIN_KEY.encode()).digest(): Principal("default", "admin", frozenset({Scope.ADMIN}))}
        units = providers.Factory(WatchedUnitOfWork, engine, self.watch)
        self.adapters = _Adapters(
            first_keys=admin,
            unit_of_work=units,
            background_unit_of_work=units,
            queue=providers.Singleton(PgQueuerWorkQueue, engine.url.render_as_string(hide_password=False)),
            reading=providers.Factory(
                WatchedUnitOfWork, statement_by_statement(engine), self.watch, providers.Singleton(KnownPassages)
            ),
            passage_index=providers.Object(self.index),
        )
        self.adapters.writer.override(
            providers.Singleton(WatchedWriter, ExtractiveWriter(self.adapters.analyzer()), self.watch)
        )
        self.app = build_app(self.adapters, holder="a test", only_process=True)
        self.keys: dict[str, str] = {}
        self.owned: dict[str, Owned] = {}

    def client(self, key: str, user: str = "") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"} | ({"Ibid-User": user} if user else {})
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://t", headers=headers)

    async def prepare(self) -> None:
        async with self.client(ADMIN_KEY) as admin:
            for name in (*TENANTS, COMMONS):
                await self._collection(admin, name)
            for name in TENANTS:
                grant = {"name": name, "scopes": ["ask", "ingest", "act_as"], "collections": [name]}
                self.keys[name] = (await admin.post("/v1/admin/api-keys", json=grant)).json()["secret"]
        for name in TENANTS:
            self.owned[name] = await self._owned(name, self.keys[name])
        self.owned[COMMONS] = await self._owned(COMMONS, ADMIN_KEY)

    async def _collection(self, admin: httpx.AsyncClient, name: str) -> None:
        visibility = "members" if name == COMMONS else "private"
        (await admin.post("/v1/admin/collections", json={"name": name, "visibility": visibility})).raise_for_status()
        documents = [
            {"uri": uri, "content": text, "format": "markdown", "metadata": {"owner": name}}
            for uri, text in pages(name).items()
        ]
        accepted = await admin.post("/v1/admin/ingestions", json={"collection": name, "documents": documents})
        await ended(admin, accepted.headers["location"])

    async def _owned(self, name: str, key: str) -> Owned:
        async with self.client(key) as client:
            search = {"query": " ".join((*TOPICS, "library")), "collections": [name], "limit": 50}
            found = (await client.post("/v1/search", json=search)).json()["passages"]
            listed = (await client.get("/v1/documents", params={"collection": name, "limit": 2})).json()
            ids = {"document": found[0]["document"]["id"], "version": found[0]["document"]["version"]}
            ids |= {"cursor": listed["next_cursor"]}
            if name != COMMONS:
                ids |= await self._asked(client, name)
        texts = (*(canary(name, topic) for topic in TOPICS), *{one["document"]["id"] for one in found})
        passages = frozenset(UUID(one["passage_id"]) for one in found)
        return Owned(passages, (*texts, *map(str, passages)), ids)

    async def _asked(self, client: httpx.AsyncClient, name: str) -> dict[str, str]:
        turn = (await client.post("/v1/ask", json={"question": f"What is the {TOPICS[0]} repaired with?"})).json()
        assert turn["status"] == "answered"
        documents = [{"uri": "late.md", "content": "# Late\n\nLate words.", "format": "markdown"}]
        accepted = await client.post("/v1/admin/ingestions", json={"collection": name, "documents": documents})
        await ended(client, accepted.headers["location"])
        return {
            "turn": turn["turn_id"],
            "conversation": turn["conversation_id"],
            "ingestion": accepted.json()["id"],
        }


async def ended(client: httpx.AsyncClient, status_url: str) -> None:
    for _ in range(1_000):
        state = (await client.get(status_url)).json()
        if state["status"] not in ("queued", "running"):
            assert state["status"] == "succeeded", state
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the ingestion did not end")


@asynccontextmanager
async def three_tenants(engine: AsyncEngine, folder: Path) -> AsyncIterator[Tenants]:
    tenants = Tenants(engine, folder)
    await tenants.index.open()
    try:
        async with tenants.app.lifespan():
            await tenants.prepare()
            tenants.watch.take()
            yield tenants
    finally:
        await tenants.index.close()
