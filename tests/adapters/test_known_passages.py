"""Passages as they were last read, held against the database by the statement that asks for them again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.engine import make_engine, statement_by_statement
from adapters.neon.known_passages import KnownPassage, KnownPassages
from adapters.neon.unit_of_work import NeonUnitOfWork
from domain.access.readable import ReadableCollections
from domain.errors import PortUnavailable
from domain.library.model import Passage, PassageInDocument, Section
from domain.library.ports import Activation
from tests.builders import NOON, a_collection, a_document, after, an_activation, reading

DOCS = reading("docs")
INTRO, OTHER = a_document(), a_document(uri="other.md")
OLD = an_activation(INTRO, "Pin it.", "Or do not.")
UNCHANGED = an_activation(OTHER, "Something else.")

Change = Callable[[NeonUnitOfWork], Awaitable[object]]


async def edited(uow: NeonUnitOfWork) -> None:
    """By hand; nothing but the row itself says that it was."""
    await uow._transaction.run(text("UPDATE documents SET title = 'By hand' WHERE uri = 'intro.md'"))


CHANGES: dict[str, Change] = {
    "forgotten": lambda uow: uow.documents.forget(INTRO.id, at=after(60)),
    "another text": lambda uow: uow.documents.activate([an_activation(INTRO, "Pin it.", "Or leave it.")]),
    "another title at the same time": lambda uow: uow.documents.activate(
        [replace(OLD, document=replace(OLD.document, title="Again"))]
    ),
    "edited by hand": edited,
    "all removed": lambda uow: uow.documents.remove_all("docs"),
}


def ids(*activations: Activation) -> list[UUID]:
    return [passage.id for activation in activations for passage in activation.version.passages]


async def read(
    engine: AsyncEngine,
    known: KnownPassages | None,
    *,
    readable: ReadableCollections = DOCS,
    wanted: list[UUID] | None = None,
    cuts: Mapping[str, int] | None = None,
) -> Mapping[UUID, PassageInDocument]:
    async with NeonUnitOfWork(statement_by_statement(engine), None, None, known) as uow:
        found: Mapping[UUID, PassageInDocument] = await uow.documents.passages(
            ids(OLD, UNCHANGED) if wanted is None else wanted, readable, cuts=cuts
        )
    return found


@pytest.fixture
async def stored(engine: AsyncEngine) -> AsyncEngine:
    async with NeonUnitOfWork(engine) as uow:
        await uow.collections.add(a_collection())
        await uow.collections.add(a_collection("secret"))
        await uow.documents.register("docs", ["intro.md"], ids=[INTRO.id], at=NOON)
        await uow.documents.register("docs", ["other.md"], ids=[OTHER.id], at=NOON)
        await uow.documents.activate([OLD, UNCHANGED])
        await uow.commit()
    return engine


async def test_what_is_known_is_not_read_again(stored: AsyncEngine) -> None:
    known = KnownPassages()
    first = await read(stored, known)
    assert set(first) == set(ids(OLD, UNCHANGED))
    again = await read(stored, known)
    assert again == first == await read(stored, None)
    assert all(again[one] is first[one] for one in first)


async def test_some_that_are_known_are_asked_for_together_with_others(stored: AsyncEngine) -> None:
    known = KnownPassages()
    first = await read(stored, known, wanted=ids(OLD)[:1])
    both = await read(stored, known, wanted=[uuid4(), *ids(OLD, UNCHANGED)])
    assert both == await read(stored, None)
    assert both[ids(OLD)[0]] is first[ids(OLD)[0]]


@pytest.mark.parametrize("some_known", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_whatever_was_changed_by_others_is_seen_at_once(
    stored: AsyncEngine, change: Change, some_known: bool
) -> None:
    known = KnownPassages()
    before = await read(stored, known, wanted=ids(OLD) if some_known else None)
    async with NeonUnitOfWork(stored) as uow:  # as in another process: it has no part in what is known here
        await change(uow)
        await uow.commit()
    now = await read(stored, None)
    assert {one: now.get(one) for one in before} != before
    assert await read(stored, known) == now
    assert await read(stored, known) == now


async def test_what_is_known_is_given_to_nobody_who_may_not_read_it(stored: AsyncEngine) -> None:
    for readable in (reading(), reading("secret"), reading("another", "secret")):
        known = KnownPassages()
        assert await read(stored, known)
        assert await read(stored, known, readable=readable) == {}
    for cuts in ({"docs": 300}, {"docs": 300, "secret": 620}):
        known = KnownPassages()
        assert await read(stored, known)
        assert await read(stored, known, readable=reading("secret", "docs"), cuts=cuts) == {}
    assert await read(stored, known, readable=reading("secret", "docs"), cuts={"secret": 300}) == await read(
        stored, None
    )


async def test_what_is_known_is_not_told_while_the_database_is_away(stored: AsyncEngine) -> None:
    known = KnownPassages()
    assert await read(stored, known)
    away = make_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(PortUnavailable):
        await read(away, known)
    await away.dispose()


def a_passage(number: int, *, size: int = 100) -> KnownPassage:
    section = Section(0, ("Intro",), 1, None, 0, 5)
    passage = PassageInDocument(Passage(UUID(int=number), 0, 0, 5, f"Text {number}"), section, INTRO)
    return KnownPassage(number.to_bytes(8, "big"), passage, 620, size)


def known_ones(known: KnownPassages, *numbers: int) -> list[int]:
    """Which of them are known; the others are said to be unknown."""
    wanted = [UUID(int=number) for number in numbers]
    pairs, unknown = known.find(wanted)
    assert {one for one, _ in pairs} | set(unknown) == set(wanted)
    assert len(pairs) + len(unknown) == len(wanted)
    assert all(passage.passage.passage.id == one for one, passage in pairs)
    return [one.int for one, _ in pairs]


async def test_bytes_are_bounded_and_what_is_asked_for_stays() -> None:
    known = KnownPassages(kept_bytes=1_000)
    for number in range(1, 100):
        known.keep([a_passage(number)])
        assert known_ones(known, 1)
        assert len(known) <= 10
    assert known_ones(known, 99)
    assert not known_ones(known, 50)
    known.keep([a_passage(200, size=501)])
    assert not known_ones(known, 200), "one that would take more than half of the room"
    assert known_ones(known, 1)


async def test_one_that_is_read_anew_replaces_what_was_known() -> None:
    known = KnownPassages(kept_bytes=1_000)
    for _ in range(50):
        known.keep([a_passage(1), a_passage(2)])
    assert len(known) == 2
    known.drop([UUID(int=1), UUID(int=3)])
    assert known_ones(known, 1, 2) == [2]


async def test_what_nobody_asks_for_is_gone_after_a_while() -> None:
    known = KnownPassages(kept_for_s=0.05)
    for number in (1, 2):  # the second after a time in which nothing was kept
        known.keep([a_passage(number)])
        assert len(known) == 1
        for _ in range(500):
            await asyncio.sleep(0.02)
            if not len(known):
                break
        assert len(known) == 0
