from uuid import uuid4

import pytest

from application.ports import UnitOfWorkFactory
from domain.access.model import Owner
from domain.conversation.model import Conversation
from domain.errors import ConversationNotFound
from tests.builders import a_conversation


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
