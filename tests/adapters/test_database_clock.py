"""Processes whose machines disagree about the time, on one database: leases, keys and windows go by the database's."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.clock import SystemClock, TimeOrderedIds
from adapters.neon.clock import DatabaseClock
from adapters.neon.engine import make_engine, statement_by_statement
from adapters.neon.tables import idempotency_keys
from adapters.neon.unit_of_work import NeonUnitOfWork
from application.authenticate import Authenticate
from application.begin_turn import LEASE, AskQuestionCommand, BeginTurn, Begun
from application.ports import IDEMPOTENCY_WINDOW, Clock, KeyedRequest
from application.remembered_keys import RememberedKeys
from application.turn_streams import TurnStreams
from domain.access.model import Principal, Scope
from domain.conversation.model import Question
from domain.errors import ConversationBusy, NotAuthenticated, PortUnavailable
from entrypoints.http.sse import encode_events
from tests.builders import a_collection, an_api_key

HOUR = timedelta(hours=1)
CLOSE = timedelta(seconds=5)
"""Between what the database says and what is compared with it; the machine may be busy."""


@pytest.mark.parametrize("clock", [SystemClock(), DatabaseClock()], ids=lambda clock: type(clock).__name__)
def test_what_has_passed_is_told_by_the_clock_that_stamps_a_request_s_arrival(clock: Clock) -> None:
    before = time.perf_counter() * 1_000
    assert before <= clock.elapsed_ms() <= time.perf_counter() * 1_000


@dataclass
class Wall:
    """A machine's clock, off by ``off``."""

    off: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


@dataclass
class Unit:
    """One process: its own clock, followed on its own connections."""

    wall: Wall
    clock: DatabaseClock
    engine: AsyncEngine

    def unit_of_work(self) -> NeonUnitOfWork:
        return NeonUnitOfWork(self.engine)

    def begin_turn(self) -> BeginTurn:
        streams = TurnStreams(clock=self.clock, encode=encode_events, max_running=9)
        return BeginTurn(
            unit_of_work=self.unit_of_work,
            alone=lambda: NeonUnitOfWork(statement_by_statement(self.engine)),
            streams=streams,
            clock=self.clock,
            ids=TimeOrderedIds(),
            holder=str(uuid4()),
        )

    async def ask(self, *, key: str | None = None, conversation: UUID | None = None) -> Begun | UUID:
        keyed = KeyedRequest(ASKER.owner, "/v1/ask", key, b"\x01" * 32) if key else None
        question = Question("How do doors work?")
        command = AskQuestionCommand(ASKER, question, conversation_id=conversation, keyed=keyed)
        return await self.begin_turn().execute(command)

    async def interrupt_lost(self) -> int:
        """What a starting process does."""
        async with self.unit_of_work() as uow:
            lost = await uow.turns.interrupt_lost(now=self.clock.now(), lost_holders_all_but=None)
            await uow.commit()
        return lost

    async def lets_in(self, secret_sha256_of: bytes) -> bool:
        authenticate = Authenticate({}, self.unit_of_work, RememberedKeys(0), self.clock)
        try:
            await authenticate.execute(secret_sha256_of.decode())
        except NotAuthenticated:
            return False
        return True


ASKER = Principal("acme", "a backend", frozenset({Scope.ADMIN}))
Starting = Callable[[timedelta], Awaitable[Unit]]


@pytest.fixture
async def starting(engine: AsyncEngine, migrated_url: str) -> AsyncIterator[Starting]:
    """Starts units on the empty tables of ``engine``."""
    async with NeonUnitOfWork(engine) as uow:
        await uow.collections.add(a_collection())
        await uow.commit()
    async with AsyncExitStack() as stack:

        async def start(off: timedelta) -> Unit:
            wall, own = Wall(off), make_engine(migrated_url)
            stack.push_async_callback(own.dispose)
            unit = Unit(wall, DatabaseClock(wall), own)
            await unit.clock.follow(own)
            return unit

        yield start


async def database_time(engine: AsyncEngine) -> datetime:
    async with engine.connect() as connection:
        said = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    assert isinstance(said, datetime)
    return said


@pytest.mark.parametrize("off", [HOUR, -HOUR, timedelta(days=400)])
async def test_a_machine_whose_clock_is_wrong_has_the_databases_time(starting: Starting, off: timedelta) -> None:
    unit = await starting(off)
    before = unit.clock.now()
    said = await database_time(unit.engine)
    assert abs(said - before) < CLOSE
    assert unit.clock.now().utcoffset() == timedelta()
    assert unit.clock.now() > before


@pytest.mark.parametrize("jump", [HOUR, -HOUR, timedelta(seconds=-1)], ids=["forward", "back", "leap second"])
async def test_a_machines_clock_that_is_set_moves_nothing(starting: Starting, jump: timedelta) -> None:
    unit = await starting(timedelta())
    unit.wall.off = jump
    assert abs(unit.clock.now() - datetime.now(UTC)) < CLOSE, "before anybody has asked again"
    assert abs(await database_time(unit.engine) - unit.clock.now()) < CLOSE


