"""The proxy that plays the network's faults does play them, and ends them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fakes.http_server import HttpServer, Reply, Request
from tests.fakes.tcp_faults import Fault, FaultyProxy

TEXT = {"words": "x" * 3_000}


async def echo(_: Request) -> Reply:
    return Reply.of(TEXT)


@pytest.fixture
async def proxy() -> AsyncIterator[FaultyProxy]:
    async with HttpServer(echo) as server, FaultyProxy(server.port, seconds=0.4) as proxy:
        yield proxy
        # Whatever was played: neither a connection nor a task of the fake is left behind.
    assert (proxy.open_connections, server.open_connections) == (0, 0)


async def get(proxy: FaultyProxy, fault: Fault | None = None, *, timeout_s: float = 2.0) -> httpx.Response:
    async with httpx.AsyncClient(timeout=timeout_s) as client:
        return await client.get(proxy.url(fault, "/"))


async def test_without_a_fault_everything_passes(proxy: FaultyProxy) -> None:
    assert (await get(proxy)).json() == TEXT


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.REFUSED, httpx.ConnectError),
        (Fault.DNS, httpx.ConnectError),
        (Fault.TLS, httpx.ConnectError),
        (Fault.NO_BYTES, httpx.ReadTimeout),
        (Fault.LATENCY, httpx.ReadTimeout),
        (Fault.RESET_AFTER_HEADERS, httpx.ReadError),
        (Fault.RESET_MID_BODY, httpx.ReadError),
        (Fault.TRUNCATED, httpx.RemoteProtocolError),
    ],
)
async def test_a_fault_is_felt_and_then_is_over(
    proxy: FaultyProxy, fault: Fault, expected: type[httpx.TransportError]
) -> None:
    await proxy.play(fault)
    with pytest.raises(expected):
        await get(proxy, fault, timeout_s=0.1)
    await proxy.play(None)
    assert (await get(proxy)).json() == TEXT


async def test_one_byte_at_a_time_is_the_same_answer(proxy: FaultyProxy) -> None:
    await proxy.play(Fault.SLICER)
    assert (await get(proxy)).json() == TEXT


async def test_a_thin_line_takes_its_time(proxy: FaultyProxy) -> None:
    await proxy.play(Fault.BANDWIDTH)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await get(proxy)


async def test_an_answer_may_turn_to_nonsense(proxy: FaultyProxy) -> None:
    await proxy.play(Fault.MALFORMED_JSON)
    answer = await get(proxy)
    with pytest.raises(ValueError, match="Unterminated"):
        answer.json()


async def test_an_answer_may_turn_to_a_web_page(proxy: FaultyProxy) -> None:
    await proxy.play(Fault.WRONG_TYPE)
    answer = await get(proxy)
    assert (answer.headers["content-type"], answer.text[:6]) == ("text/html", "<html>")
