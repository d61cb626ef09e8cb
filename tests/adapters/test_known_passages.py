"""Passages as they were last read, held against the database by the statement that asks for them again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.documents import NeonDocuments
from adapters.neon.engine import make_engine, statement_by_statement
from adapters.neon.known_passages import MOST_STANDING, KnownPassage, KnownPassages
from adapters.neon.library_state import LIBRARY_STATE
from adapters.neon.rows import DOCUMENT_COLUMNS, as_json
from adapters.neon.tables import document_changes
from adapters.neon.unit_of_work import NeonUnitOfWork
from domain.access.readable import ReadableCollections
from domain.errors import PortUnavailable
from domain.library.model import UNTOLD, Passage, PassageInDocument, Section
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
    state: str = UNTOLD,
) -> Mapping[UUID, PassageInDocument]:
    async with NeonUnitOfWork(statement_by_statement(engine), None, None, known) as uow:
        found: Mapping[UUID, PassageInDocument] = await uow.documents.passages(
            ids(OLD, UNCHANGED) if wanted is None else wanted, readable, cuts=cuts, state=state
        )
    return found


async def state_of(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str((await connection.execute(select(LIBRARY_STATE))).scalar_one())


@pytest.fixture
async def away() -> AsyncIterator[AsyncEngine]:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/none")
    yield engine
    await engine.dispose()


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


async def test_what_is_known_is_not_told_while_the_database_is_away(stored: AsyncEngine, away: AsyncEngine) -> None:
    known = KnownPassages()
    assert await read(stored, known)
    with pytest.raises(PortUnavailable):
        await read(away, known)
    with pytest.raises(PortUnavailable):
        await read(away, known, state="another")


async def test_in_the_same_state_of_the_library_nothing_is_asked(stored: AsyncEngine, away: AsyncEngine) -> None:
    known, state = KnownPassages(), await state_of(stored)
    first = await read(stored, known, wanted=ids(OLD))
    assert await read(away, known, wanted=ids(OLD), state=state) == first
    assert await read(away, known, wanted=ids(OLD)[:1], state=state)
    with pytest.raises(PortUnavailable):
        await read(away, known, state=state)
    both = await read(stored, known, state=state)
    assert await read(away, known, state=state) == both == await read(stored, None)


async def test_what_stands_is_given_to_nobody_who_may_not_read_it(stored: AsyncEngine) -> None:
    known, state = KnownPassages(), await state_of(stored)
    assert await read(stored, known)
    for readable in (reading(), reading("secret"), reading("another", "secret")):
        assert await read(stored, known, readable=readable, state=state) == {}
    assert await read(stored, known, cuts={"docs": 300}, state=state) == {}
    assert await read(stored, known, state=state) == await read(stored, None)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_whatever_is_changed_the_library_is_in_another_state(
    stored: AsyncEngine, away: AsyncEngine, change: Change
) -> None:
    known, before = KnownPassages(), await state_of(stored)
    assert await read(stored, known)
    async with NeonUnitOfWork(stored) as uow:
        await change(uow)
        assert await state_of(stored) == before, "nobody sees what is not committed"
        await uow.commit()
    state, now = await state_of(stored), await read(stored, None)
    assert state != before
    with pytest.raises(PortUnavailable):
        await read(away, known, state=state)
    assert await read(stored, known, state=state) == now
    if len(now) == len(ids(OLD, UNCHANGED)):
        assert await read(away, known, state=state) == now


async def test_one_that_begins_first_and_commits_last_changes_the_state_too(stored: AsyncEngine) -> None:
    states = [await state_of(stored)]
    async with NeonUnitOfWork(stored) as early, NeonUnitOfWork(stored) as late:
        await CHANGES["edited by hand"](late)
        await early.documents.activate([an_activation(OTHER, "Something new.")])
        await early.commit()
        states.append(await state_of(stored))
        await late.commit()
    states.append(await state_of(stored))
    assert len(set(states)) == 3


async def test_marks_of_earlier_changes_do_not_gather(stored: AsyncEngine) -> None:
    states = set[str]()
    for number in range(30):
        async with NeonUnitOfWork(stored) as uow:
            await uow.documents.activate([an_activation(INTRO, f"Text {number}.")])
            await uow.commit()
        states.add(await state_of(stored))
    assert len(states) == 30
    async with stored.connect() as connection:
        marks = (await connection.execute(select(func.count()).select_from(document_changes))).scalar_one()
    assert marks <= 2, "one a transaction; no other was under way"


async def test_a_transaction_of_many_changes_leaves_one_mark(stored: AsyncEngine) -> None:
    async with stored.connect() as connection:
        before = await state_of(stored)
        await connection.execute(text("SAVEPOINT taken_back"))
        await connection.execute(text("UPDATE documents SET title = 'No'"))
        await connection.execute(text("ROLLBACK TO SAVEPOINT taken_back"))
        for number in range(1_000):
            await connection.execute(text("UPDATE documents SET title = title || :number"), {"number": str(number)})
        assert (await connection.execute(select(func.count()).select_from(document_changes))).scalar_one() <= 2
        await connection.commit()
    assert await state_of(stored) != before


async def test_a_request_for_documents_is_no_change_of_them(stored: AsyncEngine) -> None:
    before = await state_of(stored)
    async with NeonUnitOfWork(stored) as uow:
        await uow.documents.register("docs", ["intro.md", "new.md"], ids=[uuid4(), uuid4()], at=after(60))
        await uow.commit()
    assert await state_of(stored) == before


async def test_every_column_that_is_read_of_a_document_is_watched(stored: AsyncEngine) -> None:
    async with stored.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT attname FROM pg_trigger, pg_attribute WHERE tgname = 'note_document_change'"
                " AND attrelid = tgrelid AND attnum = ANY (tgattr)"
            )
        )
        watched = set(found.scalars())
    assert watched == {column.name for column in DOCUMENT_COLUMNS} | {"forgotten_at"}


async def test_without_a_mark_the_state_is_not_told(stored: AsyncEngine) -> None:
    async with stored.begin() as connection:
        await connection.execute(delete(document_changes))
    assert await state_of(stored) == UNTOLD


class Crossing:
    """A transaction whose replies come when, and as, the test says."""

    def __init__(self, known: KnownPassages) -> None:
        self.known_passages = known
        self.reply: asyncio.Future[list[tuple[object, ...]]] = asyncio.get_running_loop().create_future()
        self.asked = False

    async def fetch(self, *_: object) -> list[tuple[object, ...]]:
        self.asked = True
        return await self.reply


async def test_a_late_reply_does_not_make_what_is_older_stand() -> None:
    known, section = KnownPassages(), as_json(Section(0, ("Intro",), 1, None, 0, 5))
    passage_id = ids(OLD)[0]

    def whole(key: bytes, version: str, state: str) -> tuple[object, ...]:
        of_document = (INTRO.id, "docs", "intro.md", f"Of {version}", None, None, "{}", version, NOON, NOON)
        return (key, passage_id, 0, 5, "Text.", section, *of_document, 620, state)

    async def ask(transaction: Crossing, state: str = UNTOLD) -> PassageInDocument:
        documents = NeonDocuments(transaction)  # type: ignore[arg-type]  # all of one that it uses
        return (await documents.passages([passage_id], DOCS, state=state))[passage_id]

    slow, quick, again, last = (Crossing(known) for _ in range(4))
    asking = asyncio.create_task(ask(slow))
    await asyncio.sleep(0)
    quick.reply.set_result([whole(b"2", "new", "after")])
    await ask(quick)
    asking_again = asyncio.create_task(ask(again))
    await asyncio.sleep(0)
    slow.reply.set_result([whole(b"1", "old", "before")])
    await asking
    again.reply.set_result([(b"2", "after")])
    assert (await asking_again).document.version == "new"
    last.reply.set_result([whole(b"2", "new", "after")])
    assert (await ask(last, "after")).document.version == "new"
    assert last.asked


async def test_one_who_is_rolled_back_changes_no_state(stored: AsyncEngine) -> None:
    known, before = KnownPassages(), await state_of(stored)
    assert await read(stored, known)
    async with NeonUnitOfWork(stored) as uow:
        await CHANGES["all removed"](uow)
    assert await state_of(stored) == before
    assert await read(stored, known, state=before) == await read(stored, None)


async def test_no_more_are_noted_than_may_be() -> None:
    known = KnownPassages()
    passages = [a_passage(1), a_passage(2)]
    known.keep(passages)
    one, two = (known.find([UUID(int=number)])[0] for number in (1, 2))
    known.stood("one", [(UUID(int=number), passages[1].key) for number in range(2, MOST_STANDING + 3)])
    assert known.stand_in("one", two)
    known.stood("one", [(UUID(int=1), passages[0].key)])
    assert known.stand_in("one", one)
    assert not known.stand_in("two", one)
    assert not known.stand_in("one", two)


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
