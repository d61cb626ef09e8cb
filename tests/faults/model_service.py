"""The service with models at a faulty OpenRouter, asked over HTTP, and what must be as before afterwards."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from dependency_injector import providers

from adapters.openrouter.bodies import ProviderPreferences
from adapters.openrouter.chat_model import OpenRouterChatModel, Patience
from adapters.resilience.dependency import Dependencies
from application.model_answer import ModelDrafting
from entrypoints.model_parts import drafting_by
from entrypoints.model_settings import ModelSettings
from tests.entrypoints.http_service import QUESTION, HttpService, events_of
from tests.fakes.openrouter import KEY
from tests.leftovers import no_task_left

MODELS: Final = ("first", "second")


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's stream: its turn, and the ``next_model`` of each reset."""

    status: int
    turn: dict[str, Any]
    resets: tuple[str | None, ...]

    @property
    def outcomes(self) -> tuple[str, ...]:
        return tuple(attempt["outcome"] for attempt in self.turn["attempts"])


class ModelService:
    def __init__(self, base_url: str, *, models: Sequence[str] = MODELS, silent_s: float = 0.4) -> None:
        self.breaker_clock = Clock()
        self.outside = Dependencies(now=self.breaker_clock)
        self.settings = ModelSettings(names=tuple(models), base_url=base_url)
        self.silent_s = silent_s
        self.service = HttpService()
        self.point_at(base_url)

    def point_at(self, base_url: str) -> None:
        patience = Patience(idle_s=self.silent_s, total_s=20, spent_s=0.05, spent_again_s=0.02)
        preferences = ProviderPreferences(data_collection="deny")
        self.chat_model = OpenRouterChatModel(self.outside, KEY, base_url, preferences, patience)
        adapters = self.service.adapters
        drafting = drafting_by(
            self.settings,
            lambda: self.chat_model,
            adapters.budgets(),
            adapters.writer(),
            adapters.clock(),
            adapters.costs(),
        )
        assert isinstance(drafting, ModelDrafting)
        adapters.outside.override(providers.Object(self.outside))
        adapters.drafting.override(providers.Object(replace(drafting, silent_s=self.silent_s)))

    async def ask(self, question: str = QUESTION) -> Asked:
        async with self.service.client(accept="text/event-stream") as client:
            answer = await client.post("/v1/ask", json={"question": question, "collections": ["docs"]})
        events = [(name, json.loads(data)) for _, name, data in events_of(answer.text)]
        resets = tuple(data["next_model"] for name, data in events if name == "reset")
        last, turn = events[-1]
        assert last == "done"
        texts = [name if name == "reset" else data["delta"] for name, data in events if name in ("text", "reset")]
        assert "".join(texts).split("reset")[-1] == turn["answer"]
        async with self.service.client() as client:
            assert (await client.get(f"/v1/turns/{turn['turn_id']}")).json() == turn
        return Asked(answer.status_code, turn, resets)

    @property
    def open_calls(self) -> int:
        """Connections that calls have taken out of the client's pool and not given back."""
        session = getattr(self.chat_model._client._transport, "client", None)
        connector = getattr(session, "connector", None)
        return len(connector._acquired) if connector is not None else 0


@asynccontextmanager
async def a_model_service(base_url: str, **options: Any) -> AsyncIterator[ModelService]:
    models = ModelService(base_url, **options)
    async with models.service.running():
        await models.service.ingest_story()
        async with no_task_left():
            try:
                yield models
                assert models.open_calls == 0
            finally:
                await models.chat_model.close()
