"""What of PostgreSQL is swept that no other store has: kept vectors, and the queue's log."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.unit_of_work import NeonUnitOfWork
from application.ports import RetentionRules, UnitOfWorkFactory
from tests.builders import NOON, a_collection, a_document, a_source, after, an_activation, an_ingestion

LATER = after(86_400)


@pytest.fixture
async def unit_of_work(engine: AsyncEngine) -> UnitOfWorkFactory:
    made: UnitOfWorkFactory = partial(NeonUnitOfWork, engine)
    document = a_document()
    activation = an_activation(document, "Kept text.")
    async with made() as uow:
        await uow.collections.add(a_collection())
        await uow.documents.register("docs", [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([activation])
        await uow.embeddings.put("one", {activation.input_hashes[0]: [1.0, 0.0], b"of a text that is gone": [0.0, 1.0]})
        await uow.embeddings.put("two", {activation.input_hashes[0]: [1.0, 0.0]})
        await uow.commit()
    return made


async def vectors(unit_of_work: UnitOfWorkFactory) -> dict[str, int]:
    async with unit_of_work() as uow:
        removed = await uow.retention.sweep(RetentionRules(), at=LATER)
        await uow.commit()
    return {name: count for name, count in removed.items() if count}


async def test_a_vector_whose_text_no_passage_has_goes_and_the_others_stay(unit_of_work: UnitOfWorkFactory) -> None:
    assert await vectors(unit_of_work) == {"vectors": 1}
    assert await vectors(unit_of_work) == {}


async def test_while_something_is_ingested_every_vector_stays(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.ingestions.add(an_ingestion(), [a_source()])
        await uow.commit()
    assert await vectors(unit_of_work) == {}


async def test_while_passages_do_not_say_what_they_need_every_vector_stays(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE passages SET input_hash = NULL"))
    assert await vectors(unit_of_work) == {}


async def test_the_queue_s_log_goes_after_a_week(unit_of_work: UnitOfWorkFactory, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for days in (8, 6):
            await connection.execute(
                text(
                    "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
                    " VALUES (:created, 1, 'successful', 0, 'ingest')"
                ),
                {"created": LATER - timedelta(days=days)},
            )
    assert await vectors(unit_of_work) == {"vectors": 1, "queue_log": 1}
