"""
Whether Cohere takes the key and serves the models that are set, by Cohere's SDK.

The SDK is imported when a diagnosis asks, and by nothing else: no question waits for it (docs/adr/0009).
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from adapters.cohere.calls import metered
from adapters.cohere.refusals import fault_of_refusal
from adapters.resilience.faults import Blame, Fault
from adapters.resilience.http_client import http_client, translated
from adapters.resilience.metered import MeteredCalls
from application.diagnose import Probe, Unsound
from domain.errors import PortError, PortReplyInvalid

if TYPE_CHECKING:
    from cohere import AsyncClientV2

T = TypeVar("T")

PORT: Final = "cohere models"
TIMEOUT_S: Final = 3.0
"""Of one call; a diagnosis waits for ten seconds, and two models take two calls, four where both are wrong."""
NAMED: Final = 6
"""So many models that would do are named."""
_PAGE: Final = 1_000
"""Models to a page, the most there may be. Source: Cohere's list-models reference, read 2026-11."""


@dataclass(frozen=True, slots=True)
class WantedModel:
    """``setting`` names it; ``then``: what is to be done after that setting is changed, if anything."""

    name: str
    endpoint: Literal["embed", "rerank"]
    setting: str
    then: str = ""


@dataclass(frozen=True, slots=True)
class CohereModelsProbe(Probe):
    """
    One call a model, and one more for each that will not do, to name some that would.

    ``calls`` is made anew for each diagnosis: it asks now, whatever a breaker has seen, and tells no breaker of it.
    """

    base_url: str
    key: str = field(repr=False)
    calls: Callable[[], MeteredCalls]
    wanted: tuple[WantedModel, ...]
    mend: str = "check COHERE_API_KEY (dashboard.cohere.com, under API keys) and COHERE_BASE_URL"
    part: str = PORT

    async def ask(self) -> str | Unsound | None:
        if not self.wanted:
            return None
        await asyncio.to_thread(importlib.import_module, "cohere")  # 0.4 s, in which the service goes on answering
        async with aclosing(http_client(self.base_url)) as http:
            from cohere import AsyncClientV2

            sdk = AsyncClientV2(self.key, base_url=self.base_url, httpx_client=http, client_name="ibid", max_retries=0)
            return await _Inquiry(sdk, self.calls()).outcome(self.wanted)


@dataclass(frozen=True, slots=True)
class _Inquiry:
    sdk: "AsyncClientV2"
    calls: MeteredCalls

    async def outcome(self, wanted: tuple[WantedModel, ...]) -> str | Unsound:
        details: list[str] = []
        mends: list[str] = []
        for one in wanted:
            model = await self._asked(lambda name=one.name: self.sdk.models.get(name))  # type: ignore[misc]
            wrong = _wrong(one, model)
            if not wrong:
                continue
            others = await self._others(one)
            if model is None and others is None and not details:
                return "the key is not refused, and this service names no models: what embeds and reranks says the rest"
            such = f": {', '.join(others)}" if others else ""
            details.append(f"{one.name} {wrong}")
            mends.append(f"set {one.setting} to a model that serves {one.endpoint}{such}{one.then}")
        if details:
            return Unsound("; ".join(details), "; ".join(mends))
        served = " and ".join(f"{one.name} for {one.endpoint}" for one in wanted)
        return f"the key is taken, and serves {served}"

    async def _others(self, wanted: WantedModel) -> list[str] | None:
        """Some models that would do, none where that cannot be told; None: this service has no list of them."""
        try:
            listed = await self._asked(lambda: self.sdk.models.list(endpoint=wanted.endpoint, page_size=_PAGE))
            if listed is None:
                return None
            models = getattr(listed, "models", None)
            fit = [one for one in models if not _wrong(wanted, one)] if isinstance(models, list) else []
        except PortError:
            return []
        return sorted(str(one.name) for one in fit if getattr(one, "name", None))[:NAMED]

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """What the SDK returns, None for 404. Raises PortError."""

        async def work(_: float) -> T | None:
            with translated(PORT), _refusals():
                return await _unless_missing(ask)

        return await metered(self.calls, PORT, work, inputs=1, timeout_s=TIMEOUT_S)


def _wrong(wanted: WantedModel, model: Any) -> str:
    """What keeps the model from doing; empty: nothing. The SDK builds its objects unchecked, so this looks twice."""
    if model is None:
        return "is not known there"
    if getattr(model, "is_deprecated", None) is True:
        return "is deprecated"
    endpoints = getattr(model, "endpoints", None)
    if not isinstance(endpoints, list):
        raise PortReplyInvalid(PORT, "its answer does not say what a model serves")
    if wanted.endpoint not in endpoints:
        return f"serves {', '.join(map(str, endpoints)) or 'nothing'}, not {wanted.endpoint}"
    return ""


async def _unless_missing(ask: Callable[[], Awaitable[T]]) -> T | None:
    from cohere.core.api_error import ApiError

    try:
        return await ask()
    except ApiError as error:
        if error.status_code == 404:
            return None
        raise


@contextmanager
def _refusals() -> Iterator[None]:
    """The SDK's errors as faults; none of them passes on, since each quotes headers and body."""
    from cohere.core.api_error import ApiError
    from cohere.core.parse_error import ParsingError

    try:
        yield
    except (ParsingError, TypeError, ValueError, AttributeError):
        # It builds its objects unchecked, and stumbles over JSON of another shape.
        raise _nonsense("is not about models") from None
    except ApiError as error:
        status = error.status_code or 0
        if 200 <= status < 300:
            raise _nonsense("is not JSON") from None
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        raise fault_of_refusal(PORT, status, headers, msgspec.json.encode(error.body, enc_hook=str)) from None


def _nonsense(what: str) -> Fault:
    return Fault(PortReplyInvalid(PORT, f"its answer {what}"), blame=Blame.SERVICE, retryable=False)
