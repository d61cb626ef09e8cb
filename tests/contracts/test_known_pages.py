from uuid import uuid4

from application.ports import UnitOfWorkFactory
from domain.library.ports import KnownPage, Validators
from tests.builders import NOON, a_collection, a_document, after, an_activation

HERE, THERE = "https://x.example/docs/a", "https://x.example/docs/a?ref=1"


async def a_document_at(unit_of_work: UnitOfWorkFactory, uri: str, *texts: str, collection: str = "docs") -> str:
    """Returns the version that is active then."""
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection(collection))
        await uow.documents.register(collection, [uri], ids=[uuid4()], at=NOON)
        [document] = (await uow.documents.by_uri(collection, [uri])).values()
        activation = an_activation(a_document(document.id, uri=uri, collection=collection), *texts)
        await uow.documents.activate([activation])
        await uow.commit()
    return activation.version.version


def known(version: str, *, address: str = HERE, etag: str | None = '"1"', links: tuple[str, ...] = ()) -> KnownPage:
    return KnownPage(address, HERE + "/", HERE, version, "2", Validators(etag, "Sat, 01 Nov 2025 00:00:00 GMT"), links)


async def put(unit_of_work: UnitOfWorkFactory, *pages: KnownPage, collection: str = "docs") -> None:
    async with unit_of_work() as uow:
        await uow.known_pages.put(collection, pages)
        await uow.commit()


async def got(unit_of_work: UnitOfWorkFactory, *addresses: str, collection: str = "docs") -> list[KnownPage]:
    async with unit_of_work() as uow:
        found = await uow.known_pages.get(collection, addresses)
    assert all(address == page.address for address, page in found.items())
    return [found[address] for address in addresses if address in found]


async def test_pages_come_back_as_they_were_put_by_the_address_asked_for(unit_of_work: UnitOfWorkFactory) -> None:
    version = await a_document_at(unit_of_work, HERE)
    pages = [known(version, links=(THERE, "https://x.example/b")), known(version, address=THERE, etag=None)]
    await put(unit_of_work)
    await put(unit_of_work, *pages)
    assert await got(unit_of_work, HERE, "https://x.example/unknown", THERE) == pages
    assert await got(unit_of_work) == []


async def test_the_last_one_counts(unit_of_work: UnitOfWorkFactory) -> None:
    version = await a_document_at(unit_of_work, HERE)
    await put(unit_of_work, known(version, etag='"0"'))
    await put(unit_of_work, known(version, etag='"1"'), known(version, etag='"2"'))
    assert await got(unit_of_work, HERE) == [known(version, etag='"2"')]


async def test_a_page_whose_document_is_another_by_now_is_not_known(unit_of_work: UnitOfWorkFactory) -> None:
    version = await a_document_at(unit_of_work, HERE)
    await put(unit_of_work, known(version))
    await a_document_at(unit_of_work, HERE, "Changed by other ways.")
    assert await got(unit_of_work, HERE) == []


async def test_a_page_whose_document_has_gone_is_not_known(unit_of_work: UnitOfWorkFactory) -> None:
    version = await a_document_at(unit_of_work, HERE)
    await put(unit_of_work, known(version))
    async with unit_of_work() as uow:
        [document] = (await uow.documents.by_uri("docs", [HERE])).values()
        await uow.documents.forget(document.id, at=after(1))
        await uow.commit()
    assert await got(unit_of_work, HERE) == []
    await put(unit_of_work, known(version))
    assert await got(unit_of_work, HERE) == []


async def test_collections_know_nothing_of_one_another(unit_of_work: UnitOfWorkFactory) -> None:
    version = await a_document_at(unit_of_work, HERE)
    await a_document_at(unit_of_work, HERE, collection="other")
    await put(unit_of_work, known(version))
    assert await got(unit_of_work, HERE, collection="other") == []
    assert await got(unit_of_work, HERE) == [known(version)]
