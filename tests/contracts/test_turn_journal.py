from uuid import uuid4

import pytest

from application.ports import JournalEntry, UnitOfWorkFactory
from domain.conversation.model import Turn
from tests.builders import ACME, a_conversation, a_turn, after


@pytest.fixture
async def turn(unit_of_work: UnitOfWorkFactory) -> Turn:
    return await a_running_turn(unit_of_work)


async def a_running_turn(unit_of_work: UnitOfWorkFactory, holder: str = "one") -> Turn:
    conversation = a_conversation()
    turn = a_turn(conversation.id)
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        await uow.turns.begin(turn, holder=holder, lease_until=after(60))
        await uow.commit()
    return turn


async def append(unit_of_work: UnitOfWorkFactory, *entries: JournalEntry, at_s: float = 0) -> None:
    async with unit_of_work() as uow:
        await uow.turn_journal.append(entries, at=after(at_s))
        await uow.commit()


async def read(unit_of_work: UnitOfWorkFactory, turn: Turn, *, after: int = 0) -> JournalEntry:
    async with unit_of_work() as uow:
        return await uow.turn_journal.read(turn.id, after=after)


async def test_events_are_read_back_in_order_from_any_batch_on(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    assert await read(unit_of_work, turn) == JournalEntry(turn.id, 1, [], last=False)
    await append(unit_of_work, JournalEntry(turn.id, 1, [b"one\n\n", b"tw\xc3\xb6\x00\n\n"], last=False))
    await append(unit_of_work, JournalEntry(turn.id, 3, [b"three"], last=True))
    assert await read(unit_of_work, turn) == JournalEntry(
        turn.id, 1, [b"one\n\n", b"tw\xc3\xb6\x00\n\n", b"three"], True
    )
    assert await read(unit_of_work, turn, after=2) == JournalEntry(turn.id, 3, [b"three"], last=True)


async def test_events_of_many_turns_are_added_at_once(unit_of_work: UnitOfWorkFactory) -> None:
    turns = [await a_running_turn(unit_of_work) for _ in range(3)]
    await append(unit_of_work, *(JournalEntry(turn.id, 1, [str(turn.id).encode()], last=False) for turn in turns))
    for turn in turns:
        assert (await read(unit_of_work, turn)).frames == [str(turn.id).encode()]


async def test_what_is_there_stays_as_it_is(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    await append(unit_of_work, JournalEntry(turn.id, 1, [b"one"], last=False))
    await append(unit_of_work, JournalEntry(turn.id, 1, [b"another"], last=False))
    assert (await read(unit_of_work, turn)).frames == [b"one"]


async def test_nothing_is_read_beyond_a_gap(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    await append(unit_of_work, JournalEntry(turn.id, 1, [b"one"], last=False))
    await append(unit_of_work, JournalEntry(turn.id, 3, [b"three"], last=True))
    assert await read(unit_of_work, turn) == JournalEntry(turn.id, 1, [b"one"], last=False)


async def test_events_go_after_an_hour_and_with_their_turn(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    other = await a_running_turn(unit_of_work)
    await append(unit_of_work, JournalEntry(turn.id, 1, [b"one"], last=False))
    await append(unit_of_work, JournalEntry(other.id, 1, [b"one"], last=False), at_s=3_600)
    assert (await read(unit_of_work, turn)).frames == []
    async with unit_of_work() as uow:
        await uow.conversations.delete(other.conversation_id, ACME)
        await uow.commit()
    assert (await read(unit_of_work, other)).frames == []
    await append(unit_of_work, JournalEntry(other.id, 2, [b"two"], last=False), at_s=3_601)
    assert (await read(unit_of_work, other, after=1)).frames == [], "its turn has gone"


async def test_a_holder_is_told_which_of_its_turns_to_end(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    other = await a_running_turn(unit_of_work, holder="two")
    async with unit_of_work() as uow:
        await uow.turns.ask_to_cancel(turn.id, ACME, at=after(1))
        await uow.turns.ask_to_cancel(other.id, other.owner, at=after(1))
        await uow.turns.ask_to_cancel(uuid4(), ACME, at=after(1))
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.turns.to_be_cancelled("one")) == [turn.id]
        assert list(await uow.turns.to_be_cancelled("three")) == []
        assert await uow.turns.get(turn.id, ACME) == turn
