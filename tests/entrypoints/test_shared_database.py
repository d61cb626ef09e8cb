"""Two processes on one PostgreSQL: what one does to keys and limits, the other knows with the next request."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from bench.service_process import ServiceProcess, running

ADMIN_KEY = "ibid_the-admin-of-two-processes"
LIMIT = 20


@pytest.fixture
def two(migrated_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ServiceProcess]]:
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    monkeypatch.setenv("IBID_ADMIN_KEY", ADMIN_KEY)
    monkeypatch.setenv("IBID_RATE_PER_MINUTE", str(LIMIT))
    with ExitStack() as stack:
        started = []
        for _ in range(2):
            data_dir = Path(tempfile.mkdtemp(dir=open_folder)) / "data"
            data_dir.mkdir(mode=0o755)
            (data_dir / "admin-key").write_text(ADMIN_KEY)  # where `running` looks for it
            started.append(stack.enter_context(running(data_dir)))
        yield started


def issue(service: ServiceProcess, user: str) -> dict[str, str]:
    with service.client() as admin:
        grant = {"name": "k", "scopes": ["ask"]}
        answer = admin.post("/v1/admin/api-keys", json=grant, headers={"Ibid-User": user})
    issued: dict[str, str] = answer.raise_for_status().json()
    return issued


def me(service: ServiceProcess, key: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{service.url}/v1/me", headers={"Authorization": f"Bearer {key}", **headers})


@pytest.mark.slow
def test_a_key_and_its_limit_are_the_same_in_both(two: list[ServiceProcess]) -> None:
    first, second = two
    issued = issue(first, "one")
    assert [me(service, issued["secret"]).status_code for service in two] == [200, 200]
    with second.client() as admin:
        admin.delete(f"/v1/admin/api-keys/{issued['id']}", headers={"Ibid-User": "two"}).raise_for_status()
    assert [me(service, issued["secret"]).status_code for service in two] == [401, 401]

    burst = issue(second, "three")["secret"]

    async def all_at_once() -> list[int]:
        headers = {"Authorization": f"Bearer {burst}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            answers = await asyncio.gather(*(client.get(f"{one.url}/v1/me") for one in two for _ in range(100)))
        return [answer.status_code for answer in answers]

    statuses = asyncio.run(all_at_once())
    assert statuses.count(200) == LIMIT
    # Those that there was no room for were turned away before they were counted.
    assert set(statuses) <= {200, 429, 503}
    assert statuses.count(429) > 0


@pytest.mark.slow
def test_nobody_on_this_machine_says_who_it_is(two: list[ServiceProcess]) -> None:
    statuses = [me(two[0], "wrong", **{"X-Forwarded-For": f"198.51.100.{n}"}).status_code for n in range(2 * LIMIT)]
    assert statuses == [401] * LIMIT + [429] * LIMIT
