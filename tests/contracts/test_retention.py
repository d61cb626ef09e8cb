"""What need not be kept is swept, and nothing else."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest

from application.ports import (
    DocumentOutcome,
    IngestionStatus,
    JournalEntry,
    KeyedRequest,
    Outcome,
    RetentionRules,
    UnitOfWorkFactory,
)
from domain.conversation.model import Turn
from domain.library.ports import Activation
from tests.builders import (
    ACME,
    NOON,
    a_collection,
    a_conversation,
    a_document,
    a_source,
    a_turn,
    after,
    an_activation,
    an_evidence,
    an_ingestion,
    answered,
    reading,
)

DAY = 86_400.0
LATER = after(3 * DAY)


async def sweep(
    unit_of_work: UnitOfWorkFactory, *, at: datetime = LATER, rules: RetentionRules | None = None
) -> dict[str, int]:
    async with unit_of_work() as uow:
        removed = await uow.retention.sweep(rules or RetentionRules(), at=at)
        await uow.commit()
    return {name: count for name, count in removed.items() if count}


async def edited(unit_of_work: UnitOfWorkFactory) -> tuple[Activation, Activation]:
    """A document whose first version was replaced at NOON."""
    document = a_document()
    first, second = an_activation(document, "First."), an_activation(document, "Second.")
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection())
        await uow.documents.register("docs", [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([first])
        await uow.documents.activate([second])
        await uow.commit()
    return first, second


async def cite(unit_of_work: UnitOfWorkFactory, cited: Activation, *, at: datetime = NOON) -> Turn:
    """A finished turn with this version among its evidence."""
    conversation = a_conversation(created_at=at)
    turn = a_turn(conversation.id, at=at)
    piece = an_evidence()
    document = replace(piece.document, id=cited.document.id, version=cited.version.version)
    done = replace(answered(turn), evidence=(replace(piece, document=document),))
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        await uow.turns.begin(turn, holder="a test", lease_until=at)
        await uow.turns.finish(done)
        await uow.commit()
    return done


async def readable(unit_of_work: UnitOfWorkFactory, activation: Activation) -> bool:
    async with unit_of_work() as uow:
        try:
            await uow.documents.text(activation.document.id, activation.version.version, reading("docs"))
        except Exception:
            return False
    return True


async def test_a_version_that_was_replaced_and_is_cited_nowhere_goes(unit_of_work: UnitOfWorkFactory) -> None:
    first, second = await edited(unit_of_work)
    assert await sweep(unit_of_work, at=after(60)) == {}, "an answer that is being written may yet cite it"
    assert await sweep(unit_of_work) == {"versions": 1}
    assert [await readable(unit_of_work, one) for one in (first, second)] == [False, True]
    assert await sweep(unit_of_work) == {}


async def test_a_version_that_a_turn_cites_stays_until_the_turn_goes(unit_of_work: UnitOfWorkFactory) -> None:
    first, _ = await edited(unit_of_work)
    await cite(unit_of_work, first)
    assert await sweep(unit_of_work) == {}
    assert await readable(unit_of_work, first)
    removed = await sweep(unit_of_work, rules=RetentionRules(turns_days=2))
    assert removed == {"turns": 1, "conversations": 1, "versions": 1}
    assert not await readable(unit_of_work, first)


async def test_turns_stay_for_ever_unless_the_rules_say_otherwise(unit_of_work: UnitOfWorkFactory) -> None:
    first, _ = await edited(unit_of_work)
    old = await cite(unit_of_work, first)
    new = await cite(unit_of_work, first, at=after(2 * DAY))
    assert await sweep(unit_of_work, at=after(999 * DAY)) == {}
    assert await sweep(unit_of_work, rules=RetentionRules(turns_days=2)) == {"turns": 1, "conversations": 1}
    async with unit_of_work() as uow:
        assert (await uow.turns.get(new.id, ACME)).id == new.id
        with pytest.raises(Exception, match=str(old.id)):
            await uow.turns.get(old.id, ACME)


async def test_a_turn_that_runs_is_not_swept(unit_of_work: UnitOfWorkFactory) -> None:
    conversation = a_conversation()
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        await uow.turns.begin(a_turn(conversation.id), holder="a test", lease_until=after(9))
        await uow.commit()
    assert await sweep(unit_of_work, rules=RetentionRules(turns_days=1)) == {}


async def ended(unit_of_work: UnitOfWorkFactory, at: datetime) -> UUID:
    ingestion = an_ingestion()
    async with unit_of_work() as uow:
        await uow.ingestions.add(ingestion, [a_source()])
        await uow.ingestions.record(ingestion.id, {0: DocumentOutcome("intro.md", Outcome.FAILED, "why")})
        await uow.ingestions.finish(ingestion.id, IngestionStatus.FAILED, at=at)
        await uow.commit()
    return ingestion.id


async def test_ingestions_go_so_many_days_after_their_end(unit_of_work: UnitOfWorkFactory) -> None:
    await ended(unit_of_work, NOON)
    recent = await ended(unit_of_work, after(2 * DAY))
    async with unit_of_work() as uow:
        await uow.ingestions.add(unfinished := an_ingestion(), [a_source()])
        await uow.commit()
    assert await sweep(unit_of_work, at=after(999 * DAY), rules=RetentionRules(ingestions_days=0)) == {}
    assert await sweep(unit_of_work, rules=RetentionRules(ingestions_days=2)) == {"ingestions": 1}
    async with unit_of_work() as uow:
        left = {one.id for one in (await uow.ingestions.list(None, limit=9, cursor=None)).items}
    assert left == {recent, unfinished.id}


async def test_keys_and_events_go_when_their_windows_are_over(unit_of_work: UnitOfWorkFactory) -> None:
    conversation = a_conversation()
    turn = a_turn(conversation.id)
    request = KeyedRequest(ACME, "/v1/ask", "a key", b"a body")
    async with unit_of_work() as uow:
        await uow.conversations.add(conversation)
        await uow.turns.begin(turn, holder="a test", lease_until=NOON)
        await uow.turns.finish(answered(turn))
        await uow.idempotency_keys.claim(request, turn.id, turn=turn.id, at=NOON)
        await uow.turn_journal.append([JournalEntry(turn.id, 1, [b"an event"], last=True)], at=NOON)
        await uow.commit()
    assert await sweep(unit_of_work, at=after(3_599)) == {}
    assert await sweep(unit_of_work, at=after(3_600)) == {"turn_events": 1}
    assert await sweep(unit_of_work, at=after(DAY - 1)) == {}
    assert await sweep(unit_of_work, at=after(DAY)) == {"idempotency_keys": 1}
    async with unit_of_work() as uow:
        assert (await uow.turns.get(turn.id, ACME)).id == turn.id


async def test_no_more_goes_at_once_than_is_asked_for(unit_of_work: UnitOfWorkFactory) -> None:
    for _ in range(3):
        await ended(unit_of_work, NOON)
    counts = []
    for _ in range(3):
        async with unit_of_work() as uow:
            removed = await uow.retention.sweep(RetentionRules(ingestions_days=2), at=LATER, limit=2)
            counts.append(removed["ingestions"])
            await uow.commit()
    assert counts == [2, 1, 0]
