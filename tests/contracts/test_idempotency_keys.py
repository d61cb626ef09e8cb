import asyncio
from uuid import UUID, uuid4

import pytest

from application.ports import IDEMPOTENCY_WINDOW, KeyedRequest, UnitOfWorkFactory
from domain.access.model import Owner
from domain.errors import IdempotencyKeyReused
from tests.builders import ACME, NOON, a_conversation, a_turn, after

A_DAY = IDEMPOTENCY_WINDOW.total_seconds()


def a_request(key: str = "k1", **changes: object) -> KeyedRequest:
    values = {"owner": ACME, "path": "/v1/ask", "body_sha256": b"\x01" * 32, **changes}
    return KeyedRequest(key=key, **values)  # type: ignore[arg-type]


async def claim(unit_of_work: UnitOfWorkFactory, request: KeyedRequest, effect: UUID, *, at_s: float = 0) -> UUID:
    async with unit_of_work() as uow:
        tied = await uow.idempotency_keys.claim(request, effect, turn=None, at=after(at_s))
        await uow.commit()
    return tied


async def test_the_first_claim_ties_the_key_and_later_ones_are_told_to_what(unit_of_work: UnitOfWorkFactory) -> None:
    first, later = uuid4(), uuid4()
    assert await claim(unit_of_work, a_request(), first) == first
    assert await claim(unit_of_work, a_request(), later, at_s=5) == first
    assert await claim(unit_of_work, a_request(), later, at_s=A_DAY - 1) == first


async def test_another_body_is_refused(unit_of_work: UnitOfWorkFactory) -> None:
    first = uuid4()
    await claim(unit_of_work, a_request(), first)
    with pytest.raises(IdempotencyKeyReused):
        await claim(unit_of_work, a_request(body_sha256=b"\x02" * 32), uuid4())
    assert await claim(unit_of_work, a_request(), uuid4()) == first


@pytest.mark.parametrize(
    "other", [{"owner": Owner("acme", "ann")}, {"owner": Owner("other")}, {"path": "/v1/feedback"}, {"key": "k2"}]
)
async def test_another_owner_path_or_key_is_on_its_own(
    unit_of_work: UnitOfWorkFactory, other: dict[str, object]
) -> None:
    first, second = uuid4(), uuid4()
    await claim(unit_of_work, a_request(), first)
    assert await claim(unit_of_work, a_request(**other), second) == second  # type: ignore[arg-type]


async def test_a_key_is_free_again_after_24_hours(unit_of_work: UnitOfWorkFactory) -> None:
    first, second = uuid4(), uuid4()
    await claim(unit_of_work, a_request(), first)
    other_body = a_request(body_sha256=b"\x02" * 32)
    assert await claim(unit_of_work, other_body, second, at_s=A_DAY) == second
    assert await claim(unit_of_work, other_body, uuid4(), at_s=2 * A_DAY - 1) == second


async def test_a_clock_that_was_set_back_frees_no_key(unit_of_work: UnitOfWorkFactory) -> None:
    first = uuid4()
    await claim(unit_of_work, a_request(), first)
    assert await claim(unit_of_work, a_request(), uuid4(), at_s=-3_600) == first


async def test_what_was_claimed_in_a_unit_that_was_not_committed_is_free(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.idempotency_keys.claim(a_request(), uuid4(), turn=None, at=NOON)
    second = uuid4()
    assert await claim(unit_of_work, a_request(), second) == second


async def test_of_many_claims_at_once_one_is_first_and_all_are_told(unit_of_work: UnitOfWorkFactory) -> None:
    effects = [uuid4() for _ in range(30)]
    told = await asyncio.gather(*(claim(unit_of_work, a_request(), effect) for effect in effects))
    assert len(set(told)) == 1
    assert told[0] in effects


async def test_a_key_goes_with_its_turn(unit_of_work: UnitOfWorkFactory) -> None:
    conversation = a_conversation()
    turn = a_turn(conversation.id)
    async with unit_of_work() as uow:
        # In the order of asking: the key before the turn that it is tied to.
        await uow.idempotency_keys.claim(a_request(), turn.id, turn=turn.id, at=NOON)
        await uow.conversations.add(conversation)
        await uow.turns.begin(turn, holder="one", lease_until=after(60))
        await uow.commit()
    assert await claim(unit_of_work, a_request(), uuid4()) == turn.id
    async with unit_of_work() as uow:
        await uow.conversations.delete(conversation.id, ACME)
        await uow.commit()
    fresh = uuid4()
    assert await claim(unit_of_work, a_request(), fresh) == fresh
