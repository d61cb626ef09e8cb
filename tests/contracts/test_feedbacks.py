from uuid import uuid4

import pytest

from application.ports import UnitOfWorkFactory
from domain.access.model import Owner
from domain.conversation.model import Conversation, Feedback, FeedbackReason, Rating, Turn
from domain.errors import FeedbackNotFound, TurnNotFound
from tests.builders import ACME, NOON, a_conversation, a_turn, after


@pytest.fixture
async def turn(unit_of_work: UnitOfWorkFactory) -> Turn:
    conversation: Conversation = a_conversation()
    turn = a_turn(conversation.id)
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        await uow.turns.begin(turn, holder="one", lease_until=after(60))
        await uow.commit()
    return turn


async def put(unit_of_work: UnitOfWorkFactory, feedback: Feedback, owner: Owner = ACME) -> Feedback:
    async with unit_of_work() as uow:
        stored = await uow.feedbacks.put(feedback, owner)
        await uow.commit()
    return stored


async def test_feedback_is_read_back_as_it_was_given(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    reasons = (FeedbackReason.BAD_CITATION, FeedbackReason.OTHER)
    given = Feedback(turn.id, Rating.DOWN, reasons, "Fußnote 2 „stimmt“ nicht 🚪", NOON, NOON)
    assert await put(unit_of_work, given) == given
    async with unit_of_work() as uow:
        assert await uow.feedbacks.get(turn.id, ACME) == given


async def test_later_feedback_takes_the_place_of_the_earlier(unit_of_work: UnitOfWorkFactory, turn: Turn) -> None:
    await put(unit_of_work, Feedback(turn.id, Rating.DOWN, (FeedbackReason.WRONG,), "no", NOON, NOON))
    later = await put(unit_of_work, Feedback(turn.id, Rating.UP, (), None, after(9), after(9)))
    assert later == Feedback(turn.id, Rating.UP, (), None, NOON, after(9))
    async with unit_of_work() as uow:
        assert await uow.feedbacks.get(turn.id, ACME) == later


@pytest.mark.parametrize("stranger", [Owner("other"), Owner("acme", "ann")])
async def test_a_stranger_can_neither_give_nor_read_it(
    unit_of_work: UnitOfWorkFactory, turn: Turn, stranger: Owner
) -> None:
    given = Feedback(turn.id, Rating.UP, (), None, NOON, NOON)
    with pytest.raises(TurnNotFound):
        await put(unit_of_work, given, stranger)
    await put(unit_of_work, given)
    async with unit_of_work() as uow:
        with pytest.raises(FeedbackNotFound):
            await uow.feedbacks.get(turn.id, stranger)


async def test_there_is_none_on_an_unknown_turn_or_before_any_was_given(
    unit_of_work: UnitOfWorkFactory, turn: Turn
) -> None:
    with pytest.raises(TurnNotFound):
        await put(unit_of_work, Feedback(uuid4(), Rating.UP, (), None, NOON, NOON))
    async with unit_of_work() as uow:
        with pytest.raises(FeedbackNotFound):
            await uow.feedbacks.get(turn.id, ACME)
