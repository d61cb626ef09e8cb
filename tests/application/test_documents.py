"""Reading and forgetting documents."""

import pytest

from application.forget_documents import ForgetDocument
from application.read_documents import ReadDocuments
from application.search_passages import SearchPassagesQuery
from domain.access.model import Principal, Scope
from domain.errors import BlankQuestion, DocumentNotFound, DocumentVersionGone, DocumentVersionNotFound, ScopeMissing
from domain.retrieval.model import SearchFilters
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

READER = Principal("default", "reader", frozenset({Scope.ASK}), frozenset({"docs"}))


@pytest.fixture
def read(story: Story) -> ReadDocuments:
    reading: ReadDocuments = story.use_cases.read_documents()
    return reading


@pytest.fixture
def forget(story: Story) -> ForgetDocument:
    forgetting: ForgetDocument = story.use_cases.forget_document()
    return forgetting


async def test_a_forgotten_document_is_found_by_no_search_and_its_text_is_gone(
    story: Story, read: ReadDocuments, forget: ForgetDocument
) -> None:
    await story.ingest({"a.md": PINNING, "b.md": SNAPSHOTS})
    document = await story.document("b.md")

    await forget.execute(ADMIN, document.id)

    found = await story.search_passages.execute(SearchPassagesQuery(ADMIN, "For how long are snapshots kept?"))
    assert all(piece.document.uri != "b.md" for piece in found.evidence)
    with pytest.raises(DocumentNotFound):
        await read.get(ADMIN, document.id)
    with pytest.raises(DocumentVersionGone):
        await read.text(ADMIN, document.id, document.version)


async def test_a_turn_keeps_its_evidence_when_the_document_is_forgotten(story: Story, forget: ForgetDocument) -> None:
    await story.ingest({"a.md": PINNING})
    turn = await story.ask("How do I pin a dependency with an exact version?")

    await forget.execute(ADMIN, (await story.document("a.md")).id)

    async with story.unit_of_work() as uow:
        assert (await uow.turns.get(turn.id, ADMIN.owner)).evidence == turn.evidence


async def test_forgetting_needs_the_scope_and_the_collection(story: Story, forget: ForgetDocument) -> None:
    await story.ingest({"a.md": PINNING}, collection="private")
    document = await story.document("a.md", collection="private")

    with pytest.raises(ScopeMissing):
        await forget.execute(READER, document.id)
    ingester = Principal("default", "ingester", frozenset({Scope.INGEST}), frozenset({"docs"}))
    with pytest.raises(DocumentNotFound):
        await forget.execute(ingester, document.id)


async def test_an_older_version_can_still_be_read_and_an_unknown_one_is_not_found(
    story: Story, read: ReadDocuments
) -> None:
    await story.ingest({"a.md": PINNING})
    before = await story.document("a.md")
    await story.ingest({"a.md": SNAPSHOTS})

    assert "exact version" in (await read.text(ADMIN, before.id, before.version))[0]
    assert "snapshot" in (await read.text(ADMIN, before.id, None))[0].lower()
    with pytest.raises(DocumentVersionNotFound):
        await read.text(ADMIN, before.id, "0" * 64)


async def test_documents_of_another_collection_are_not_there(story: Story, read: ReadDocuments) -> None:
    await story.ingest({"a.md": PINNING}, collection="private")
    document = await story.document("a.md", collection="private")

    with pytest.raises(DocumentNotFound):
        await read.get(READER, document.id)
    listed = await read.list(READER, collection=None, uri=None, limit=10, cursor=None)
    assert list(listed.items) == []


async def test_a_search_can_be_narrowed_to_a_uri_prefix(story: Story) -> None:
    await story.ingest({"guides/a.md": PINNING, "notes/b.md": PINNING.replace("Ranges", "Spans")})

    query = SearchPassagesQuery(ADMIN, "exact version", filters=SearchFilters(uri_prefix="notes/"))
    evidence = (await story.search_passages.execute(query)).evidence

    assert {piece.document.uri for piece in evidence} == {"notes/b.md"}


async def test_a_blank_search_is_refused_by_its_own_name(story: Story) -> None:
    with pytest.raises(BlankQuestion, match="query"):
        await story.search_passages.execute(SearchPassagesQuery(ADMIN, " \n "))
