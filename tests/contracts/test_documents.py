import asyncio
from dataclasses import replace
from uuid import UUID, uuid4, uuid5

import pytest

from application.ports import UnitOfWorkFactory
from domain.errors import BadCursor, DocumentNotFound, DocumentVersionGone, DocumentVersionNotFound
from domain.library.generations import StalePassage
from domain.library.model import Document, DocumentVersion, SpanOfVersion
from domain.library.ports import Activation, Switched
from tests.builders import NOON, a_collection, a_document, a_version, after, an_activation, reading

DOCS = reading("docs")


@pytest.fixture(autouse=True)
async def collections(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        for name in ("docs", "secret"):
            await uow.collections.add(a_collection(name))
        await uow.commit()


async def register(unit_of_work: UnitOfWorkFactory, *documents: Document) -> None:
    async with unit_of_work() as uow:
        for one in documents:
            await uow.documents.register(one.collection, [one.uri], ids=[one.id], at=one.created_at)
        await uow.commit()


async def activate(unit_of_work: UnitOfWorkFactory, *activations: Activation) -> set[UUID]:
    async with unit_of_work() as uow:
        stale = (await uow.documents.activate(activations)).stale
        await uow.commit()
    assert len(stale) == len(set(stale))
    return {one.id for one in stale}


async def put(unit_of_work: UnitOfWorkFactory, document: Document, *texts: str) -> Activation:
    """Register and activate a document in one go."""
    activation = an_activation(document, *texts)
    await register(unit_of_work, document)
    await activate(unit_of_work, activation)
    return activation


async def stale(unit_of_work: UnitOfWorkFactory) -> set[UUID]:
    async with unit_of_work() as uow:
        return {one.id for one in await uow.documents.stale()}


def ids(activation: Activation) -> list[UUID]:
    return [passage.id for passage in activation.version.passages]


async def test_a_registered_document_is_known_by_its_uri_and_listed_nowhere(unit_of_work: UnitOfWorkFactory) -> None:
    one, two = uuid4(), uuid4()
    async with unit_of_work() as uow:
        await uow.documents.register("docs", ["a.md", "b/ü.md"], ids=[one, two], at=NOON)
        await uow.commit()
    async with unit_of_work() as uow:
        known = await uow.documents.by_uri("docs", ["b/ü.md", "unknown.md", "a.md"])
        assert {uri: document.id for uri, document in known.items()} == {"a.md": one, "b/ü.md": two}
        assert known["a.md"].version is None
        assert (known["a.md"].collection, known["a.md"].created_at) == ("docs", NOON)
        assert await uow.documents.by_uri("secret", ["a.md"]) == {}
        assert list((await uow.documents.list(DOCS, collection=None, uri=None, limit=9, cursor=None)).items) == []
        assert list(await uow.documents.uris("docs")) == []
        for document_id in (one, two):
            with pytest.raises(DocumentNotFound):
                await uow.documents.get(document_id, DOCS)
            with pytest.raises(DocumentNotFound):
                await uow.documents.text(document_id, "any", DOCS)


async def test_registering_again_keeps_the_first_id(unit_of_work: UnitOfWorkFactory) -> None:
    first, other = uuid4(), uuid4()
    async with unit_of_work() as uow:
        await uow.documents.register("docs", ["a.md"], ids=[first], at=NOON)
        await uow.commit()
    async with unit_of_work() as uow:
        await uow.documents.register("docs", ["b.md", "a.md"], ids=[other, uuid4()], at=after(5))
        await uow.commit()
    async with unit_of_work() as uow:
        known = await uow.documents.by_uri("docs", ["a.md", "b.md"])
    assert {uri: document.id for uri, document in known.items()} == {"a.md": first, "b.md": other}
    assert known["a.md"].created_at == NOON


async def test_a_uri_named_twice_is_one_document(unit_of_work: UnitOfWorkFactory) -> None:
    first = uuid4()
    async with unit_of_work() as uow:
        await uow.documents.register("docs", ["a.md", "a.md"], ids=[first, uuid4()], at=NOON)
        assert (await uow.documents.by_uri("docs", ["a.md"]))["a.md"].id == first


async def test_the_longest_uri_is_taken(unit_of_work: UnitOfWorkFactory) -> None:
    uris = ["".join(chr(0x1F300 + (n * 7 + place) % 500) for place in range(1_000)) for n in range(2)]
    documents = [a_document(uri=uri) for uri in uris]
    for document in documents:
        await put(unit_of_work, document)
    async with unit_of_work() as uow:
        assert {uri: found.id for uri, found in (await uow.documents.by_uri("docs", uris)).items()} == {
            document.uri: document.id for document in documents
        }


async def test_two_that_register_the_same_uris_at_once_agree(unit_of_work: UnitOfWorkFactory) -> None:
    uris = [f"{n}.md" for n in range(200)]

    async def attempt(order: list[str]) -> None:
        async with unit_of_work() as uow:
            await uow.documents.register("docs", order, ids=[uuid4() for _ in order], at=NOON)
            await uow.commit()

    await asyncio.gather(attempt(uris), attempt(uris[::-1]), attempt(uris[100:] + uris[:100]))
    async with unit_of_work() as uow:
        assert len({document.id for document in (await uow.documents.by_uri("docs", uris)).values()}) == 200


async def test_an_active_document_is_read_back_as_it_was_given(unit_of_work: UnitOfWorkFactory) -> None:
    metadata = {"title": "Ü", "year": 2024, "score": 0.1, "tags": ["a", None, True], "deep": {"n": [1.0, -2e-7]}}
    document = a_document(peer_reviewed=True, metadata=metadata, title="“Doors” 🚪")
    activation = await put(unit_of_work, document)
    async with unit_of_work() as uow:
        assert await uow.documents.get(document.id, DOCS) == activation.document
        assert (await uow.documents.by_uri("docs", [document.uri]))[document.uri] == activation.document
        assert await uow.documents.text(document.id, activation.version.version, DOCS) == activation.version.text


async def test_what_a_document_shows_changes_with_its_version(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    await put(unit_of_work, document, "Old.")
    changed = replace(document, title="New title", url=None, peer_reviewed=False, metadata={}, updated_at=after(9))
    activation = an_activation(changed, "New.")
    await activate(unit_of_work, activation)
    async with unit_of_work() as uow:
        assert await uow.documents.get(document.id, DOCS) == activation.document


async def test_activating_the_same_version_again_changes_nothing(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    activation = await put(unit_of_work, document)
    assert await activate(unit_of_work, activation) == set()
    async with unit_of_work() as uow:
        assert set(await uow.documents.passages(ids(activation), DOCS)) == set(ids(activation))
    assert await stale(unit_of_work) == set()


async def test_a_new_version_leaves_behind_only_what_it_lacks(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    old = await put(unit_of_work, document, "Kept.", "Dropped.")
    new = an_activation(document, "Kept.", "Added.")
    dropped = uuid5(document.id, "Dropped.")
    assert await activate(unit_of_work, new) == {dropped}
    assert await stale(unit_of_work) == {dropped}
    async with unit_of_work() as uow:
        assert set(await uow.documents.passages([*ids(old), *ids(new)], DOCS)) == set(ids(new))


async def test_a_kept_passage_stands_where_the_new_version_has_it(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    await put(unit_of_work, document, "Kept.", "Dropped.")
    new = an_activation(document, "Added before it.", "Kept.")
    await activate(unit_of_work, new)
    kept = uuid5(document.id, "Kept.")
    async with unit_of_work() as uow:
        found = (await uow.documents.passages([kept], DOCS))[kept]
    assert found.passage == new.version.passages[1]
    assert found.section == new.version.sections[1]


async def test_the_text_of_an_older_version_stays_readable(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    old = await put(unit_of_work, document, "Old.")
    await activate(unit_of_work, an_activation(document, "New."))
    async with unit_of_work() as uow:
        assert await uow.documents.text(document.id, old.version.version, DOCS) == "Old.\n"
        with pytest.raises(DocumentVersionNotFound):
            await uow.documents.text(document.id, "0" * 64, DOCS)


async def test_pieces_are_cut_out_of_kept_versions_by_code_points(unit_of_work: UnitOfWorkFactory) -> None:
    document, other = a_document(), a_document()
    old = await put(unit_of_work, document, "Naïve 🚪 doors.", "Open them.")
    new = an_activation(document, "Shut them.")
    await activate(unit_of_work, new)
    wanted = [
        SpanOfVersion(document.id, old.version.version, 6, 13),
        SpanOfVersion(document.id, new.version.version, 0, 4),
        SpanOfVersion(document.id, new.version.version, 4, 4),
        SpanOfVersion(document.id, "0" * 64, 0, 4),
        SpanOfVersion(other.id, new.version.version, 0, 4),
    ]
    async with unit_of_work() as uow:
        assert await uow.documents.pieces(wanted, DOCS) == dict(zip(wanted, ["🚪 doors", "Shut", ""], strict=False))
        assert await uow.documents.pieces(wanted, reading("secret")) == {}
        assert await uow.documents.pieces([], DOCS) == {}


async def test_going_back_to_an_older_version_makes_its_passages_active_again(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    old = await put(unit_of_work, document, "Old.")
    new = an_activation(document, "New.")
    await activate(unit_of_work, new)
    assert await stale(unit_of_work) == set(ids(old))
    assert await activate(unit_of_work, old) == set(ids(new))
    assert await stale(unit_of_work) == set(ids(new))
    async with unit_of_work() as uow:
        assert set(await uow.documents.passages([*ids(old), *ids(new)], DOCS)) == set(ids(old))


async def test_stale_passages_are_kept_until_they_are_discarded(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    old = await put(unit_of_work, document, "One.", "Two.")
    await activate(unit_of_work, an_activation(document, "Three."))
    async with unit_of_work() as uow:
        await uow.documents.discard_stale([StalePassage(ids(old)[0], None), StalePassage(uuid4(), None)])
        await uow.documents.discard_stale(iter(()))
        await uow.commit()
    assert await stale(unit_of_work) == {ids(old)[1]}


async def test_many_documents_become_active_at_once(unit_of_work: UnitOfWorkFactory) -> None:
    documents = [a_document(uri=f"{n}.md") for n in range(40)]
    first = [an_activation(document, f"{document.uri} one.", "Same words.") for document in documents]
    await register(unit_of_work, *documents)
    assert await activate(unit_of_work, *first) == set()
    second = [an_activation(document, "Same words.") for document in documents]
    assert await activate(unit_of_work, *second) == {ids(activation)[0] for activation in first}
    async with unit_of_work() as uow:
        wanted = [passage_id for activation in first for passage_id in ids(activation)]
        assert len(await uow.documents.passages(wanted, DOCS)) == 40


async def test_a_document_without_passages_can_be_active(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    nothing = replace(a_version(document.id), version="e" * 64, text="", sections=(), passages=())
    empty = Activation(replace(document, version="e" * 64), nothing, ())
    await register(unit_of_work, document)
    assert await activate(unit_of_work, empty) == set()
    async with unit_of_work() as uow:
        assert await uow.documents.text(document.id, "e" * 64, DOCS) == ""


async def test_inputs_are_known_in_the_collections_that_hold_them(unit_of_work: UnitOfWorkFactory) -> None:
    mine, other = a_document(uri="a.md"), a_document(uri="a.md", collection="secret")
    first = await put(unit_of_work, mine, "Open the door.", "Both have this.")
    await put(unit_of_work, other, "Both have this.", "Only they have this.")
    await activate(unit_of_work, an_activation(mine, "Both have this."))
    asked = [*first.input_hashes, *an_activation(other, "Only they have this.").input_hashes, b"unknown"]
    async with unit_of_work() as uow:
        assert await uow.documents.inputs_in({"docs"}, asked) == set(asked[:2]), "of kept versions, too"
        assert await uow.documents.inputs_in({"secret"}, asked) == set(asked[1:3])
        assert await uow.documents.inputs_in({"docs", "secret", "none"}, asked) == set(asked[:3])
        assert await uow.documents.inputs_in(set(), asked) == set()
        assert await uow.documents.inputs_in({"docs"}, []) == set()
        await uow.documents.forget(other.id, at=after(1))
        assert await uow.documents.inputs_in({"secret"}, asked) == set()


async def test_activating_nothing_is_no_error(unit_of_work: UnitOfWorkFactory) -> None:
    assert await activate(unit_of_work) == set()


async def test_activations_happen_all_or_none(unit_of_work: UnitOfWorkFactory) -> None:
    documents = [a_document(uri=f"{n}.md") for n in range(2)]
    await register(unit_of_work, *documents)
    async with unit_of_work() as uow:
        await uow.documents.activate([an_activation(document) for document in documents])
    async with unit_of_work() as uow:
        assert list(await uow.documents.uris("docs")) == []
        assert await uow.documents.passages([uuid5(documents[0].id, "Open the door.")], DOCS) == {}


async def test_passages_come_back_whole_with_section_and_document(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    activation = await put(unit_of_work, document, "Türen öffnen 🚪.", "Close\n\tit \\ again.")
    async with unit_of_work() as uow:
        found = await uow.documents.passages([*ids(activation), uuid4()], DOCS)
    assert set(found) == set(ids(activation))
    for passage in activation.version.passages:
        assert found[passage.id].passage == passage
        assert found[passage.id].section == activation.version.sections[passage.section]
        assert found[passage.id].document == activation.document
        assert activation.version.text[passage.start : passage.end] == found[passage.id].passage.text


async def test_nothing_of_an_unreadable_collection_is_found(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document(collection="secret")
    activation = await put(unit_of_work, document)
    for readable in (DOCS, reading(), reading("docs", "other")):
        async with unit_of_work() as uow:
            with pytest.raises(DocumentNotFound):
                await uow.documents.get(document.id, readable)
            with pytest.raises(DocumentNotFound):
                await uow.documents.text(document.id, activation.version.version, readable)
            assert await uow.documents.passages(ids(activation), readable) == {}
            page = await uow.documents.list(readable, collection=None, uri=None, limit=9, cursor=None)
            assert list(page.items) == []
            page = await uow.documents.list(readable, collection="secret", uri=document.uri, limit=9, cursor=None)
            assert list(page.items) == []
    async with unit_of_work() as uow:
        assert await uow.documents.get(document.id, reading("secret")) == activation.document
        assert len(await uow.documents.passages(ids(activation), reading("docs", "secret"))) == 2


async def test_listings_are_narrowed_by_collection_and_uri(unit_of_work: UnitOfWorkFactory) -> None:
    for document in (a_document(uri="a.md"), a_document(uri="b.md"), a_document(uri="a.md", collection="secret")):
        await put(unit_of_work, document)
    both = reading("docs", "secret")

    async def listed(collection: str | None, uri: str | None) -> set[tuple[str, str]]:
        async with unit_of_work() as uow:
            page = await uow.documents.list(both, collection=collection, uri=uri, limit=9, cursor=None)
        return {(document.collection, document.uri) for document in page.items}

    assert len(await listed(None, None)) == 3
    assert await listed("docs", None) == {("docs", "a.md"), ("docs", "b.md")}
    assert await listed(None, "a.md") == {("docs", "a.md"), ("secret", "a.md")}
    assert await listed("docs", "b.md") == {("docs", "b.md")}
    assert await listed("docs", "c.md") == set()


async def test_pages_run_from_the_newest_document_and_miss_none_of_the_same_moment(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    made = [a_document(uri=f"{n}.md", created_at=after(moment)) for n, moment in enumerate((0, 1, 1, 1, 1, 2))]
    for document in made:
        await put(unit_of_work, document)
    seen: list[UUID] = []
    cursor = None
    for pages in range(1, 4):
        async with unit_of_work() as uow:
            page = await uow.documents.list(DOCS, collection="docs", uri=None, limit=2, cursor=cursor)
        seen += [document.id for document in page.items]
        cursor = page.next_cursor
        assert (cursor is None) == (pages == 3)
    ordered = sorted(made, key=lambda document: (document.created_at, document.id), reverse=True)
    assert seen == [document.id for document in ordered]


@pytest.mark.parametrize("cursor", ["", "nonsense", "AAAA", "é", "bm90IG9uZQ=="])
async def test_a_made_up_cursor_is_refused(unit_of_work: UnitOfWorkFactory, cursor: str) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(BadCursor):
            await uow.documents.list(DOCS, collection=None, uri=None, limit=9, cursor=cursor)


async def test_uris_are_sorted_by_code_point(unit_of_work: UnitOfWorkFactory) -> None:
    uris = ["b.md", "B.md", "a/b.md", "a-b.md", "é.md", "_.md", "10.md", "9.md", "z.md"]
    for uri in uris:
        await put(unit_of_work, a_document(uri=uri))
    await register(unit_of_work, a_document(uri="only registered.md"))
    await put(unit_of_work, a_document(uri="other.md", collection="secret"))
    async with unit_of_work() as uow:
        assert list(await uow.documents.uris("docs")) == sorted(uris)


async def test_a_forgotten_document_answers_to_nothing_but_its_text(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    activation = await put(unit_of_work, document)
    async with unit_of_work() as uow:
        gone = await uow.documents.forget(document.id, at=after(1))
        assert set(gone) == {StalePassage(passage_id, None) for passage_id in ids(activation)}
        await uow.commit()
    assert await stale(unit_of_work) == set(ids(activation))
    async with unit_of_work() as uow:
        with pytest.raises(DocumentVersionGone):
            await uow.documents.text(document.id, activation.version.version, DOCS)
        with pytest.raises(DocumentNotFound):
            await uow.documents.text(document.id, activation.version.version, reading("secret"))
        with pytest.raises(DocumentNotFound):
            await uow.documents.get(document.id, DOCS)
        assert await uow.documents.by_uri("docs", [document.uri]) == {}
        assert await uow.documents.passages(ids(activation), DOCS) == {}
        assert list(await uow.documents.uris("docs")) == []
        assert list((await uow.documents.list(DOCS, collection=None, uri=None, limit=9, cursor=None)).items) == []
        with pytest.raises(DocumentNotFound):
            await uow.documents.forget(document.id, at=after(2))


async def test_the_uri_of_a_forgotten_document_is_free_again(unit_of_work: UnitOfWorkFactory) -> None:
    first, second = a_document(), a_document()
    await put(unit_of_work, first)
    async with unit_of_work() as uow:
        await uow.documents.forget(first.id, at=after(1))
        await uow.commit()
    activation = await put(unit_of_work, second)
    async with unit_of_work() as uow:
        assert (await uow.documents.by_uri("docs", [first.uri]))[first.uri] == activation.document


async def test_a_document_that_was_only_registered_can_be_forgotten(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    await register(unit_of_work, document)
    async with unit_of_work() as uow:
        assert list(await uow.documents.forget(document.id, at=after(1))) == []
        await uow.commit()
    async with unit_of_work() as uow:
        assert await uow.documents.by_uri("docs", [document.uri]) == {}


async def test_forgetting_an_unknown_document_is_refused(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(DocumentNotFound):
            await uow.documents.forget(uuid4(), at=NOON)


async def test_a_document_forgotten_while_it_is_ingested_is_not_brought_back(unit_of_work: UnitOfWorkFactory) -> None:
    gone, living = a_document(uri="gone.md"), a_document(uri="living.md")
    await register(unit_of_work, gone, living)
    activations = an_activation(gone), an_activation(living)
    async with unit_of_work() as uow:
        await uow.documents.forget(gone.id, at=after(1))
        await uow.commit()
    # Its passages may be in the index already: they come back as passages that must leave it.
    assert await activate(unit_of_work, *activations) == set(ids(activations[0]))
    assert await stale(unit_of_work) == set(ids(activations[0]))
    async with unit_of_work() as uow:
        assert list(await uow.documents.uris("docs")) == ["living.md"]
        with pytest.raises(DocumentVersionGone):
            await uow.documents.text(gone.id, activations[0].version.version, DOCS)


async def test_two_new_versions_of_one_document_at_once_leave_one_active(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    start = await put(unit_of_work, document, "Start.")
    rivals = [an_activation(document, f"Rival {n}.") for n in range(4)]
    left = await asyncio.gather(*(activate(unit_of_work, rival) for rival in rivals))
    everything = {passage_id for one in (start, *rivals) for passage_id in ids(one)}
    async with unit_of_work() as uow:
        active = set(await uow.documents.passages(sorted(everything), DOCS))
    assert len(active) == 1
    assert set.union(*left) == everything - active == await stale(unit_of_work)


async def test_active_documents_come_by_id_with_all_that_an_index_is_made_of(unit_of_work: UnitOfWorkFactory) -> None:
    documents = sorted((a_document(uri=f"{n}.md") for n in range(5)), key=lambda one: one.id)
    made = [await put(unit_of_work, document, f"First {n}.", f"Second {n}.") for n, document in enumerate(documents)]
    made[1] = await put(unit_of_work, documents[1], "First 1.", "Another.")
    await register(unit_of_work, a_document(uri="only-registered.md"))
    async with unit_of_work() as uow:
        await uow.documents.forget(documents[3].id, at=after(1))
        await uow.commit()

    seen: list[tuple[Document, DocumentVersion]] = []
    last = None
    async with unit_of_work() as uow:
        while batch := await uow.documents.active(last, limit=2):
            assert len(batch) <= 2
            seen += batch
            last = batch[-1][0].id

    living = [made[n] for n in (0, 1, 2, 4)]
    assert [document for document, _ in seen] == [one.document for one in living]
    assert [version for _, version in seen] == [one.version for one in living]


async def test_in_a_collection_that_is_not_there_no_document_is_made(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.documents.register("nowhere", ["a.md"], ids=[uuid4()], at=NOON)
        assert await uow.documents.by_uri("nowhere", ["a.md"]) == {}


async def test_documents_are_counted_by_collection_and_registered_ones_are_known(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        for name in ("docs", "new", "empty"):
            await uow.collections.add(a_collection(name))
        first, second, forgotten = [a_document(uri=f"{number}.md") for number in range(3)]
        for document in (first, second, forgotten):
            await uow.documents.register("docs", [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([an_activation(document) for document in (first, second, forgotten)])
        await uow.documents.forget(forgotten.id, at=NOON)
        await uow.documents.register("new", ["a.md"], ids=[uuid4()], at=NOON)
        assert await uow.documents.counts(["docs", "new", "empty", "nowhere"]) == {"docs": 2}
        assert [await uow.documents.any_in(name) for name in ("docs", "new", "empty", "nowhere")] == [
            True, True, False, False,
        ]  # fmt: skip


async def test_removing_all_of_a_collection_leaves_nothing_of_it_and_all_of_the_others(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    gone, late, forgotten = a_document(uri="a.md"), a_document(uri="b.md"), a_document(uri="c.md")
    kept = a_document(uri="a.md", collection="other")
    activation = an_activation(gone, "One.", "Two.")
    async with unit_of_work() as uow:
        await uow.collections.add(a_collection("docs"))
        await uow.collections.add(a_collection("other"))
        for document in (gone, late, forgotten, kept):
            await uow.documents.register(document.collection, [document.uri], ids=[document.id], at=NOON)
        await uow.documents.activate([activation, an_activation(forgotten), an_activation(kept)])
        await uow.documents.discard_stale(await uow.documents.forget(forgotten.id, at=NOON))
        await uow.commit()
    async with unit_of_work() as uow:
        removed = await uow.documents.remove_all("docs")
        await uow.collections.remove("docs")
        await uow.commit()
    passages = {passage.id for passage in activation.version.passages}
    both = reading("docs", "other")
    async with unit_of_work() as uow:
        assert set(removed) == set(await uow.documents.stale()) == {StalePassage(one, None) for one in passages}
        assert await uow.documents.passages(list(passages), both) == {}
        assert [
            one.id for one in (await uow.documents.list(both, collection=None, uri=None, limit=9, cursor=None)).items
        ] == [kept.id]
        for document in (gone, late, forgotten):
            with pytest.raises(DocumentNotFound):
                await uow.documents.text(document.id, "any", both)
        # A version that was on its way comes too late, and what the index was given for it is named.
        assert (await uow.documents.activate([an_activation(late, "Three.")])).stale


async def registered_at(unit_of_work: UnitOfWorkFactory, document: Document, requested: int) -> set[str]:
    """The uris that it is not for a request of that minute to say."""
    async with unit_of_work() as uow:
        later = await uow.documents.register(
            document.collection, [document.uri], ids=[document.id], at=NOON, requested_at=after(requested)
        )
        await uow.commit()
    return set(later)


async def switched(unit_of_work: UnitOfWorkFactory, *activations: Activation) -> Switched:
    async with unit_of_work() as uow:
        result = await uow.documents.activate(activations)
        await uow.commit()
    return result


async def test_of_several_requests_the_last_that_came_has_its_document(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    early = replace(an_activation(document, "Early.", "Both."), requested_at=after(1))
    late = replace(an_activation(document, "Late.", "Both."), requested_at=after(2))
    assert await registered_at(unit_of_work, document, 1) == set()
    assert await registered_at(unit_of_work, document, 2) == set()
    assert await registered_at(unit_of_work, document, 1) == {document.uri}
    async with unit_of_work() as uow:
        assert await uow.documents.wanted([early, late]) == {document.id}
        assert await uow.documents.wanted([early]) == set()
    assert (await switched(unit_of_work, late)).left == set()

    result = await switched(unit_of_work, early)

    assert result.left == {document.id}
    assert {one.id for one in result.stale} == set(ids(early)) - set(ids(late))
    async with unit_of_work() as uow:
        assert (await uow.documents.get(document.id, DOCS)).version == late.version.version
        assert list(await uow.documents.uris("docs", requested_until=after(1))) == []
        assert list(await uow.documents.uris("docs", requested_until=after(2))) == [document.uri]


async def test_a_request_from_before_it_was_forgotten_does_not_bring_a_document_back(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    document = a_document()
    await put(unit_of_work, document)
    async with unit_of_work() as uow:
        await uow.documents.forget(document.id, at=after(5))
        await uow.commit()
    again = a_document(uri=document.uri)
    assert await registered_at(unit_of_work, again, 4) == {document.uri}
    async with unit_of_work() as uow:
        assert await uow.documents.by_uri("docs", [document.uri]) == {}
    assert await registered_at(unit_of_work, again, 6) == set()
    async with unit_of_work() as uow:
        assert (await uow.documents.by_uri("docs", [document.uri]))[document.uri].id == again.id


async def test_a_document_that_was_switched_since_it_was_read_is_named(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    await register(unit_of_work, document)
    first, second = (an_activation(replace(document, updated_at=after(n)), f"{n}.") for n in (1, 2))
    assert (await switched(unit_of_work, replace(first, prepared_from=document.created_at))).overtaken == set()
    assert (await switched(unit_of_work, replace(second, prepared_from=document.created_at))).overtaken == {document.id}


async def test_what_is_about_to_be_indexed_is_stale_no_more_and_is_not_taken(unit_of_work: UnitOfWorkFactory) -> None:
    document = a_document()
    old, new = await put(unit_of_work, document, "Old.", "Both."), an_activation(document, "New.")
    await activate(unit_of_work, new)
    assert await stale(unit_of_work) == set(ids(old))
    async with unit_of_work() as uow:
        assert await uow.documents.wanted([an_activation(document, "Both.")]) == {document.id}
        await uow.commit()
    async with unit_of_work() as uow:
        left = await uow.documents.take_stale([StalePassage(one, None) for one in ids(old)])
        assert list(left) == [StalePassage(ids(old)[0], None)]
