"""One test for each known flaw of the frameworks of this kind: none may come in by an upgrade, or by code of ours."""

import re
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from tests.abuse.bare_client import JSON, Answer, send
from tests.entrypoints.http_service import READER_KEY, HttpService

ROOT: Final = Path(__file__).parents[2]
GOOD: Final = "https://good.example.com"
FIXED: Final = {
    # CVE-2025-59152 (2.18.0), CVE-2026-25478, -25479 and -25480 (2.20.0), PYSEC-2026-2603 (after those)
    "litestar": (2, 25),
    # request smuggling by lenient chunk extensions (0.6.3)
    "httptools": (0, 7),
    # CVE-2023-25578 and CVE-2024-53981: parsing of multipart bodies
    "multipart": (1, 2),
}


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[HttpService]:
    async with HttpService(allowed_origins=[GOOD, "http://localhost:3000"]).running() as running:
        await running.ingest_story()
        yield running


async def get(service: HttpService, target: str, *headers: tuple[bytes, bytes], method: str = "GET") -> Answer:
    return await send(service.app, method, target, key=READER_KEY, headers=headers)


@pytest.mark.parametrize(("package", "least"), FIXED.items(), ids=FIXED)
def test_no_version_with_a_known_flaw_is_installed_or_locked(package: str, least: tuple[int, int]) -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        [locked] = re.findall(rf"^{package}==(\d+)\.(\d+)", (ROOT / lock).read_text(), re.MULTILINE)
        assert tuple(map(int, locked)) >= least
    assert tuple(map(int, version(package).split(".")[:2])) >= least


@pytest.mark.parametrize("origin", [GOOD, "http://localhost:3000"])
async def test_a_page_of_an_allowed_origin_may_read_answers_and_errors(service: HttpService, origin: str) -> None:
    for target in ("/v1/documents", "/v1/nowhere", "/health/live"):
        answer = await get(service, target, (b"origin", origin.encode()))
        assert answer.headers["access-control-allow-origin"] == origin
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://goodXexample.com",  # CVE-2026-25478: the dot of an allowed origin as a pattern
        "https://good.example.com.evil.test",
        "https://evil.test/https://good.example.com",
        "https://evilgood.example.com",
        "http://good.example.com",
        "https://good.example.com:8443",
        "https://GOOD.example.com",
        "null",
        "*",
        "",
        "https://good.example.com, https://evil.test",
    ],
)
async def test_a_page_of_any_other_origin_may_not(service: HttpService, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = await get(service, "/v1/documents", (b"origin", origin.encode()), method=method)
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_page_may_ask_first_what_it_may_send(service: HttpService) -> None:
    wants = (b"access-control-request-headers", b"authorization, content-type, idempotency-key")
    answer = await send(
        service.app,
        "OPTIONS",
        "/v1/ask",
        headers=[(b"origin", GOOD.encode()), (b"access-control-request-method", b"POST"), wants],
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-methods"] == answer.headers["allow"] == "OPTIONS, POST"
    allowed = {one.strip().lower() for one in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key", "last-event-id", "ibid-user"} <= allowed


async def test_nothing_is_said_of_origins_where_none_is_allowed() -> None:
    async with HttpService().running() as service:
        answer = await get(service, "/v1/documents", (b"origin", GOOD.encode()))
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


def test_nothing_is_cached_or_served_from_files(service: HttpService) -> None:
    """CVE-2026-25480 (colliding keys of a cache), CVE-2024-32982 (a path out of a static folder): neither is used."""
    handlers = [one for route in service.app.routes for one in getattr(route, "route_handlers", ())]
    assert handlers
    assert not [one for one in handlers if getattr(one, "cache", False)]
    assert not [route.path for route in service.app.routes if ":path" in route.path]


@pytest.mark.parametrize(
    "target", ["/schema/../../etc/passwd", "/docs/%2e%2e/%2e%2e/etc/passwd", "/schema/..%5c..%5cx"]
)
async def test_no_path_leads_to_a_file(service: HttpService, target: str) -> None:
    assert (await get(service, target)).status == 404


async def test_a_thousand_ranges_cost_nothing(service: HttpService) -> None:
    """CVE-2025-62727: ranges merged in quadratic time. None is served here, so the header is not read."""
    ranges = b"bytes=" + b",".join(b"%d-%d" % (n, n + 1) for n in range(0, 6_000, 2))
    began = time.process_time()
    answer = await get(service, "/schema", (b"range", ranges))
    assert answer.status == 200
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "header",
    [b"x-forwarded-for", b"x-real-ip", b"forwarded", b"x-original-url", b"x-rewrite-url", b"x-http-method-override"],
)
async def test_no_header_of_a_stranger_changes_the_route(service: HttpService, header: bytes) -> None:
    for value in (b"/health/live", b"127.0.0.1", b"GET", b"for=127.0.0.1"):
        answer = await send(service.app, "POST", "/v1/ask", headers=[JSON, (header, value)], body=b"{}")
        assert answer.status == 401


async def test_every_answer_says_that_it_is_no_page_and_in_no_cache(service: HttpService) -> None:
    for target in ("/v1/documents", "/nowhere", "/health/ready", "/schema", "/docs"):
        headers = (await get(service, target)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers
