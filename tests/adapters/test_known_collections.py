"""Collections that this process remembers are never others than the database has, but for what others do to it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.engine import statement_by_statement
from adapters.neon.known_collections import KNOWN_FOR_S, KnownCollections
from adapters.neon.unit_of_work import NeonUnitOfWork
from application.ports import UnitOfWorkFactory
from domain.library.generations import IndexPlace
from tests.builders import a_collection, after


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> KnownCollections:
    return KnownCollections(clock)


@pytest.fixture
def unit_of_work(engine: AsyncEngine, known: KnownCollections) -> UnitOfWorkFactory:
    return partial(NeonUnitOfWork, engine, known)


@pytest.fixture
def reading(engine: AsyncEngine, known: KnownCollections) -> UnitOfWorkFactory:
    return partial(NeonUnitOfWork, statement_by_statement(engine), known)


async def titles(units: UnitOfWorkFactory) -> Sequence[str]:
    async with units() as uow:
        return [one.title for one in await uow.collections.all()]


async def behind_its_back(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def test_what_was_read_is_known_for_a_while(
    engine: AsyncEngine, reading: UnitOfWorkFactory, unit_of_work: UnitOfWorkFactory, clock: Clock
) -> None:
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs", title="First"))
        await uow.commit()
    assert await titles(reading) == ["First"]
    await behind_its_back(engine, "UPDATE collections SET title = 'Second'")
    assert await titles(reading) == await titles(unit_of_work) == ["First"]
    clock.now_s += KNOWN_FOR_S + 1
    assert await titles(reading) == await titles(unit_of_work) == ["Second"]


async def test_whoever_shares_the_database_reads_it_each_time(engine: AsyncEngine) -> None:
    units = partial(NeonUnitOfWork, statement_by_statement(engine))
    async with NeonUnitOfWork(engine) as uow:
        await uow.collections.add(a_collection("docs", title="First"))
        await uow.commit()
    assert await titles(units) == ["First"]
    await behind_its_back(engine, "UPDATE collections SET title = 'Second'")
    assert await titles(units) == ["Second"]


async def test_a_change_is_known_to_all_when_it_is_committed_and_to_its_own_unit_before(
    reading: UnitOfWorkFactory, unit_of_work: UnitOfWorkFactory
) -> None:
    collection = a_collection("docs", title="First")
    async with unit_of_work() as uow:
        await uow.collections.add(collection)
        await uow.commit()
    assert await titles(reading) == ["First"]
    async with unit_of_work() as uow:
        await uow.collections.change(replace(collection, title="Second"))
        assert await titles(reading) == ["First"]
        assert [one.title for one in await uow.collections.all()] == ["Second"]
        await uow.commit()
        assert await titles(reading) == ["Second"]
    assert await titles(reading) == ["Second"]
    async with unit_of_work() as uow:
        await uow.collections.remove("docs")
        await uow.commit()
    assert await titles(reading) == []


async def test_a_change_that_is_not_committed_is_never_known(
    reading: UnitOfWorkFactory, unit_of_work: UnitOfWorkFactory
) -> None:
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs"))
        assert len(await uow.collections.all()) == 1
    assert await titles(reading) == []


async def test_what_was_read_while_it_changed_is_not_kept(
    reading: UnitOfWorkFactory, unit_of_work: UnitOfWorkFactory, known: KnownCollections
) -> None:
    age = known.age
    async with reading() as uow:
        read_before = await uow.collections.all()
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs", title="New"))
        await uow.commit()
    known.keep(read_before, since=age)  # a reader that comes to keep what it read only now
    assert await titles(reading) == ["New"]


async def test_a_switch_to_another_index_is_known_at_once(
    reading: UnitOfWorkFactory, unit_of_work: UnitOfWorkFactory
) -> None:
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs"))
        await uow.commit()
    async with reading() as uow:
        [collection] = await uow.collections.all()
        assert collection.generation is None
    async with unit_of_work() as uow:
        await uow.generations.adopt("docs", IndexPlace("one", 2), 600, at=after(1))
        await uow.commit()
    async with reading() as uow:
        [collection] = await uow.collections.all()
        assert collection.generation is not None
        assert collection.generation.place == IndexPlace("one", 2)
    async with unit_of_work() as uow:
        number = await uow.generations.begin("docs", IndexPlace("other", 2), 600, job=uuid4(), at=after(2))
        await uow.generations.switch("docs", number, at=after(3))
        await uow.commit()
    async with reading() as uow:
        [collection] = await uow.collections.all()
        assert collection.generation is not None
        assert collection.generation.place == IndexPlace("other", 2)
