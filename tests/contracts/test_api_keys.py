from uuid import uuid4

import pytest

from application.ports import UnitOfWorkFactory
from domain.access.model import Scope
from domain.errors import ApiKeyNotFound, BadCursor
from tests.builders import after, an_api_key


async def test_a_key_is_found_by_the_hash_of_its_secret_and_read_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    whole = an_api_key(
        name="Naïve 🚪",
        tenant="acme",
        scopes=frozenset({Scope.ASK, Scope.ACT_AS}),
        collections=frozenset({"docs", "a-b"}),
        expires_at=after(60),
    )
    plain, none_granted = an_api_key(), an_api_key(collections=frozenset())
    async with unit_of_work() as uow:
        for key in (whole, plain, none_granted):
            await uow.api_keys.add(key)
        await uow.commit()
    async with unit_of_work() as uow:
        for key in (whole, plain, none_granted):
            assert await uow.api_keys.find(key.secret_sha256) == key
            assert await uow.api_keys.get(key.id) == key
        assert await uow.api_keys.find(b"\x00" * 32) is None
        with pytest.raises(ApiKeyNotFound):
            await uow.api_keys.get(uuid4())


async def test_a_removed_key_is_found_no_more_and_the_others_are(unit_of_work: UnitOfWorkFactory) -> None:
    gone, kept = an_api_key(), an_api_key()
    async with unit_of_work() as uow:
        await uow.api_keys.add(gone)
        await uow.api_keys.add(kept)
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.api_keys.remove(gone.id)
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.api_keys.find(gone.secret_sha256) is None
        assert await uow.api_keys.find(kept.secret_sha256) == kept
        with pytest.raises(ApiKeyNotFound):
            await uow.api_keys.remove(gone.id)


async def test_a_removal_that_is_not_committed_removes_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    key = an_api_key()
    async with unit_of_work() as uow:
        await uow.api_keys.add(key)
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.api_keys.remove(key.id)
    async with unit_of_work() as uow:
        assert await uow.api_keys.find(key.secret_sha256) == key


async def test_keys_are_listed_newest_first_and_each_once(unit_of_work: UnitOfWorkFactory) -> None:
    keys = [an_api_key(name=str(number), created_at=after(number // 2)) for number in range(7)]
    async with unit_of_work() as uow:
        for key in keys:
            await uow.api_keys.add(key)
        await uow.commit()
    seen, cursor = [], None
    async with unit_of_work() as uow:
        while True:
            page = await uow.api_keys.list(limit=3, cursor=cursor)
            seen += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        with pytest.raises(BadCursor):
            await uow.api_keys.list(limit=3, cursor="made-up")
    assert seen == sorted(keys, key=lambda key: (key.created_at, key.id), reverse=True)
