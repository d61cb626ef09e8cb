"""Reranking by Cohere, through its SDK with the SDK's own retries off: the policy's loop is the only one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec
from httpx import AsyncClient

from adapters.cohere.refusals import MONTHLY, fault_of_refusal
from adapters.resilience.faults import Blame, Fault
from adapters.resilience.http_client import translated
from adapters.resilience.metered import MeteredCalls
from domain.access.quotas import ProviderCall, Window
from domain.errors import PortReplyInvalid, QuotaSpent
from domain.retrieval.model import Ranked
from domain.retrieval.ports import Reranker

if TYPE_CHECKING:
    from cohere import AsyncClientV2

PORT: Final = "cohere rerank"
TIMEOUT_S: Final = 5.0
"""Of one call. The question's own budget is much shorter and ends before; this bounds what nobody waits for."""


class CohereReranker(Reranker):
    """``client`` is the HTTP client that the SDK sends by; the SDK itself is loaded by ``load``, or at first use."""

    def __init__(self, client: AsyncClient, calls: MeteredCalls, *, model: str, key: str, base_url: str) -> None:
        self._client = client
        self._calls = calls
        self._model = model
        self._key = key
        self._base_url = base_url
        self._sdk: AsyncClientV2 | None = None

    @property
    def name(self) -> str:
        return self._model

    def load(self) -> "AsyncClientV2":
        """Import the SDK now: it takes half a second, and 50 MB."""
        if self._sdk is None:
            from cohere import AsyncClientV2

            self._sdk = AsyncClientV2(
                self._key, base_url=self._base_url, httpx_client=self._client, client_name="ibid", max_retries=0
            )
        return self._sdk

    async def rerank(self, question: str, texts: Sequence[str], *, keep: int) -> Sequence[Ranked]:
        if not texts:
            return ()
        sdk = self.load()

        async def work(_: float) -> Sequence[Ranked]:
            with translated(PORT), _refusals():
                reply = await sdk.rerank(model=self._model, query=question, documents=texts, top_n=keep)
            return _ranked(reply, len(texts))[:keep]

        try:
            return await self._calls.run(work, inputs=len(texts), timeout_s=TIMEOUT_S)
        except QuotaSpent as spent:
            if spent.port == PORT and spent.allowance == MONTHLY:
                await self._calls.budgets.exhaust(ProviderCall.RERANK, Window.MONTH)
            raise


@contextmanager
def _refusals() -> Iterator[None]:
    """The SDK's errors as faults; none of them passes on, since each quotes headers and body."""
    from cohere.core.api_error import ApiError
    from cohere.core.parse_error import ParsingError

    try:
        yield
    except ParsingError:
        raise _nonsense("is not a reply to rerank") from None
    except ApiError as error:
        status = error.status_code or 0
        if 200 <= status < 300:
            raise _nonsense("is not JSON") from None
        headers: Mapping[str, str] = {name.lower(): value for name, value in (error.headers or {}).items()}
        raise fault_of_refusal(PORT, status, headers, msgspec.json.encode(error.body, enc_hook=str)) from None


def _ranked(reply: Any, count: int) -> list[Ranked]:
    """The results by place, best first. The SDK builds its objects unchecked, so all of it is checked here."""
    results = getattr(reply, "results", None)
    if not isinstance(results, list):
        raise _nonsense("holds no results")
    ranked: list[Ranked] = []
    seen: set[int] = set()
    for one in results:
        place, score = getattr(one, "index", None), getattr(one, "relevance_score", None)
        if not isinstance(place, int) or not 0 <= place < count:
            raise _nonsense("ranks a text that was not sent")
        if place in seen:
            raise _nonsense("ranks one text twice")
        if not isinstance(score, int | float) or not isfinite(score):
            raise _nonsense("gives a score that is no number")
        seen.add(place)
        ranked.append(Ranked(place, float(score)))
    return sorted(ranked, key=lambda one: -one.score)


def _nonsense(what: str) -> Fault:
    return Fault(PortReplyInvalid(PORT, f"its answer {what}"), blame=Blame.SERVICE, retryable=False)
