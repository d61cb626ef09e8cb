import pytest

from application.ports import UnitOfWorkFactory
from domain.errors import BadCursor, CollectionNotFound
from domain.grounding.model import Verification
from domain.library.model import Visibility
from tests.builders import a_collection, after


async def test_a_new_store_has_no_collection(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == []


async def test_collections_are_read_back_whole_and_by_name(unit_of_work: UnitOfWorkFactory) -> None:
    made = [
        a_collection(
            "b-2",
            title="Two",
            description="Zwei 🚪",
            visibility=Visibility.PUBLIC,
            language="de",
            trust=9,
            instructions="Be brief.\n“Naïvely.”",
            verification=Verification.REDACT,
        ),
        a_collection("b1", created_at=after(5)),
        a_collection("a"),
    ]
    async with unit_of_work() as uow:
        for collection in made:
            await uow.collections.add(collection)
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == [made[2], made[0], made[1]]


async def test_adding_a_collection_again_leaves_the_first_as_it_is(unit_of_work: UnitOfWorkFactory) -> None:
    first = a_collection("docs", title="First")
    async with unit_of_work() as uow:
        assert await uow.collections.add(first) is True
        assert await uow.collections.add(a_collection("docs", title="Second", created_at=after(9))) is False
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == [first]


async def test_one_collection_is_read_by_its_name_or_not_found(unit_of_work: UnitOfWorkFactory) -> None:
    docs = a_collection("docs", title="Docs")
    async with unit_of_work() as uow:
        await uow.collections.add(docs)
        await uow.collections.add(a_collection("docs-2"))
        assert await uow.collections.get("docs") == docs
        assert await uow.collections.hold("docs") == docs
        for missing in ("doc", "Docs", "", "d_cs"):
            with pytest.raises(CollectionNotFound):
                await uow.collections.get(missing)
            with pytest.raises(CollectionNotFound):
                await uow.collections.hold(missing)


async def test_a_change_is_read_back_and_no_other_collection_is_touched(unit_of_work: UnitOfWorkFactory) -> None:
    other = a_collection("other")
    changed = a_collection(
        "docs", title="New", description="What", visibility=Visibility.MEMBERS, language="fr", trust=0,
        instructions="Do.", verification=Verification.OFF,
    )  # fmt: skip
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs"))
        await uow.collections.add(other)
        await uow.collections.change(changed)
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == [changed, other]


async def test_a_removed_collection_is_gone_and_its_name_is_free(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs"))
        await uow.collections.add(a_collection("other"))
        await uow.collections.remove("docs")
        await uow.commit()
    async with unit_of_work() as uow:
        assert [one.name for one in await uow.collections.all()] == ["other"]
        assert await uow.collections.add(a_collection("docs")) is True


async def test_collections_are_listed_newest_first_and_each_once(unit_of_work: UnitOfWorkFactory) -> None:
    names = ["b-b", "ba", "b", "a-1", "a1", "z", "y"]
    made = [a_collection(name, created_at=after(number // 3)) for number, name in enumerate(names)]
    async with unit_of_work() as uow:
        for collection in made:
            await uow.collections.add(collection)
        await uow.commit()
    seen, cursor = [], None
    async with unit_of_work() as uow:
        while True:
            page = await uow.collections.list(limit=2, cursor=cursor)
            seen += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        for bad in ("made-up", "", "ß", "AAAA", "A" * 64):
            with pytest.raises(BadCursor):
                await uow.collections.list(limit=2, cursor=bad)
    assert seen == sorted(made, key=lambda one: (one.created_at, one.name), reverse=True)
