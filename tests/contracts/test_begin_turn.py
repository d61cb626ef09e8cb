"""The first transaction of a turn, on every database: all of it or nothing, also when a hundred come at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from adapters.memory.clock import SettableClock, TimeOrderedIds
from application.begin_turn import AskQuestionCommand, BeginTurn, Begun
from application.ports import KeyedRequest, UnitOfWorkFactory
from application.turn_streams import MAX_RUNNING_PER_USER, TurnStreams
from domain.access.model import Principal, Scope
from domain.conversation.model import Question, TurnStatus
from domain.errors import CollectionNotFound, ConversationNotFound, Overloaded, PortUnavailable, TooManyRunning
from domain.library.model import Visibility
from entrypoints.http.sse import encode_events
from tests.builders import NOON, a_collection, a_conversation

ANN = Principal("acme", "a backend", frozenset({Scope.ASK, Scope.ACT_AS}), user="ann")
BACKEND = replace(ANN, user="")
Beginning = Callable[..., BeginTurn]


def a_command(key: str | None = "k1", *, principal: Principal = BACKEND, **changes: object) -> AskQuestionCommand:
    keyed = KeyedRequest(principal.owner, "/v1/ask", key, b"\x01" * 32) if key else None
    return AskQuestionCommand(principal, Question("How do doors work?"), keyed=keyed, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def beginning(unit_of_work: UnitOfWorkFactory, alone: UnitOfWorkFactory) -> Beginning:
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection())
        await uow.commit()

    def make(*, max_running: int = 1_000, clock: SettableClock | None = None) -> BeginTurn:
        clock = clock or SettableClock(NOON)
        streams = TurnStreams(clock=clock, encode=encode_events, max_running=max_running)
        ids = TimeOrderedIds()
        return BeginTurn(unit_of_work=unit_of_work, alone=alone, streams=streams, clock=clock, ids=ids, holder="one")

    return make


async def test_a_hundred_at_once_under_one_key_are_one_turn(
    beginning: Beginning, unit_of_work: UnitOfWorkFactory
) -> None:
    begin = beginning()
    told = await asyncio.gather(*(begin.execute(a_command()) for _ in range(100)))
    begun = [one for one in told if isinstance(one, Begun)]
    assert len(begun) == 1
    assert {one for one in told if isinstance(one, UUID)} == {begun[0].asked.turn.id}
    async with unit_of_work() as uow:
        assert len((await uow.conversations.list(BACKEND.owner, limit=9, cursor=None)).items) == 1


async def test_two_processes_make_one_turn_of_one_key(beginning: Beginning) -> None:
    one, other = beginning(), beginning()
    told = await asyncio.gather(*(begin.execute(a_command()) for _ in range(10) for begin in (one, other)))
    assert sum(isinstance(answer, Begun) for answer in told) == 1


async def test_what_is_refused_leaves_no_key_no_conversation_and_no_place(
    beginning: Beginning, unit_of_work: UnitOfWorkFactory
) -> None:
    begin = beginning(max_running=1)
    with pytest.raises(ConversationNotFound):
        await begin.execute(a_command(conversation_id=uuid4()))
    first = await begin.execute(a_command())
    assert isinstance(first, Begun), "the key is free, and so is the place"
    with pytest.raises(Overloaded):
        await begin.execute(a_command("k2"))
    async with unit_of_work() as uow:
        assert len((await uow.conversations.list(BACKEND.owner, limit=9, cursor=None)).items) == 1
    assert await begin.execute(a_command()) == first.asked.turn.id, "a replay needs no place"
    first.slot.give_back()
    first.slot.give_back()
    assert isinstance(await begin.execute(a_command("k2")), Begun)
    with pytest.raises(Overloaded):
        await begin.execute(a_command("k3"))


async def test_a_crash_before_the_commit_leaves_neither_key_nor_turn(
    beginning: Beginning, unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = beginning(max_running=1)
    kind = type(unit_of_work())
    with monkeypatch.context() as broken:

        async def fail(_: object) -> None:
            raise PortUnavailable("database")

        broken.setattr(kind, "commit", fail)
        with pytest.raises(PortUnavailable):
            await begin.execute(a_command())
    again = await begin.execute(a_command())
    assert isinstance(again, Begun)
    async with unit_of_work() as uow:
        assert (await uow.turns.get(again.asked.turn.id, BACKEND.owner)).status is TurnStatus.RUNNING


async def test_an_end_user_has_three_places_however_fast_and_a_key_for_itself_has_all(beginning: Beginning) -> None:
    begin = beginning()
    told = await asyncio.gather(
        *(begin.execute(a_command(None, principal=ANN)) for _ in range(20)), return_exceptions=True
    )
    begun = [one for one in told if isinstance(one, Begun)]
    assert len(begun) == MAX_RUNNING_PER_USER
    assert sum(isinstance(one, TooManyRunning) for one in told) == 20 - MAX_RUNNING_PER_USER
    assert isinstance(await begin.execute(a_command(None, principal=replace(ANN, user="bob"))), Begun)
    begun[0].slot.give_back()
    assert isinstance(await begin.execute(a_command(None, principal=ANN)), Begun)
    many = await asyncio.gather(*(begin.execute(a_command(None)) for _ in range(20)))
    assert all(isinstance(one, Begun) for one in many)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_clock_that_jumps_loses_no_key_and_ends_no_other_conversation_s_turn(
    beginning: Beginning, unit_of_work: UnitOfWorkFactory, jump: timedelta
) -> None:
    clock = SettableClock(NOON)
    begin = beginning(clock=clock)
    first = await begin.execute(a_command())
    assert isinstance(first, Begun)
    clock.advance(jump)
    assert await begin.execute(a_command()) == first.asked.turn.id
    other = await begin.execute(a_command("k2"))
    assert isinstance(other, Begun)
    async with unit_of_work() as uow:
        kept = await uow.turns.get(first.asked.turn.id, BACKEND.owner)
    assert kept.status is TurnStatus.RUNNING, "it ends by its own process; only a start or its conversation may end it"


async def test_a_conversation_without_a_title_is_named_by_its_first_question(
    beginning: Beginning, unit_of_work: UnitOfWorkFactory
) -> None:
    unnamed = a_conversation(owner=BACKEND.owner, title="")
    async with unit_of_work() as uow:
        await uow.conversations.add(unnamed)
        await uow.commit()
    await beginning().execute(a_command(None, conversation_id=unnamed.id))
    async with unit_of_work() as uow:
        assert (await uow.conversations.get(unnamed.id, BACKEND.owner)).title == "How do doors work?"


async def test_what_another_process_made_of_the_collections_holds_for_the_very_next_question(
    beginning: Beginning, unit_of_work: UnitOfWorkFactory
) -> None:
    begin, caller = beginning(), replace(BACKEND, collections=frozenset({"docs"}))

    async def asks_in(*named: str) -> tuple[str, ...]:
        begun = await begin.execute(a_command(None, principal=caller, collections=named or None))
        assert isinstance(begun, Begun)
        begun.slot.give_back()
        assert list(begun.asked.readable) == sorted(one.name for one in begun.asked.collections)
        return tuple(begun.asked.readable)

    for _ in range(2):
        assert await asks_in() == ("docs",)
    made = a_collection("made", visibility=Visibility.MEMBERS)
    async with unit_of_work() as uow:
        await uow.collections.add(made)
        await uow.commit()
    assert await asks_in("made") == ("made",)
    assert await asks_in() == ("docs", "made")
    async with unit_of_work() as uow:
        await uow.collections.change(replace(made, visibility=Visibility.PRIVATE))
        await uow.commit()
    assert await asks_in() == ("docs",)
    with pytest.raises(CollectionNotFound):
        await asks_in("made")
    async with unit_of_work() as uow:
        await uow.collections.change(made)
        await uow.commit()
    assert await asks_in() == ("docs", "made")
    async with unit_of_work() as uow:
        await uow.collections.remove("made")
        await uow.commit()
    assert await asks_in() == ("docs",)
    async with unit_of_work() as uow:
        turns = [
            turn
            for conversation in (await uow.conversations.list(caller.owner, limit=50, cursor=None)).items
            for turn in (await uow.turns.of_conversation(conversation.id, caller.owner, limit=9, cursor=None)).items
        ]
    assert len(turns) == 7, "one for each that was begun, and none for what was refused or tried again"
