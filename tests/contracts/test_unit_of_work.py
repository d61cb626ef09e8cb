import asyncio

import pytest

from application.ports import UnitOfWorkFactory
from domain.errors import ConversationNotFound
from tests.builders import ACME, a_collection, a_conversation, a_document, a_source, a_turn, after, an_ingestion


async def test_leaving_without_a_commit_undoes_everything(unit_of_work: UnitOfWorkFactory) -> None:
    conversation, ingestion = a_conversation(), an_ingestion()
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection())
        await uow.documents.register("docs", ["a.md"], ids=[a_document().id], at=after(0))
        await uow.embeddings.put("static", {b"\x01" * 32: [1.0, 0.0]})
        await uow.conversations.add(conversation)
        await uow.turns.begin(a_turn(conversation.id), holder="one", lease_until=after(9))
        await uow.ingestions.add(ingestion, [a_source()])
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == []
        assert await uow.documents.by_uri("docs", ["a.md"]) == {}
        assert await uow.embeddings.get("static", [b"\x01" * 32]) == {}
        assert list(await uow.ingestions.unfinished()) == []
        assert await uow.turns.interrupt_lost(now=after(99), lost_holders_all_but=None) == 0
        with pytest.raises(ConversationNotFound):
            await uow.conversations.get(conversation.id, ACME)


async def test_an_error_undoes_everything_and_passes_through(unit_of_work: UnitOfWorkFactory) -> None:
    conversation = a_conversation()

    async def fail() -> None:
        async with unit_of_work() as uow:
            await uow.conversations.add(conversation)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with unit_of_work() as uow:
        with pytest.raises(ConversationNotFound):
            await uow.conversations.get(conversation.id, ACME)


async def test_a_unit_sees_its_own_writes(unit_of_work: UnitOfWorkFactory) -> None:
    conversation = a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        assert await uow.conversations.get(conversation.id, ACME) == conversation


async def test_what_follows_a_commit_needs_another(unit_of_work: UnitOfWorkFactory) -> None:
    kept, lost = a_conversation(), a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(kept)
        await uow.commit()
        await uow.conversations.add(lost)
    async with unit_of_work() as uow:
        assert await uow.conversations.get(kept.id, ACME) == kept
        with pytest.raises(ConversationNotFound):
            await uow.conversations.get(lost.id, ACME)


async def test_a_unit_that_does_nothing_may_be_committed(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.commit()


async def test_many_units_at_once_wait_for_each_other_and_all_succeed(unit_of_work: UnitOfWorkFactory) -> None:
    conversations = [a_conversation() for _ in range(60)]

    async def add(number: int) -> None:
        async with unit_of_work() as uow:
            await uow.conversations.add(conversations[number])
            await uow.commit()

    await asyncio.gather(*(add(number) for number in range(60)))
    async with unit_of_work() as uow:
        for conversation in conversations:
            assert await uow.conversations.get(conversation.id, ACME) == conversation


async def test_stores_of_one_unit_may_be_used_at_once(unit_of_work: UnitOfWorkFactory) -> None:
    conversations = [a_conversation() for _ in range(5)]
    async with unit_of_work() as uow:
        await asyncio.gather(*(uow.conversations.add(conversation) for conversation in conversations))
        await uow.commit()
    async with unit_of_work() as uow:
        found = await asyncio.gather(*(uow.conversations.get(one.id, ACME) for one in conversations))
    assert list(found) == conversations