async def test_a_clock_that_stood_still_is_put_right_by_whoever_takes_a_connection(
    engine: AsyncEngine, migrated_url: str
) -> None:
    asleep_s = [0.0]
    own = make_engine(migrated_url, pool_size=1)
    clock = DatabaseClock(passing_s=lambda: time.monotonic() - asleep_s[0])
    await clock.follow(own)
    asleep_s[0] = 7_200
    assert clock.now() < datetime.now(UTC) - HOUR
    async with own.connect():
        assert abs(clock.now() - datetime.now(UTC)) < CLOSE
    await own.dispose()


async def test_the_database_is_asked_once_a_connection_and_not_by_every_use(starting: Starting) -> None:
    unit = await starting(HOUR)
    told: list[datetime] = []
    whole = unit.clock._told

    def counted(at: datetime, at_s: float) -> None:
        told.append(at)
        whole(at, at_s)

    unit.clock._told = counted  # type: ignore[method-assign]  # counts, and does what it did
    for _ in range(20):
        async with unit.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    assert told == []
    unit.wall.off = -HOUR
    for _ in range(20):
        async with unit.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    assert len(told) == 1


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns"])
async def test_the_machines_time_zone_means_nothing(
    starting: Starting, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        there.setenv("TZ", zone)
        time.tzset()
        unit = await starting(timedelta())
        assert abs(await database_time(unit.engine) - unit.clock.now()) < CLOSE
        assert abs(unit.clock.now().timestamp() - time.time()) < CLOSE.total_seconds()
    time.tzset()


@pytest.mark.parametrize("off", [HOUR, -HOUR])
async def test_a_replica_that_starts_with_a_wrong_clock_interrupts_nobody(starting: Starting, off: timedelta) -> None:
    right, wrong = await starting(timedelta()), await starting(off)
    running = await right.ask()
    assert isinstance(running, Begun)
    assert await wrong.interrupt_lost() == 0
    with pytest.raises(ConversationBusy):
        await wrong.ask(conversation=running.asked.turn.conversation_id)

    its_own = await wrong.ask()
    assert isinstance(its_own, Begun)
    assert await right.interrupt_lost() == 0, "nor is it interrupted"
    async with right.unit_of_work() as uow:
        later = right.clock.now() + LEASE + CLOSE
        assert await uow.turns.interrupt_lost(now=later, lost_holders_all_but=None) == 2, "leases do run out"


@pytest.mark.parametrize("off", [HOUR, -HOUR])
async def test_a_key_is_open_as_long_by_a_wrong_clock_as_by_a_right_one(starting: Starting, off: timedelta) -> None:
    right, wrong = await starting(timedelta()), await starting(off)
    async with right.unit_of_work() as uow:
        for secret, left in ((b"half an hour", HOUR / 2), (b"over since", -HOUR / 2)):
            await uow.api_keys.add(an_api_key(secret_sha256=_digest(secret), expires_at=right.clock.now() + left))
        await uow.commit()
    for unit in (right, wrong):
        assert [await unit.lets_in(secret) for secret in (b"half an hour", b"over since")] == [True, False]


@pytest.mark.parametrize("off", [HOUR, -HOUR])
async def test_an_idempotency_key_is_kept_as_long_by_a_wrong_clock(starting: Starting, off: timedelta) -> None:
    right, wrong = await starting(timedelta()), await starting(off)
    first = await right.ask(key="k1")
    assert isinstance(first, Begun)
    await _age(right.engine, IDEMPOTENCY_WINDOW - HOUR / 2)
    assert await wrong.ask(key="k1") == first.asked.turn.id
    await _age(right.engine, HOUR)
    assert isinstance(await wrong.ask(key="k1"), Begun)
    assert isinstance(await right.ask(key="k1"), UUID), "what the wrong one claimed is kept as well"


async def test_turns_of_two_processes_stand_in_the_order_in_which_they_began(starting: Starting) -> None:
    ahead, behind = await starting(HOUR), await starting(-HOUR)
    asked = [await unit.ask() for unit in (ahead, behind, ahead, behind)]
    async with ahead.unit_of_work() as uow:
        listed = await uow.conversations.list(ASKER.owner, limit=9, cursor=None)
    assert [one.id for one in listed.items] == [
        one.asked.turn.conversation_id for one in reversed(asked) if isinstance(one, Begun)
    ]


async def test_a_connection_that_breaks_while_it_is_asked_is_replaced(engine: AsyncEngine, migrated_url: str) -> None:
    own = make_engine(f"{migrated_url}&application_name=asked", pool_size=1)
    wall = Wall()
    clock = DatabaseClock(wall)
    await clock.follow(own)
    made: list[object] = []
    event.listen(own.sync_engine, "connect", lambda *_: made.append(_))
    async with engine.connect() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'asked'")
        )
    wall.off = HOUR
    async with NeonUnitOfWork(own) as uow:
        assert list(await uow.collections.all()) == []
    assert len(made) == 1
    await own.dispose()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    nowhere = make_engine("postgresql://ann@127.0.0.1:1/ibid")
    with pytest.raises(PortUnavailable):
        await DatabaseClock().follow(nowhere)
    await nowhere.dispose()


def _digest(secret: bytes) -> bytes:
    return sha256(secret).digest()


async def _age(engine: AsyncEngine, by: timedelta) -> None:
    older = update(idempotency_keys).values(claimed_at=idempotency_keys.c.claimed_at - by)
    async with engine.begin() as connection:
        await connection.execute(older)
