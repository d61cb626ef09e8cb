"""A Qdrant server, cloud or cluster as the passage index: one collection an embedding model, behind an alias."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import UnexpectedResponse

from adapters.qdrant.layout import PORT, Sizing, alias_of, created, examined
from adapters.qdrant.points import ids, of_collection, point, searched_by_client
from adapters.qdrant.refusals import port_errors
from adapters.qdrant.searches import searched
from adapters.resilience.dependency import Dependency
from adapters.resilience.faults import Blame, Fault
from adapters.resilience.http_client import JsonPosts, http_transport
from domain.access.readable import ReadableCollections
from domain.errors import PortUnavailable
from domain.retrieval.model import HybridHits, IndexedPassage, SearchFilters, SparseVector, Vector
from domain.retrieval.ports import PassageIndex

T = TypeVar("T")

SEARCH_S: Final = 1.0
"""PostgreSQL answers in its place after that, and the whole search within 3 s."""
WRITE_S: Final = 30.0
START_S: Final = 10.0
POINTS_AT_ONCE: Final = 64
"""The client turns a point of 1,024 numbers into JSON in 0.2 ms, on the event loop."""
IDS_AT_ONCE: Final = 1_000
KEEP_ALIVE_S: Final = 24 * 3600.0
"""A free cluster is suspended after a week without use (Qdrant Cloud's documentation, read 2026-11)."""

_log = logging.getLogger("ibid.index")


def qdrant_client(url: str, key: str | None) -> AsyncQdrantClient:
    """A client over REST; nothing connects yet. A port that the URL does not name is 6333, Qdrant's own."""
    # The key goes as a header: given by name, it makes the client warn of every address that is not https.
    headers = {"api-key": key} if key else {}
    return AsyncQdrantClient(
        url=url, timeout=int(WRITE_S), headers=headers, check_compatibility=False, transport=http_transport(url)
    )


class QdrantIndex(PassageIndex):
    """
    Open it before use and close it after. Any number of processes may use one server.

    A server that is away at the start is no error: the collection is then looked for with the first call.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        dependency: Dependency,
        *,
        embedder: str,
        dimensions: int,
        sizing: Sizing,
        keep_alive: bool = False,
        search_s: float = SEARCH_S,
        posts: JsonPosts | None = None,
        slot: int = 0,
    ) -> None:
        """``posts``: a quicker way to ask the server; without it the client asks."""
        self._client = client
        self._posts = posts
        self._dependency = dependency
        self._alias = alias_of(embedder, slot)
        self._dimensions = dimensions
        self._sizing = sizing
        self._keep_alive = keep_alive
        self._search_s = search_s
        self._ready = False
        self._preparing = asyncio.Lock()
        self._awake: asyncio.Task[None] | None = None

    def beside(self, embedder: str, dimensions: int, slot: int) -> "QdrantIndex":
        """Another index on the same server, by the same client, which it does not close."""
        return QdrantIndex(
            self._client,
            self._dependency,
            embedder=embedder,
            dimensions=dimensions,
            sizing=self._sizing,
            search_s=self._search_s,
            posts=self._posts,
            slot=slot,
        )

    async def open(self) -> None:
        """
        Raises PortRefused for a wrong key, or a collection made for other vectors.

        Tried once, and told to no breaker: what the start finds away must not make the first question wait for it.
        """
        try:
            async with asyncio.timeout(START_S):
                await self._prepared(making=True)
        except TimeoutError:
            self._told_away("did not answer in time")
        except Fault as fault:
            if not isinstance(fault.error, PortUnavailable):
                raise fault.error from fault.__cause__
            self._told_away(str(fault.error))
        except PortUnavailable as error:
            self._told_away(str(error))
        if self._keep_alive:
            self._awake = asyncio.create_task(self._stay_awake())

    @staticmethod
    def _told_away(reason: str) -> None:
        _log.warning("the passage index is away; searches use the database", extra={"reason": reason})

    async def close(self) -> None:
        if self._awake is not None:
            self._awake.cancel()
            await asyncio.wait([self._awake])
        await self._client.close()
        if self._posts is not None:
            await self._posts.aclose()

    async def search(
        self,
        *,
        dense: Vector | None,
        sparse: SparseVector | None,
        readable: ReadableCollections,
        filters: SearchFilters,
        limit: int,
    ) -> HybridHits:
        if not readable:
            return HybridHits((), ())
        ask = partial(searched, self._posts) if self._posts is not None else partial(searched_by_client, self._client)
        asked = partial(ask, self._alias, dense=dense, sparse=sparse, readable=readable, filters=filters, limit=limit)
        return await self._call(asked, timeout_s=self._search_s)

    async def put(self, passages: Sequence[IndexedPassage]) -> None:
        for start in range(0, len(passages), POINTS_AT_ONCE):
            some = [point(passage) for passage in passages[start : start + POINTS_AT_ONCE]]
            # Twice is as good as once: what was applied before its answer was lost is written over.
            await self._call(partial(self._client.upsert, self._alias, some, wait=True), timeout_s=WRITE_S, making=True)

    async def remove(self, passage_ids: Sequence[UUID]) -> None:
        for start in range(0, len(passage_ids), IDS_AT_ONCE):
            some = ids(passage_ids[start : start + IDS_AT_ONCE])
            await self._call(partial(self._client.delete, self._alias, some, wait=True), timeout_s=WRITE_S)

    async def count(self) -> int:
        counted = await self._call(lambda: self._client.count(self._alias, exact=True), timeout_s=WRITE_S)
        return counted.count

    async def ids(
        self, after: UUID | None, *, limit: int, collection: str | None = None
    ) -> tuple[Sequence[UUID], UUID | None]:
        of = None if collection is None else of_collection(collection)
        offset = None if after is None else str(after)
        found, following = await self._call(
            lambda: self._client.scroll(
                self._alias, scroll_filter=of, limit=limit, offset=offset, with_payload=False, with_vectors=False
            ),
            timeout_s=WRITE_S,
        )
        return [UUID(str(one.id)) for one in found], None if following is None else UUID(str(following))

    async def settle(self) -> None:
        """The server builds its search structures by itself."""

    async def _call(self, ask: Callable[[], Awaitable[T]], *, timeout_s: float, making: bool = False) -> T:
        async def work(_: float) -> T:
            await self._prepared(making=making)
            with port_errors():
                try:
                    return await ask()
                except UnexpectedResponse as error:
                    if error.status_code == 404:
                        # A suspended cluster that was deleted, or dropped by hand. What is put next makes it again;
                        # until then an empty one would answer that there is nothing, and the database knows better.
                        self._ready = False
                        raise _no_collection() from None
                    raise

        return await self._dependency.call(work, timeout_s=timeout_s)

    async def _prepared(self, *, making: bool) -> None:
        """The collection is there, made if need be and ``making``, and the right one; asked of the server once."""
        if self._ready:
            return
        async with self._preparing:
            if not self._ready:
                with port_errors():
                    try:
                        info = await self._client.get_collection(self._alias)
                    except (UnexpectedResponse, ValueError) as error:
                        # The client's local mode says so by a ValueError.
                        if isinstance(error, UnexpectedResponse) and error.status_code != 404:
                            raise
                        if not making:
                            raise _no_collection() from None
                        await created(self._client, self._alias, self._dimensions, self._sizing)
                        info = await self._client.get_collection(self._alias)
                examined(info, self._alias, self._dimensions)
                self._ready = True

    async def _stay_awake(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            try:
                await self.count()
            except Exception as error:
                _log.warning("the passage index was not kept awake", exc_info=error)


def _no_collection() -> Fault:
    """The server is well; asking again changes nothing."""
    error = PortUnavailable(PORT, "has no collection; ingest your documents again")
    return Fault(error, blame=Blame.REQUEST, retryable=False)
