import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from application.ports import UnitOfWorkFactory
from domain.access.model import Owner
from domain.conversation.model import Attempt, Conversation, Turn, TurnStatus, Usage
from domain.errors import BadCursor, ConversationBusy, TooManyRunning, TurnNotFound
from tests.builders import ACME, NOON, a_conversation, a_turn, abstained, after, answered


@pytest.fixture
async def conversation(unit_of_work: UnitOfWorkFactory) -> Conversation:
    made = a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(made)
        await uow.commit()
    return made


async def begin(unit_of_work: UnitOfWorkFactory, turn: Turn, *, holder: str = "one", lease_s: float = 60) -> Turn:
    async with unit_of_work() as uow:
        await uow.turns.begin(turn, holder=holder, lease_until=after(lease_s))
        await uow.commit()
    return turn


async def finish(unit_of_work: UnitOfWorkFactory, turn: Turn) -> Turn:
    async with unit_of_work() as uow:
        await uow.turns.finish(turn)
        await uow.commit()
    return turn


async def stored(unit_of_work: UnitOfWorkFactory, turn: Turn) -> Turn:
    async with unit_of_work() as uow:
        return await uow.turns.get(turn.id, turn.owner)


async def test_the_conversation_that_a_turn_opens_is_stored_with_it(
    unit_of_work: UnitOfWorkFactory, alone: UnitOfWorkFactory
) -> None:
    for units in (unit_of_work, alone):
        conversation = a_conversation(title="Wie öffnet man\n“Türen”?", collections=("docs", "more"))
        turn = a_turn(conversation.id)
        async with units() as uow:
            await uow.turns.begin(turn, holder="one", lease_until=after(60), opens=conversation)
            await uow.commit()
        async with unit_of_work() as uow:
            assert await uow.conversations.get(conversation.id, conversation.owner) == conversation
            assert await uow.turns.get(turn.id, turn.owner) == turn
            with pytest.raises(ConversationBusy):
                await uow.turns.begin(a_turn(conversation.id), holder="two", lease_until=after(60))


