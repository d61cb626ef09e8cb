"""What every store of generations does: which there are, what each holds, and how one takes another's place."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from application.ports import UnitOfWorkFactory
from domain.errors import CollectionNotFound
from domain.library.generations import Generation, GenerationState, IndexPlace, LiveGeneration, StalePassage
from domain.library.ports import Activation, CutVersion
from tests.builders import NOON, a_collection, a_document, a_version, after, an_activation, reading

FIRST, BESIDE, OTHER = IndexPlace("words", 4), IndexPlace("words", 4, 1), IndexPlace("more-words", 8)
DOCS = reading("docs")


@pytest.fixture(autouse=True)
async def collections(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        for name in ("docs", "secret"):
            await uow.collections.add(a_collection(name))
        await uow.commit()


async def live(unit_of_work: UnitOfWorkFactory, name: str | None = "docs") -> list[LiveGeneration]:
    async with unit_of_work() as uow:
        return list(await uow.generations.live(name))


async def put(unit_of_work: UnitOfWorkFactory, uri: str, *texts: str, place: IndexPlace = FIRST) -> Activation:
    """A document with a version, in the one generation of its collection or beside others."""
    async with unit_of_work() as uow:
        await uow.documents.register("docs", [uri], ids=[uuid4()], at=NOON)
        document = (await uow.documents.by_uri("docs", [uri]))[uri]
        await uow.generations.adopt("docs", place, 620, at=NOON)
        activation = an_activation(document, *texts)
        await uow.documents.activate([activation], place=place)
        await uow.commit()
    return activation


async def begun(unit_of_work: UnitOfWorkFactory, place: IndexPlace = BESIDE, chunk_chars: int = 300) -> LiveGeneration:
    async with unit_of_work() as uow:
        number = await uow.generations.begin("docs", place, chunk_chars, job=uuid4(), at=after(1))
        await uow.commit()
    [one] = [one for one in await live(unit_of_work) if one.generation.number == number]
    return one


def cut(activation: Activation, *texts: str) -> CutVersion:
    """The same version in other pieces."""
    pieces = [replace(piece, section=0) for piece in a_version(activation.document.id, *texts).passages]
    hashes = [b"hash of " + piece.text.encode() for piece in pieces]
    return CutVersion(replace(activation.version, passages=tuple(pieces)), hashes)


def ids(*activations: Activation | CutVersion) -> set[UUID]:
    return {passage.id for one in activations for passage in one.version.passages}


async def lacking(unit_of_work: UnitOfWorkFactory, of: LiveGeneration) -> list[str]:
    async with unit_of_work() as uow:
        return sorted(await uow.generations.lacking(of, limit=100))


async def note(unit_of_work: UnitOfWorkFactory, of: LiveGeneration, *cuts: CutVersion) -> None:
    async with unit_of_work() as uow:
        await uow.generations.note(of, cuts)
        await uow.commit()


async def switch(unit_of_work: UnitOfWorkFactory, number: int, *, at: int = 2) -> None:
    async with unit_of_work() as uow:
        await uow.collections.hold("docs")
        await uow.generations.switch("docs", number, at=after(at))
        await uow.commit()


async def test_a_collection_has_the_generation_that_was_given_first(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert (await uow.collections.get("docs")).generation is None
        assert await uow.generations.hold_active("docs") is None
        assert await uow.generations.adopt("docs", FIRST, 620, at=NOON) == Generation(1, FIRST, 620)
        assert await uow.generations.adopt("docs", OTHER, 300, at=NOON) == Generation(1, FIRST, 620)
        assert await uow.generations.adopt("nowhere", FIRST, 620, at=NOON) is None
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.generations.hold_active("docs") == Generation(1, FIRST, 620)
        named = {one.name: one.generation for one in await uow.collections.all()}
        assert named == {"docs": Generation(1, FIRST, 620), "secret": None}
        assert (await uow.collections.hold("docs")).generation == named["docs"]
        page = await uow.collections.list(limit=9, cursor=None)
        assert {one.name: one.generation for one in page.items} == named
        with pytest.raises(CollectionNotFound):
            await uow.generations.begin("nowhere", FIRST, 620, job=uuid4(), at=NOON)


async def test_a_generation_holds_what_is_noted_for_it_and_the_active_one_everything(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    one, other = await put(unit_of_work, "a.md", "One.", "Two."), await put(unit_of_work, "b.md", "Three.")
    beside = await begun(unit_of_work)
    assert await lacking(unit_of_work, beside) == ["a.md", "b.md"]
    assert await lacking(unit_of_work, (await live(unit_of_work))[0]) == []
    pieces = cut(one, "One. T", "wo.")
    await note(unit_of_work, beside, pieces)
    await note(unit_of_work, beside, pieces)
    assert await lacking(unit_of_work, beside) == ["b.md"]
    async with unit_of_work() as uow:
        assert await uow.generations.passage_counts() == {FIRST: 3, BESIDE: 2}
        everything = sorted(ids(one, other, pieces))
        assert set(await uow.generations.held(FIRST, everything)) == ids(one, other)
        assert set(await uow.generations.held(BESIDE, everything)) == ids(pieces)
        assert await uow.generations.held(OTHER, everything) == []
        assert await uow.generations.held(FIRST, []) == []
        [(document, version)] = await uow.documents.active(None, limit=9, of=beside)
        assert (document.uri, version.passages) == ("a.md", pieces.version.passages)
        assert len(await uow.documents.active(None, limit=9, of=(await uow.generations.live("docs"))[0])) == 2
        [(_, uncut), (_, again)] = sorted(
            await uow.documents.read([one.document.id, other.document.id], chunk_chars=300),
            key=lambda read: len(read[1].passages),
        )
        assert (uncut.passages, again.passages) == ((), pieces.version.passages)


async def test_what_is_read_back_is_cut_as_was_asked_for(unit_of_work: UnitOfWorkFactory) -> None:
    one = await put(unit_of_work, "a.md", "One.", "Two.")
    pieces = cut(one, "One. T", "wo.")
    await note(unit_of_work, await begun(unit_of_work), pieces)
    both = sorted(ids(one, pieces))
    async with unit_of_work() as uow:
        assert set(await uow.documents.passages(both, DOCS)) == ids(one)
        assert set(await uow.documents.passages(both, DOCS, cuts={"docs": 300})) == ids(pieces)
        assert set(await uow.documents.passages(both, DOCS, cuts={"docs": 400})) == set()
        assert set(await uow.documents.passages(both, reading("secret"), cuts={"docs": 300})) == set()


async def test_a_document_that_changes_is_noted_no_more(unit_of_work: UnitOfWorkFactory) -> None:
    one = await put(unit_of_work, "a.md", "One.")
    beside = await begun(unit_of_work)
    await note(unit_of_work, beside, cut(one, "On", "e."))
    changed = await put(unit_of_work, "a.md", "Another.")
    assert await lacking(unit_of_work, beside) == ["a.md"]
    await note(unit_of_work, beside, cut(one, "On", "e."))
    assert await lacking(unit_of_work, beside) == ["a.md"], "the version that was cut is not the active one"
    await note(unit_of_work, beside, cut(changed, "Ano", "ther."))
    assert await lacking(unit_of_work, beside) == []
    again = await put(unit_of_work, "a.md", "One.")
    assert again.version == one.version
    assert await lacking(unit_of_work, beside) == ["a.md"], "what it held of this version may have left its index"


async def test_switching_keeps_the_one_before_with_all_that_it_holds(unit_of_work: UnitOfWorkFactory) -> None:
    one = await put(unit_of_work, "a.md", "One.")
    beside = await begun(unit_of_work)
    await note(unit_of_work, beside, cut(one, "On", "e."))
    await switch(unit_of_work, beside.generation.number)
    kept, active = await live(unit_of_work)
    assert (kept.state, active.state) == (GenerationState.KEPT, GenerationState.ACTIVE)
    assert (kept.since, active.since, active.job) == (after(2), after(2), None)
    assert await lacking(unit_of_work, kept) == []
    async with unit_of_work() as uow:
        assert await uow.generations.passage_counts() == {FIRST: 1, BESIDE: 2}
        assert await uow.generations.hold_active("docs") == active.generation
    await switch(unit_of_work, kept.generation.number, at=3)
    active, kept = await live(unit_of_work)
    assert (active.generation.number, active.state, kept.state) == (1, GenerationState.ACTIVE, GenerationState.KEPT)
    assert await lacking(unit_of_work, kept) == []


async def test_dropping_one_takes_along_the_passages_that_only_it_has(unit_of_work: UnitOfWorkFactory) -> None:
    one = await put(unit_of_work, "a.md", "One.")
    alike, unlike = await begun(unit_of_work, OTHER, 620), await begun(unit_of_work)
    await note(unit_of_work, alike, CutVersion(one.version, one.input_hashes))
    pieces = cut(one, "On", "e.")
    await note(unit_of_work, unlike, pieces)
    async with unit_of_work() as uow:
        await uow.generations.drop("docs", alike.generation.number)
        await uow.generations.drop("docs", unlike.generation.number)
        await uow.generations.drop("docs", 1)
        await uow.commit()
    [left] = await live(unit_of_work)
    assert left.state is GenerationState.ACTIVE
    async with unit_of_work() as uow:
        assert set(await uow.documents.passages(sorted(ids(one)), DOCS)) == ids(one)
        assert await uow.documents.passages(sorted(ids(pieces)), DOCS, cuts={"docs": 300}) == {}
    again = await begun(unit_of_work)
    assert await lacking(unit_of_work, again) == ["a.md"], "what was noted for an earlier one is not noted for it"


async def test_a_document_that_goes_leaves_every_index(unit_of_work: UnitOfWorkFactory) -> None:
    one, other = await put(unit_of_work, "a.md", "One."), await put(unit_of_work, "b.md", "Two.")
    beside = await begun(unit_of_work)
    pieces, others = cut(one, "On", "e."), cut(other, "Tw", "o.")
    await note(unit_of_work, beside, pieces, others)
    async with unit_of_work() as uow:
        gone = await uow.documents.forget(one.document.id, at=after(1))
        assert set(gone) == {StalePassage(i, FIRST) for i in ids(one)} | {StalePassage(i, BESIDE) for i in ids(pieces)}
        rest = await uow.documents.remove_all("docs")
        assert set(rest) == {StalePassage(i, FIRST) for i in ids(other)} | {
            StalePassage(i, BESIDE) for i in ids(others)
        }
        await uow.collections.remove("docs")
        await uow.commit()
    async with unit_of_work() as uow:
        assert set(await uow.documents.stale()) == {*gone, *rest}
        assert await uow.generations.live() == []


async def test_what_is_stale_in_one_index_is_not_in_another(unit_of_work: UnitOfWorkFactory) -> None:
    one = await put(unit_of_work, "a.md", "One.", "Two.")
    await put(unit_of_work, "a.md", "Two.")
    [gone] = ids(one) - ids(an_activation(one.document, "Two."))
    async with unit_of_work() as uow:
        assert list(await uow.documents.take_stale([StalePassage(gone, BESIDE)])) == []
        assert await uow.documents.wanted([one], place=BESIDE) == {one.document.id}
        assert list(await uow.documents.take_stale([StalePassage(gone, FIRST)])) == [StalePassage(gone, FIRST)]


async def test_collections_of_a_time_before_generations_are_found(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document(uri="old.md")
    async with unit_of_work() as uow:
        await uow.documents.register("docs", [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([an_activation(document, "Old.")])
        await uow.commit()
    async with unit_of_work() as uow:
        assert list(await uow.generations.unknown()) == ["docs"]
        await uow.generations.adopt("docs", FIRST, 620, at=NOON)
        assert await uow.generations.unknown() == {}
