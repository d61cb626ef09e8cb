"""Collections as they were last read, held against the database by the statement that begins a turn."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.engine import statement_by_statement
from adapters.neon.library_state import LIBRARY_STATE
from adapters.neon.presumed_collections import PresumedCollections
from adapters.neon.unit_of_work import NeonUnitOfWork
from domain.library.model import Visibility
from tests.builders import ACME, NOON, a_collection, a_conversation, a_turn

Change = Callable[[NeonUnitOfWork], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "another": lambda uow: uow.collections.add(a_collection("another")),
    "a setting": lambda uow: uow.collections.change(replace(a_collection(), visibility=Visibility.PUBLIC)),
    "back again": lambda uow: uow.collections.change(a_collection()),
    "gone": lambda uow: uow.collections.remove("docs"),
}


async def begun(engine: AsyncEngine, presumed: PresumedCollections) -> bool:
    """Whether a turn began on what was presumed; what was stored says the same."""
    conversation = a_conversation()
    async with NeonUnitOfWork(statement_by_statement(engine), None, presumed) as uow:
        _, standing = await uow.collections.presumed()
        turn = a_turn(conversation.id)
        until = NOON + timedelta(minutes=1)
        state = await uow.turns.begin(turn, holder="one", lease_until=until, opens=conversation, presumed=standing)
        done = state is not None
        if done and standing is not None:
            assert state == (await uow._transaction.run(select(LIBRARY_STATE))).scalar_one()
        stored = [one.id for one in (await uow.conversations.list(ACME, limit=9, cursor=None)).items]
        assert (conversation.id in stored) is done
        if done:
            assert await uow.turns.get(turn.id, ACME) == turn
    return done


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_nothing_begins_on_collections_that_have_changed(engine: AsyncEngine, change: Change) -> None:
    ours, other = PresumedCollections(), partial(NeonUnitOfWork, engine)
    async with other() as uow:
        await uow.collections.add(a_collection("kept"))
        await uow.collections.add(a_collection())
        await uow.commit()
    assert await begun(engine, ours), "what has just been read"
    assert await begun(engine, ours), "what was read before"
    async with other() as uow:
        await change(uow)
        await uow.commit()
    assert not await begun(engine, ours)
    async with NeonUnitOfWork(statement_by_statement(engine), None, ours) as uow:
        found = await uow.collections.all()
        assert list(found) == list(ours.found or ())
    assert await begun(engine, ours)
