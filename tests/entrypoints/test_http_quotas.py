"""GET /v1/admin/quotas."""

from datetime import UTC, datetime

from dependency_injector import providers
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.clock import SettableClock
from adapters.neon.engine import statement_by_statement
from adapters.neon.footprint import DatabaseFootprint
from adapters.qdrant.footprint import QdrantFootprint
from domain.access.quotas import NEON_FREE_BYTES, Plan, ProviderCall, free_allowances
from tests.builders import NOON
from tests.entrypoints.http_service import ADMIN_KEY, READER_KEY, HttpService
from tests.fakes.qdrant import FakeQdrant
from tests.providers import qdrant_index


async def test_the_operator_sees_what_is_left_and_when_it_comes_back() -> None:
    allowances = free_allowances(model_calls_per_day=50, cohere_calls_per_month=1_000)
    budgets = InMemoryProviderBudgets(allowances, SettableClock(NOON))
    for _ in range(3):
        await budgets.reserve(ProviderCall.RERANK)
    service = HttpService(budgets=budgets, plan=Plan.FREE)
    async with service.running(), service.client(ADMIN_KEY) as client:
        answer = (await client.get("/v1/admin/quotas")).json()
    assert (answer["plan"], answer["storage"]) == ("free", [])
    by_name = {one["name"]: one for one in answer["allowances"]}
    assert by_name["cohere_calls_per_month"] == {
        "provider": "cohere",
        "name": "cohere_calls_per_month",
        "window": "month",
        "limit": 1_000,
        "used": 3,
        "left": 997,
        "resets_at": datetime(2026, 12, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z"),
    }
    assert by_name["openrouter_calls_per_day"]["left"] == 50
    assert by_name["openrouter_calls_per_day"]["resets_at"] is None


async def test_who_is_no_operator_sees_nothing() -> None:
    service = HttpService()
    async with service.running(), service.client(READER_KEY) as client:
        assert (await client.get("/v1/admin/quotas")).status_code == 403


async def test_stores_outside_say_how_large_they_are(engine: AsyncEngine) -> None:
    async with FakeQdrant() as qdrant, qdrant_index(qdrant.url) as index:
        database = DatabaseFootprint(statement_by_statement(engine), NEON_FREE_BYTES)
        passages = QdrantFootprint(index, dimensions=4, small=True, limit=None)
        service = HttpService(footprints=providers.Object((database, passages)))
        async with service.running(), service.client(ADMIN_KEY) as client:
            [neon, qdrant_storage] = (await client.get("/v1/admin/quotas")).json()["storage"]
    assert neon["limit_bytes"] == NEON_FREE_BYTES
    assert 1_000_000 < neon["used_bytes"] < NEON_FREE_BYTES
    assert qdrant_storage == {"provider": "qdrant", "used_bytes": 0, "limit_bytes": None}
