from dataclasses import replace
from uuid import uuid4

import pytest

from application.ports import UnitOfWorkFactory
from domain.access.model import Owner
from domain.conversation.model import Conversation, Feedback, Rating, TurnStatus
from domain.errors import BadCursor, ConversationNotFound, FeedbackNotFound, TurnNotFound
from tests.builders import ACME, NOON, a_conversation, a_turn, after, answered


async def add(unit_of_work: UnitOfWorkFactory, conversation: Conversation) -> None:
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        await uow.commit()


@pytest.mark.parametrize("collections", [(), ("docs",), ("zeta", "alpha", "docs")])
async def test_a_conversation_is_read_back_as_it_was_stored(
    unit_of_work: UnitOfWorkFactory, collections: tuple[str, ...]
) -> None:
    made = a_conversation(owner=Owner("acme", "ann"), title="Wie geht's? 🚪", collections=collections)
    await add(unit_of_work, made)
    async with unit_of_work() as uow:
        assert await uow.conversations.get(made.id, made.owner) == made


@pytest.mark.parametrize("stranger", [Owner("other"), Owner("acme"), Owner("acme", "bob"), Owner("other", "ann")])
async def test_a_conversation_is_not_found_by_anybody_but_its_owner(
    unit_of_work: UnitOfWorkFactory, stranger: Owner
) -> None:
    made = a_conversation(owner=Owner("acme", "ann"))
    await add(unit_of_work, made)
    async with unit_of_work() as uow:
        with pytest.raises(ConversationNotFound):
            await uow.conversations.get(made.id, stranger)


async def test_an_unknown_conversation_is_not_found(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(ConversationNotFound):
            await uow.conversations.get(uuid4(), Owner("acme"))


async def test_a_list_has_an_owner_s_conversations_newest_first_and_misses_none(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    mine = [a_conversation(created_at=after(moment)) for moment in (0, 1, 1, 1, 2)]
    for made in [*mine, a_conversation(owner=Owner("acme", "ann")), a_conversation(owner=Owner("other"))]:
        await add(unit_of_work, made)
    seen: list[Conversation] = []
    cursor = None
    for pages in range(1, 4):
        async with unit_of_work() as uow:
            page = await uow.conversations.list(ACME, limit=2, cursor=cursor)
        seen += page.items
        cursor = page.next_cursor
        assert (cursor is None) == (pages == 3)
    assert seen == sorted(mine, key=lambda one: (one.created_at, one.id), reverse=True)


@pytest.mark.parametrize("cursor", ["", "nonsense", "AAAA", "é", "bm90IG9uZQ=="])
async def test_a_made_up_cursor_is_refused(unit_of_work: UnitOfWorkFactory, cursor: str) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(BadCursor):
            await uow.conversations.list(ACME, limit=2, cursor=cursor)


async def test_title_and_collections_can_be_changed(unit_of_work: UnitOfWorkFactory) -> None:
    made = a_conversation()
    await add(unit_of_work, made)
    changed = replace(made, title="Doors 🚪", collections=("zeta", "docs"))
    async with unit_of_work() as uow:
        await uow.conversations.update(changed)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.conversations.get(made.id, made.owner) == changed


async def test_a_stranger_s_conversation_is_neither_changed_nor_deleted(unit_of_work: UnitOfWorkFactory) -> None:
    made = a_conversation(owner=Owner("acme", "ann"))
    await add(unit_of_work, made)
    async with unit_of_work() as uow:
        with pytest.raises(ConversationNotFound):
            await uow.conversations.update(replace(made, owner=ACME, title="Mine"))
        with pytest.raises(ConversationNotFound):
            await uow.conversations.delete(made.id, ACME)
        with pytest.raises(ConversationNotFound):
            await uow.conversations.delete(uuid4(), ACME)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.conversations.get(made.id, made.owner) == made


async def test_a_deleted_conversation_takes_its_turns_and_their_feedback_along_and_no_other_s(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    made, other = a_conversation(), a_conversation()
    turns = [a_turn(made.id), a_turn(other.id)]
    for conversation, turn in zip((made, other), turns, strict=True):
        await add(unit_of_work, conversation)
        async with unit_of_work() as uow:
            await uow.turns.begin(turn, holder="one", lease_until=after(60))
            await uow.turns.finish(answered(turn))
            await uow.feedbacks.put(Feedback(turn.id, Rating.UP, (), None, NOON, NOON), ACME)
            await uow.commit()

    async with unit_of_work() as uow:
        await uow.conversations.delete(made.id, ACME)
        await uow.commit()

    async with unit_of_work() as uow:
        with pytest.raises(ConversationNotFound):
            await uow.conversations.get(made.id, ACME)
        with pytest.raises(TurnNotFound):
            await uow.turns.get(turns[0].id, ACME)
        with pytest.raises(FeedbackNotFound):
            await uow.feedbacks.get(turns[0].id, ACME)
        assert (await uow.turns.get(turns[1].id, ACME)).status is TurnStatus.ANSWERED
        assert (await uow.feedbacks.get(turns[1].id, ACME)).rating is Rating.UP


async def test_a_turn_that_was_deleted_while_it_ran_leaves_nothing_when_it_ends(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    made = a_conversation()
    turn = a_turn(made.id)
    await add(unit_of_work, made)
    async with unit_of_work() as uow:
        await uow.turns.begin(turn, holder="one", lease_until=after(60))
        await uow.conversations.delete(made.id, ACME)
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.turns.finish(answered(turn))
        await uow.commit()
    async with unit_of_work() as uow:
        with pytest.raises(TurnNotFound):
            await uow.turns.get(turn.id, ACME)
