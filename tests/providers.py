"""Adapters of services outside, pointed at a fake; each is closed when its context ends."""

import warnings
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from qdrant_client import AsyncQdrantClient

from adapters.cohere.embedder import PORT as EMBED_PORT
from adapters.cohere.embedder import CohereEmbedder
from adapters.cohere.reranker import PORT as RERANK_PORT
from adapters.cohere.reranker import CohereReranker
from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SystemClock
from adapters.qdrant.index import QdrantIndex, qdrant_client
from adapters.qdrant.layout import PORT as INDEX_PORT
from adapters.qdrant.layout import Sizing
from adapters.qdrant.searches import qdrant_posts
from adapters.resilience.dependency import Dependencies, Dependency, Policy
from adapters.resilience.http_client import JsonPosts
from adapters.resilience.metered import MeteredCalls
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall

KEY = "fake-cohere-key"


def unlimited() -> ProviderBudgets:
    return InMemoryProviderBudgets((), SystemClock())


@asynccontextmanager
async def cohere_embedder(
    url: str,
    *,
    key: str = KEY,
    budgets: ProviderBudgets | None = None,
    dependency: Dependency | None = None,
    **changes: Any,
) -> AsyncIterator[CohereEmbedder]:
    dependency = dependency or Dependencies().add(EMBED_PORT, Policy(timeout_s=30))
    calls = MeteredCalls(dependency, budgets or unlimited(), ProviderCall.EMBED)
    values: dict[str, Any] = {"model": "embed-v4.0", "dimensions": 256, "kind": "float"}
    async with aclosing(JsonPosts(url, headers={"Authorization": f"Bearer {key}"})) as posts:
        yield CohereEmbedder(posts, calls, **(values | changes))


@asynccontextmanager
async def cohere_reranker(
    url: str, *, key: str = KEY, budgets: ProviderBudgets | None = None, dependency: Dependency | None = None
) -> AsyncIterator[CohereReranker]:
    dependency = dependency or Dependencies().add(RERANK_PORT, Policy(timeout_s=5))
    calls = MeteredCalls(dependency, budgets or unlimited(), ProviderCall.RERANK)
    async with aclosing(JsonPosts(url, headers={"Authorization": f"Bearer {key}"})) as posts:
        yield CohereReranker(posts, calls, model="rerank-v4.0-fast")


@asynccontextmanager
async def qdrant_index(
    url: str,
    *,
    key: str | None = None,
    embedder: str = "of-four",
    dimensions: int = 4,
    dependency: Dependency | None = None,
    **changes: Any,
) -> AsyncIterator[QdrantIndex]:
    index = QdrantIndex(
        qdrant_client(url, key),
        dependency or Dependencies().add(INDEX_PORT, Policy(timeout_s=30)),
        embedder=embedder,
        dimensions=dimensions,
        sizing=changes.pop("sizing", Sizing()),
        posts=qdrant_posts(url, key),
        **changes,
    )
    try:
        await index.open()
        yield index
    finally:
        await index.close()


@asynccontextmanager
async def local_qdrant_index() -> AsyncIterator[QdrantIndex]:
    """On the client's own imitation of a server, in this process's memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that payload indexes mean nothing there
        dependency = Dependencies().add(INDEX_PORT, Policy(timeout_s=30))
        client = AsyncQdrantClient(":memory:")
        index = QdrantIndex(client, dependency, embedder="of-four", dimensions=4, sizing=Sizing())
        await index.open()
        yield index
        await index.close()
