"""Which adapters the settings choose for what a service outside may do: embedding, reranking, the passage index."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.budgets import NeonProviderBudgets
from adapters.neon.footprint import DatabaseFootprint
from adapters.qdrant_edge.beside import QdrantEdgeGenerations
from adapters.qdrant_edge.index import QdrantEdgeIndex
from adapters.resilience.dependency import Dependencies, Policy
from adapters.resilience.http_clients import HttpClients
from adapters.static.embedder import StaticEmbedder
from adapters.web.fetching import FetcherAtNeed
from application.embedders import Embedders, place_of
from application.ports import Clock
from application.reranking import Reranking
from domain.access.ports import Footprint, ProviderBudgets
from domain.access.quotas import (
    MODEL_CALLS_PER_DAY,
    NEON_FREE_BYTES,
    QDRANT_FREE_BYTES,
    Allowance,
    Plan,
    ProviderCall,
    free_allowances,
    of_provider,
)
from domain.library.generations import IndexPlace
from domain.library.web_addresses import AddressPolicy
from domain.retrieval.ports import Embedder
from entrypoints.settings import Settings

if TYPE_CHECKING:
    from adapters.cohere.embedder import CohereEmbedder
    from adapters.cohere.reranker import CohereReranker
    from adapters.qdrant.beside import QdrantGenerations
    from adapters.qdrant.index import QdrantIndex

AGENT: Final = "Ibid"
"""How a site's logs and its robots.txt know the fetching of pages."""

_COHERE: Final = Policy(timeout_s=30.0, width=200)
_QDRANT: Final = Policy(timeout_s=30.0, width=100)

# What is imported inside a function is loaded by those alone who configured it: Qdrant's SDK takes a second and 40 MB.


def budgets(settings: Settings, engine: AsyncEngine, clock: Clock) -> ProviderBudgets:
    return NeonProviderBudgets(engine, allowances(settings), clock)


def allowances(settings: Settings) -> tuple[Allowance, ...]:
    """On a paid plan nothing is counted, nor are models of a server that no account gives a plan to."""
    if settings.plan is not Plan.FREE:
        return ()
    calls_per_day = settings.model_calls_per_day
    held = free_allowances(
        model_calls_per_day=MODEL_CALLS_PER_DAY if calls_per_day is None else calls_per_day,
        cohere_calls_per_month=settings.cohere_calls_per_month,
    )
    # Ollama and its like ask for no key. With one it may be OpenRouter behind another address, and is held to its plan.
    if settings.models is not None and settings.models.key is None and calls_per_day is None:
        return of_provider("cohere", held)
    return held


def embedder(
    settings: Settings, outside: Dependencies, clients: HttpClients, spending: ProviderBudgets
) -> "StaticEmbedder | CohereEmbedder":
    if settings.cohere_api_key is None:
        return StaticEmbedder()
    from adapters.cohere.embedder import PORT, CohereEmbedder
    from adapters.resilience.metered import MeteredCalls

    key = settings.cohere_api_key.reveal()
    posts = clients.posts(settings.cohere_base_url, headers={"Authorization": f"Bearer {key}"})
    calls = MeteredCalls(outside.add(PORT, _COHERE, account="cohere"), spending, ProviderCall.EMBED)
    return CohereEmbedder(
        posts,
        calls,
        model=settings.embed_model,
        dimensions=settings.embed_dimensions,
        kind=settings.embed_type,
    )


def texts_a_call(settings: Settings) -> int:
    """0: embedding buys nothing."""
    if settings.cohere_api_key is None:
        return 0
    from adapters.cohere.embedder import MAX_TEXTS

    return MAX_TEXTS


def embedders(embedder: "StaticEmbedder | CohereEmbedder") -> Embedders:
    """Static vectors need nothing, so that a collection can be indexed by them whatever else is set."""
    return Embedders(embedder) if isinstance(embedder, StaticEmbedder) else Embedders(embedder, (StaticEmbedder(),))


def reranker(
    settings: Settings, outside: Dependencies, clients: HttpClients, spending: ProviderBudgets
) -> "CohereReranker | None":
    """None: without a key there is none."""
    if settings.cohere_api_key is None:
        return None
    from adapters.cohere.reranker import PORT, CohereReranker
    from adapters.resilience.metered import MeteredCalls

    key = settings.cohere_api_key.reveal()
    return CohereReranker(
        clients.posts(settings.cohere_base_url, headers={"Authorization": f"Bearer {key}"}),
        MeteredCalls(outside.add(PORT, _COHERE, account="cohere"), spending, ProviderCall.RERANK),
        model=settings.rerank_model,
    )


def reranking(settings: Settings, reranker: "CohereReranker | None") -> Reranking | None:
    if reranker is None or not settings.rerank_budget_ms:
        return None
    return Reranking(reranker, settings.rerank_budget_ms / 1_000)


def passage_index(
    settings: Settings, outside: Dependencies, folder: Path, embedder: Embedder
) -> "QdrantEdgeIndex | QdrantIndex":
    """An index an embedder: vectors of two models never meet."""
    if settings.qdrant_url is None:
        return QdrantEdgeIndex(folder / embedder.name, embedder.dimensions)
    from adapters.qdrant.index import QdrantIndex, qdrant_client
    from adapters.qdrant.layout import PORT, Sizing
    from adapters.qdrant.searches import qdrant_posts

    key = settings.qdrant_api_key.reveal() if settings.qdrant_api_key else None
    return QdrantIndex(
        qdrant_client(settings.qdrant_url, key),
        outside.add(PORT, _QDRANT),
        embedder=embedder.name,
        dimensions=embedder.dimensions,
        sizing=Sizing(settings.plan is Plan.FREE, settings.qdrant_shards, settings.qdrant_replicas),
        keep_alive=settings.qdrant_keep_alive,
        posts=qdrant_posts(settings.qdrant_url, key),
    )


def address_policy(settings: Settings) -> AddressPolicy:
    return AddressPolicy(settings.fetch_networks, settings.fetch_ports)


def source_fetcher(settings: Settings) -> FetcherAtNeed:
    return FetcherAtNeed(address_policy(settings), agent=AGENT, per_second=settings.fetch_per_second)


def indexes(
    folder: Path, index: "QdrantEdgeIndex | QdrantIndex", embedder: Embedder
) -> "QdrantEdgeGenerations | QdrantGenerations":
    """``index``, which is the embedder's first, and those beside it."""
    if isinstance(index, QdrantEdgeIndex):
        return QdrantEdgeGenerations(folder, index, place_of(embedder))
    from adapters.qdrant.beside import QdrantGenerations

    def beside(place: IndexPlace) -> "QdrantIndex":
        return index.beside(place.embedder, place.dimensions, place.slot)

    return QdrantGenerations(index, place_of(embedder), beside)


def footprints(
    settings: Settings, engine: AsyncEngine, index: "QdrantEdgeIndex | QdrantIndex", embedder: Embedder
) -> tuple[Footprint, ...]:
    """The stores outside that grow with what is ingested; what is on this machine has its disk for a limit."""
    free = settings.plan is Plan.FREE
    found: list[Footprint] = []
    if settings.database_url is not None:
        found.append(DatabaseFootprint(engine, NEON_FREE_BYTES if free else None))
    if not isinstance(index, QdrantEdgeIndex):
        from adapters.qdrant.footprint import QdrantFootprint

        limit = QDRANT_FREE_BYTES if free else None
        found.append(QdrantFootprint(index, dimensions=embedder.dimensions, small=free, limit=limit))
    return tuple(found)