async def test_a_running_turn_is_read_back_as_it_was_stored(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    turn = await begin(unit_of_work, a_turn(conversation.id, question="Wie öffnet man\n\teine “Tür” 🚪? \\u0041 %s :x"))
    assert await stored(unit_of_work, turn) == turn


async def test_an_answer_is_read_back_field_for_field(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    running = await begin(unit_of_work, a_turn(conversation.id))
    used = Usage(1_000, 20, 0.000_123_4, cost_estimated=True, cached=True)
    ended = replace(answered(running), attempts=(Attempt("a/b", "error", 120),), usage=used, notices=("mixed",))
    await finish(unit_of_work, ended)
    assert await stored(unit_of_work, running) == ended


async def test_an_abstention_is_read_back_field_for_field(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    running = await begin(unit_of_work, a_turn(conversation.id))
    ended = await finish(unit_of_work, abstained(running))
    assert await stored(unit_of_work, running) == ended


async def test_a_turn_that_has_ended_stays_as_it_is(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    running = await begin(unit_of_work, a_turn(conversation.id))
    first = await finish(unit_of_work, running.ended(TurnStatus.CANCELLED))
    await finish(unit_of_work, answered(running))
    assert await stored(unit_of_work, running) == first


@pytest.mark.parametrize("stranger", [Owner("other"), Owner("acme", "ann")])
async def test_a_turn_is_not_found_by_anybody_but_its_owner(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation, stranger: Owner
) -> None:
    turn = await begin(unit_of_work, a_turn(conversation.id))
    async with unit_of_work() as uow:
        with pytest.raises(TurnNotFound):
            await uow.turns.get(turn.id, stranger)
        assert list((await uow.turns.of_conversation(conversation.id, stranger, limit=9, cursor=None)).items) == []


@pytest.mark.parametrize("stranger", [Owner("other"), Owner("acme", "ann")])
async def test_a_turn_is_not_cancelled_by_anybody_but_its_owner(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation, stranger: Owner
) -> None:
    turn = await begin(unit_of_work, a_turn(conversation.id))
    for owner, cancelled in ((stranger, []), (turn.owner, [turn.id])):
        async with unit_of_work() as uow:
            await uow.turns.ask_to_cancel(turn.id, owner, at=after(1))
            await uow.commit()
        async with unit_of_work() as uow:
            assert list(await uow.turns.to_be_cancelled("one")) == cancelled


async def test_an_unknown_turn_is_not_found(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(TurnNotFound):
            await uow.turns.get(uuid4(), ACME)


async def test_a_conversation_has_one_running_turn_at_a_time(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    first = await begin(unit_of_work, a_turn(conversation.id))
    second = a_turn(conversation.id, at=after(1))
    with pytest.raises(ConversationBusy):
        await begin(unit_of_work, second)
    assert await stored(unit_of_work, first) == first
    with pytest.raises(TurnNotFound):
        await stored(unit_of_work, second)


async def test_a_unit_goes_on_after_a_busy_conversation(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    await begin(unit_of_work, a_turn(conversation.id))
    async with unit_of_work() as uow:
        with pytest.raises(ConversationBusy):
            await uow.turns.begin(a_turn(conversation.id), holder="one", lease_until=after(60))
        assert await uow.conversations.get(conversation.id, ACME) == conversation


async def test_the_next_turn_begins_when_the_first_has_ended(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    first = await begin(unit_of_work, a_turn(conversation.id))
    await finish(unit_of_work, answered(first))
    second = await begin(unit_of_work, a_turn(conversation.id, at=after(1)))
    assert (await stored(unit_of_work, second)).status is TurnStatus.RUNNING


async def test_turns_of_two_conversations_run_side_by_side(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    other = a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(other)
        await uow.commit()
    turns = [a_turn(conversation.id, question="One?"), a_turn(other.id, question="Two?")]
    await asyncio.gather(*(begin(unit_of_work, turn) for turn in turns))
    assert [await stored(unit_of_work, turn) for turn in turns] == turns


async def test_of_many_that_begin_at_once_exactly_one_does(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    turns = [a_turn(conversation.id, question=f"Question {n}?") for n in range(8)]
    ends = await asyncio.gather(*(begin(unit_of_work, turn) for turn in turns), return_exceptions=True)
    winners = [end for end in ends if isinstance(end, Turn)]
    assert len(winners) == 1
    assert sum(isinstance(end, ConversationBusy) for end in ends) == 7
    assert await stored(unit_of_work, winners[0]) == winners[0]


async def test_a_turn_whose_lease_has_passed_gives_way(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    lost = await begin(unit_of_work, a_turn(conversation.id), lease_s=10)
    with pytest.raises(ConversationBusy):
        await begin(unit_of_work, a_turn(conversation.id, at=after(9)))
    fresh = await begin(unit_of_work, a_turn(conversation.id, at=after(11)))
    assert await stored(unit_of_work, lost) == lost.ended(TurnStatus.INTERRUPTED)
    assert await stored(unit_of_work, fresh) == fresh


async def test_leases_alone_decide_when_other_processes_may_be_alive(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    turn = await begin(unit_of_work, a_turn(conversation.id), holder="another", lease_s=10)
    async with unit_of_work() as uow:
        assert await uow.turns.interrupt_lost(now=after(9), lost_holders_all_but=None) == 0
        assert await uow.turns.interrupt_lost(now=after(11), lost_holders_all_but=None) == 1
        assert await uow.turns.interrupt_lost(now=after(12), lost_holders_all_but=None) == 0
        await uow.commit()
    assert await stored(unit_of_work, turn) == turn.ended(TurnStatus.INTERRUPTED)


async def test_the_only_process_ends_the_turns_of_all_others_at_once(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    mine = a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(mine)
        await uow.commit()
    kept = await begin(unit_of_work, a_turn(mine.id), holder="me")
    lost = await begin(unit_of_work, a_turn(conversation.id), holder="before me")
    async with unit_of_work() as uow:
        assert await uow.turns.interrupt_lost(now=NOON, lost_holders_all_but="me") == 1
        await uow.commit()
    assert await stored(unit_of_work, kept) == kept
    assert await stored(unit_of_work, lost) == lost.ended(TurnStatus.INTERRUPTED)


async def test_a_process_that_is_known_to_have_ended_loses_its_turns_at_once(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    another = a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(another)
        await uow.commit()
    kept = await begin(unit_of_work, a_turn(another.id), holder="alive")
    lost = await begin(unit_of_work, a_turn(conversation.id), holder="gone")
    async with unit_of_work() as uow:
        assert await uow.turns.interrupt_lost(now=NOON, lost_holders_all_but=None, lost_holder="gone") == 1
        await uow.commit()
    assert await stored(unit_of_work, kept) == kept
    assert await stored(unit_of_work, lost) == lost.ended(TurnStatus.INTERRUPTED)


async def test_of_one_user_no_more_turns_run_than_may_in_whatever_process(unit_of_work: UnitOfWorkFactory) -> None:
    conversations = [a_conversation() for _ in range(15)]
    async with unit_of_work() as uow:
        for one in conversations:
            await uow.conversations.add(one)
        await uow.commit()
    *many, first, second, third = conversations

    async def begun(turn: Turn, holder: str) -> Turn | None:
        async with unit_of_work() as uow:
            try:
                await uow.turns.begin(turn, holder=holder, lease_until=after(60), of_user_at_most=3)
            except TooManyRunning:
                return None
            await uow.commit()
            return turn

    told = await asyncio.gather(*(begun(a_turn(one.id), f"process {n % 2}") for n, one in enumerate(many)))
    running = [turn for turn in told if turn is not None]
    assert len(running) == 3
    others = a_turn(first.id, owner=replace(ACME, user="somebody else"))
    assert await begun(others, "process 0") is not None, "counted by user"
    await finish(unit_of_work, answered(running[0]))
    assert await begun(a_turn(second.id), "process 1") is not None
    assert await begun(a_turn(third.id), "process 1") is None
    assert await begun(a_turn(third.id, at=after(61)), "process 1") is not None, "the leases of the others have passed"


async def test_an_ended_turn_is_never_interrupted(unit_of_work: UnitOfWorkFactory, conversation: Conversation) -> None:
    running = await begin(unit_of_work, a_turn(conversation.id), lease_s=10)
    ended = await finish(unit_of_work, answered(running))
    async with unit_of_work() as uow:
        assert await uow.turns.interrupt_lost(now=after(99), lost_holders_all_but="me") == 0
        await uow.commit()
    assert await stored(unit_of_work, running) == ended


async def test_an_interrupted_turn_cannot_be_finished(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    running = await begin(unit_of_work, a_turn(conversation.id), lease_s=10)
    async with unit_of_work() as uow:
        await uow.turns.interrupt_lost(now=after(11), lost_holders_all_but=None)
        await uow.commit()
    await finish(unit_of_work, answered(running))
    assert (await stored(unit_of_work, running)).status is TurnStatus.INTERRUPTED


async def test_pages_run_from_the_newest_turn_and_miss_none_of_the_same_moment(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation
) -> None:
    turns = []
    for moment in (0, 1, 1, 1, 2):
        turn = await begin(unit_of_work, a_turn(conversation.id, at=after(moment)))
        turns.append(await finish(unit_of_work, answered(turn)))
    seen: list[Turn] = []
    cursor = None
    for pages in range(1, 4):
        async with unit_of_work() as uow:
            page = await uow.turns.of_conversation(conversation.id, ACME, limit=2, cursor=cursor)
        seen += page.items
        cursor = page.next_cursor
        assert (cursor is None) == (pages == 3)
    assert seen == sorted(turns, key=lambda turn: (turn.created_at, turn.id), reverse=True)


async def test_a_full_last_page_has_no_cursor(unit_of_work: UnitOfWorkFactory, conversation: Conversation) -> None:
    await begin(unit_of_work, a_turn(conversation.id))
    async with unit_of_work() as uow:
        page = await uow.turns.of_conversation(conversation.id, ACME, limit=1, cursor=None)
    assert (len(page.items), page.next_cursor) == (1, None)


@pytest.mark.parametrize("cursor", ["", "nonsense", "AAAA", "é", "////", "A" * 5_000, "bm90IG9uZQ=="])
async def test_a_made_up_cursor_is_refused(
    unit_of_work: UnitOfWorkFactory, conversation: Conversation, cursor: str
) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(BadCursor):
            await uow.turns.of_conversation(conversation.id, ACME, limit=2, cursor=cursor)
