from application.ports import UnitOfWorkFactory
from domain.library.model import Visibility
from tests.builders import a_collection, after


async def test_a_new_store_has_no_collection(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == []


async def test_collections_are_read_back_whole_and_by_name(unit_of_work: UnitOfWorkFactory) -> None:
    made = [
        a_collection("b-2", title="Two", description="Zwei 🚪", visibility=Visibility.PUBLIC, language="de", trust=9),
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
        await uow.collections.add(first)
        await uow.collections.add(a_collection("docs", title="Second", created_at=after(9)))
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.collections.all()) == [first]
