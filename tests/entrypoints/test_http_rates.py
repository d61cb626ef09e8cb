"""Rate limits over HTTP: who is counted together, what every reply says, and who is refused."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from entrypoints.asgi import build_app
from tests.entrypoints.http_service import ADMIN_KEY, OTHER_KEY, QUESTION, READER_KEY, HttpService

LIMIT = 5


class LimitedService(HttpService):
    def __init__(self) -> None:
        super().__init__()
        self.app = build_app(
            self.adapters,
            holder="a test",
            only_process=True,
            rate_per_minute=LIMIT,
            trusted_proxies=[ip_network("10.0.0.0/8")],
        )

    def from_address(self, address: str, key: str | None = None, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.AsyncClient(transport=transport, base_url="http://ibid.test", headers=headers)


@pytest.fixture
async def limited() -> AsyncIterator[LimitedService]:
    async with LimitedService().running() as service:
        assert isinstance(service, LimitedService)
        yield service


def standing(answer: httpx.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))


async def test_every_reply_says_how_its_caller_stands(service: HttpService) -> None:
    async with service.client() as client, service.client(None) as stranger:
        turn = (await client.post("/v1/ask", json={"question": QUESTION})).json()["turn_id"]
        answers = [
            await client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": "text/event-stream"}),
            await client.get(f"/v1/turns/{turn}"),
            await client.head("/v1/documents"),
            await client.post("/v1/ask", content=b"{"),
            await client.post("/v1/admin/ingestions", json={}),
            await client.get("/v1/turns/x"),
            await client.put("/v1/ask"),
            await client.options("/v1/ask"),
            await stranger.get("/v1/me"),
            await stranger.get("/nowhere"),
            await stranger.get("/schema"),
            await stranger.get("/docs"),
            await stranger.get("/health/live"),
            await stranger.get("/health/ready"),
            await stranger.get("/v1/me", headers={"Host": "a b"}),
        ]
    for answer in answers:
        limit, remaining, reset = standing(answer)
        assert limit == 60_000
        assert 0 < remaining < limit
        assert 1 <= reset <= 60


async def test_the_request_beyond_the_limit_is_a_problem_that_says_when_to_come_back(limited: LimitedService) -> None:
    async with limited.client(READER_KEY) as client:
        answers = [await client.get("/v1/me") for _ in range(LIMIT + 2)]
    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429] * 2
    assert [standing(answer)[1] for answer in answers] == [4, 3, 2, 1, 0, 0, 0]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_exceeded"
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
    assert refused.headers["x-request-id"]


async def test_what_is_refused_is_not_done(limited: LimitedService) -> None:
    async with limited.client(ADMIN_KEY) as admin:
        answers = [
            await admin.post("/v1/admin/collections", json={"name": f"c{number}"}) for number in range(LIMIT + 3)
        ]
    assert [answer.status_code for answer in answers] == [201] * LIMIT + [429] * 3
    assert len(limited.adapters.store().collections) == LIMIT


async def test_of_200_at_once_just_as_many_as_the_limit_are_let_through(limited: LimitedService) -> None:
    async with limited.client(READER_KEY) as client:
        answers = await asyncio.gather(*(client.get("/v1/me") for _ in range(200)))
    assert sum(answer.status_code == 200 for answer in answers) == LIMIT


async def test_another_spelling_route_or_method_is_no_way_around(limited: LimitedService) -> None:
    async with limited.client(READER_KEY) as client:
        paths = ["/v1/me", "/v1/me?x=1", "/v1/documents", "/v1/me#x", "/v1/documents?limit=1"]
        assert [(await client.get(path)).status_code for path in paths] == [200] * LIMIT
        for method, path in (("GET", "/v1/me/"), ("HEAD", "/v1/me"), ("POST", "/v1/ask"), ("GET", "/v1/me?y=2")):
            assert (await client.request(method, path)).status_code == 429


async def test_each_end_user_and_each_key_has_a_limit_of_its_own(limited: LimitedService) -> None:
    async with limited.client(ADMIN_KEY) as admin, limited.client(OTHER_KEY) as other:
        for user in ("ann", "bob", ""):
            headers = {"Ibid-User": user} if user else {}
            answers = [(await admin.get("/v1/me", headers=headers)).status_code for _ in range(LIMIT + 1)]
            assert answers == [200] * LIMIT + [429]
        assert (await other.get("/v1/me")).status_code == 200


async def test_a_stranger_is_refused_by_address_however_it_is_dressed(limited: LimitedService) -> None:
    async with limited.from_address("203.0.113.9") as stranger:
        seen = []
        for number in range(1_000):
            spoofed = f"198.51.{number // 250}.{number % 250}"
            headers = {"X-Forwarded-For": spoofed, "X-Real-IP": spoofed, "Forwarded": f"for={spoofed}"}
            headers |= {"Authorization": f"Bearer ibid_{number}"}
            seen.append((await stranger.get("/v1/me", headers=headers)).status_code)
    assert seen == [401] * LIMIT + [429] * (1_000 - LIMIT)


async def test_a_stranger_has_a_whole_ipv6_network_and_no_more(limited: LimitedService) -> None:
    seen = []
    for number in range(LIMIT + 1):
        async with limited.from_address(f"2001:db8:1:2::{number:x}") as stranger:
            seen.append((await stranger.get("/v1/me")).status_code)
    async with limited.from_address("2001:db8:1:3::1") as neighbour:
        seen.append((await neighbour.get("/v1/me")).status_code)
    assert seen == [401] * LIMIT + [429, 401]


async def test_behind_a_trusted_proxy_each_client_is_counted_for_itself(limited: LimitedService) -> None:
    async with limited.from_address("10.0.0.1") as proxy:
        seen = [
            (await proxy.get("/schema", headers={"X-Forwarded-For": f"6.6.6.{number}, 198.51.100.7"})).status_code
            for number in range(LIMIT + 1)
        ]
        other = await proxy.get("/schema", headers={"X-Forwarded-For": "198.51.100.8"})
    assert seen == [200] * LIMIT + [429]
    assert other.status_code == 200


async def test_a_valid_key_is_not_held_back_for_what_others_do_at_its_address(limited: LimitedService) -> None:
    async with limited.from_address("203.0.113.9") as stranger:
        for _ in range(LIMIT + 1):
            refused = await stranger.get("/v1/me", headers={"Authorization": "Bearer wrong"})
    async with limited.from_address("203.0.113.9", READER_KEY) as client:
        assert (await client.get("/v1/me")).status_code == 200
    assert refused.status_code == 429


async def test_a_probe_is_never_refused_and_takes_nothing_from_anybody(limited: LimitedService) -> None:
    async with limited.from_address("203.0.113.9") as probe:
        answers: list[Any] = [await probe.get("/health/live") for _ in range(3 * LIMIT)]
        other = await probe.get("/schema")
    assert {answer.status_code for answer in answers} == {200}
    assert standing(other)[1] == LIMIT - 1, "probes use up nothing of what is left for others at their address"
