"""What every Preparer does."""

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.memory.preparer import InThreadPreparer
from adapters.worker_processes.preparer import ProcessPreparer
from application.ports import Outcome, StagedDocument
from application.prepare_documents import Parts, Preparation, PreparedDocument, Preparer, Unprepared, prepare
from domain.errors import PortUnavailable
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentLimits, DocumentParser
from entrypoints.document_parts import document_parts
from entrypoints.parts_within import PartsWithin
from tests.builders import a_document

AT = datetime(2026, 11, 1, tzinfo=UTC)


def preparation(ordinal: int, content: str, *, uri: str | None = None) -> Preparation:
    source = SourceDocument(uri or f"{ordinal}.md", content, Format.MARKDOWN)
    before = a_document(document_id=UUID(int=ordinal + 1), uri=source.uri, version=None)
    return Preparation(StagedDocument(ordinal, source), before, "v1", "https://x.test/", "en", AT)


class DeadlyParser(DocumentParser):
    """Takes its process with it when it meets the page that says so."""

    def parse(self, source: SourceDocument) -> ParsedDocument:
        if source.uri == "deadly.md":
            os._exit(9)
        return document_parts().parser.parse(source)


def deadly_parts() -> Parts:
    return Parts(DeadlyParser(), document_parts().sparse_encoder)


class EndlessParser(DocumentParser):
    """Does not come back from the page that says so."""

    def parse(self, source: SourceDocument) -> ParsedDocument:
        if source.uri == "endless.md":
            time.sleep(600)
        return document_parts().parser.parse(source)


def endless_parts() -> Parts:
    return Parts(EndlessParser(), document_parts().sparse_encoder)


@pytest.fixture(params=["memory", "processes"])
async def preparer(request: pytest.FixtureRequest) -> AsyncIterator[Preparer]:
    if request.param == "memory":
        yield InThreadPreparer(document_parts)
        return
    processes = ProcessPreparer(document_parts)
    yield processes
    await processes.close()


async def test_results_come_in_the_order_given(preparer: Preparer) -> None:
    given = [preparation(ordinal, f"# Page {ordinal}\n\nThe word of page {ordinal}.") for ordinal in (4, 0, 7, 2, 5)]

    done = await preparer.prepare(given)

    assert [one.ordinal for one in done] == [4, 0, 7, 2, 5]


async def test_documents_that_were_expected_come_through_like_others(preparer: Preparer) -> None:
    preparer.expect()
    preparer.expect()

    [one] = await preparer.prepare([preparation(3, "# Page\n\nThe word of the page.")])

    assert isinstance(one, PreparedDocument)
    assert one.activation.version.text == "Page\n\nThe word of the page."


async def test_what_is_prepared_is_the_same_in_this_process_and_in_another(preparer: Preparer) -> None:
    blocks = ("# Page", "One sentence.", "- an item", "## Section {#here}", "```\ncode\n```", "| a |\n|---|\n| 1 |")
    page = "\n\n".join(blocks)

    assert await preparer.prepare([preparation(0, page)]) == [prepare(preparation(0, page), document_parts())]


async def test_a_document_comes_back_with_an_input_a_hash_and_a_sparse_vector_for_each_passage(
    preparer: Preparer,
) -> None:
    [one] = await preparer.prepare([preparation(0, "# Page\n\nOne sentence.\n\n## Section\n\nAnother sentence.")])

    assert isinstance(one, PreparedDocument)
    assert one.outcome is Outcome.ADDED
    assert (one.activation.document.version, one.activation.document.updated_at) == ("v1", AT)
    passages = one.activation.version.passages
    assert [passage.text for passage in passages] == ["One sentence.", "Another sentence."]
    assert len(one.inputs) == len(one.hashes) == len(one.sparse) == len(passages)
    assert "Section" in one.inputs[1]


async def test_an_unreadable_document_is_named_and_the_others_come_through(preparer: Preparer) -> None:
    unclosed = "---\ntitle: [\n---\n\ntext"

    bad, empty, good = await preparer.prepare(
        [preparation(0, unclosed), preparation(1, " \n"), preparation(2, "Some text.")]
    )

    assert isinstance(bad, Unprepared)
    assert isinstance(empty, Unprepared)
    assert bad.outcome.error
    assert empty.outcome.error
    assert isinstance(good, PreparedDocument)


async def test_a_page_that_takes_its_process_with_it_costs_neither_the_service_nor_the_next_page() -> None:
    processes = ProcessPreparer(deadly_parts)
    try:
        with pytest.raises(PortUnavailable):
            await processes.prepare([preparation(0, "text", uri="deadly.md"), preparation(1, "text")])
        [good] = await processes.prepare([preparation(1, "Some text.")])
    finally:
        await processes.close()

    assert isinstance(good, PreparedDocument)


async def test_a_page_that_takes_too_long_is_cut_off_and_the_next_is_read() -> None:
    processes = ProcessPreparer(endless_parts)
    plenty_s = processes._time_limit_s
    try:
        await processes.open()
        # Both are there before the time is cut short: on a busy machine a process takes seconds to begin.
        await processes.prepare([preparation(0, "Some text."), preparation(1, "Some text.")])
        processes._time_limit_s = 1
        with pytest.raises(PortUnavailable, match="too much memory or time"):
            await processes.prepare([preparation(0, "text", uri="endless.md"), preparation(1, "text")])
        processes._time_limit_s = plenty_s
        [good] = await processes.prepare([preparation(1, "Some text.")])
    finally:
        await processes.close()

    assert isinstance(good, PreparedDocument)


@pytest.mark.parametrize("kind", [InThreadPreparer, ProcessPreparer])
async def test_a_document_of_more_passages_than_are_taken_fails_alone_and_says_what_to_do(
    kind: type[InThreadPreparer | ProcessPreparer],
) -> None:
    limits = DocumentLimits(passages=3)
    limited = kind(PartsWithin(limits))
    sections = [f"## Section {n}\n\nSentence {n}.\n\n" for n in range(4)]
    try:
        long, good = await limited.prepare([preparation(0, "".join(sections)), preparation(1, "".join(sections[:3]))])
    finally:
        if isinstance(limited, ProcessPreparer):
            await limited.close()

    assert isinstance(long, Unprepared)
    assert long.outcome.error == "it has 4 passages; split it: 3 are taken (IBID_MAX_PASSAGES)"
    assert isinstance(good, PreparedDocument)
    assert len(good.activation.version.passages) == 3
