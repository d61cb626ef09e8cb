import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Text, bindparam, event, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon import engine as engines
from adapters.neon import lent_connections
from adapters.neon.engine import make_engine, statement_by_statement
from adapters.neon.frequent import Frequent
from adapters.neon.transaction import Transaction
from adapters.neon.unit_of_work import NeonUnitOfWork
from domain.errors import PortRefused

LONG_S = 60.0
"""Longer than anybody waits for a connection: what is given back in a test was not given back because time was up."""

_SAY = Frequent(select(bindparam("said", type_=Text).label("said")))
_SLEEP = Frequent(select(func.pg_sleep(bindparam("seconds")).label("slept")))
_FAIL = Frequent(select(func.pg_size_bytes(bindparam("size", type_=Text)).label("bytes")))


@pytest.fixture
async def one(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    """A pool of a single connection."""
    made = make_engine(f"{migrated_url}&application_name=lent", pool_size=1)
    yield made
    await made.dispose()


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent_connections, "LENT_S", LONG_S)


async def say(engine: AsyncEngine, said: str = "it") -> str:
    transaction = Transaction(statement_by_statement(engine))
    [row] = await transaction.fetch(_SAY, {"said": said})
    await transaction.close()
    return str(row.said)


def checkouts_of(engine: AsyncEngine) -> list[object]:
    seen: list[object] = []
    event.listen(engine.sync_engine, "checkout", lambda connection, *_: seen.append(connection))
    return seen


@pytest.mark.usefixtures("long")
async def test_statements_follow_each_other_on_one_connection(one: AsyncEngine) -> None:
    seen = checkouts_of(one)
    assert [await say(one, str(n)) for n in range(20)] == [str(n) for n in range(20)]
    assert len(seen) == 1


@pytest.mark.usefixtures("long")
async def test_an_error_of_the_servers_leaves_the_connection_to_the_next(one: AsyncEngine) -> None:
    seen = checkouts_of(one)
    with pytest.raises(PortRefused):
        await Transaction(statement_by_statement(one)).fetch(_FAIL, {"size": "no size"})
    assert await say(one) == "it"
    assert len(seen) == 1


@pytest.mark.usefixtures("long")
async def test_who_needs_a_connection_for_longer_gets_the_one_that_lies_idle(one: AsyncEngine) -> None:
    await say(one)
    async with NeonUnitOfWork(one) as uow:
        await uow.collections.all()
    await say(one)


@pytest.mark.usefixtures("long")
async def test_who_waits_for_one_in_use_gets_it_next(one: AsyncEngine) -> None:
    async def together() -> None:
        async with NeonUnitOfWork(one) as uow:
            await uow.collections.all()

    await say(one)
    sleeping = Transaction(statement_by_statement(one)).fetch(_SLEEP, {"seconds": 0.2})
    said = asyncio.gather(sleeping, together(), *(say(one) for _ in range(10)))
    async with asyncio.timeout(30):
        await said


async def test_one_goes_back_when_its_time_is_up_in_use_or_not(
    one: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lent_connections, "LENT_S", 0.05)
    seen, back = checkouts_of(one), asyncio.Event()
    event.listen(one.sync_engine, "checkin", lambda *_: back.set())
    async with asyncio.timeout(30):
        while len(seen) < 3:
            await say(one)
        back.clear()
        await say(one)
        await back.wait()


@pytest.mark.usefixtures("long")
async def test_one_that_the_server_has_closed_is_not_met(engine: AsyncEngine, one: AsyncEngine) -> None:
    await say(one)
    async with engine.connect() as other:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'lent'"
        assert list((await other.execute(text(ended))).scalars()) == [True]
    await asyncio.sleep(0.2)
    assert await say(one) == "it"


async def test_after_a_standstill_of_the_process_it_is_asked_whether_it_lives(
    one: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PING_AFTER_IDLE_S", 0.3)
    monkeypatch.setattr(lent_connections, "LENT_S", 0.25)
    dialect: Any = one.sync_engine.dialect
    ping, pings = dialect.do_ping, []

    def asked(connection: object) -> object:
        pings.append(connection)
        return ping(connection)

    monkeypatch.setattr(dialect, "do_ping", asked)
    await say(one)
    await say(one)
    assert pings == []
    time.sleep(0.6)  # noqa: ASYNC251  the loop stands still: no timer of its own runs before the next statement
    await say(one)
    assert len(pings) == 1


@pytest.mark.usefixtures("long")
async def test_those_that_lie_idle_close_with_their_engine(engine: AsyncEngine, migrated_url: str) -> None:
    own = make_engine(f"{migrated_url}&application_name=closing", pool_size=2)
    naps = [Transaction(statement_by_statement(own)).fetch(_SLEEP, {"seconds": 0.1}) for _ in range(2)]
    await asyncio.gather(*naps)
    count = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'")
    async with engine.connect() as other:
        assert (await other.execute(count)).scalar_one() == 2
    await own.dispose()
    async with asyncio.timeout(30), engine.connect() as other:
        while (await other.execute(count)).scalar_one():
            await other.rollback()  # what is running is seen as it was when the transaction began
            await asyncio.sleep(0.05)
