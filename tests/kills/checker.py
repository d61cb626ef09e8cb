"""Compares PostgreSQL and the passage index with the documents that were sent: whole, row by row and point by point."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.formats.by_format import FormatParser
from adapters.memory.analyzer import PlainAnalyzer
from adapters.memory.sparse_encoder import InMemorySparseEncoder
from adapters.neon.unit_of_work import NeonUnitOfWork
from application.ports import StagedDocument, UnitOfWorkFactory
from application.prepare_documents import Parts, Preparation, PreparedDocument, prepare
from domain.library.model import Document, DocumentVersion, SourceDocument
from domain.library.versions import version_of
from domain.retrieval.ports import PassageWriter

NOTHING_LEFT = {
    "passages on the list of those to be taken out": "SELECT count(*) FROM stale_passages",
    "jobs in the queue": "SELECT count(*) FROM pgqueuer",
    "ingestions that have not ended": "SELECT count(*) FROM ingestions WHERE status IN ('queued', 'running')",
    "documents that are still pending": "SELECT count(*) FROM ingestion_documents WHERE outcome = 'pending'",
    "documents that failed": "SELECT count(*) FROM ingestion_documents WHERE outcome = 'failed'",
    "sources that are kept though they are in": "SELECT count(*) FROM ingestion_documents WHERE source IS NOT NULL",
    "documents without a version": "SELECT count(*) FROM documents WHERE version IS NULL AND forgotten_at IS NULL",
    "active passages without their vector": """
        SELECT count(*)
        FROM documents JOIN passages ON document_id = documents.id AND passages.version = documents.version
        WHERE NOT EXISTS (SELECT FROM embeddings WHERE embeddings.input_hash = passages.input_hash)
    """,
}


async def differences(engine: AsyncEngine, index: PassageWriter, sent: Sequence[SourceDocument]) -> list[str]:
    """What is not as it would be had nothing been killed; nothing, when every document is there exactly once."""
    unit_of_work: UnitOfWorkFactory = partial(NeonUnitOfWork, engine)
    async with unit_of_work() as uow:
        held = await uow.documents.active(None, limit=100_000)
    found = _documents(held, sent)
    active = [passage.id for _, version in held for passage in version.passages]
    found += [f"the database holds passage {one} {times} times" for one, times in Counter(active).items() if times > 1]
    indexed = await _indexed(index)
    found += [f"the index gives passage {one} {times} times" for one, times in Counter(indexed).items() if times > 1]
    if missing := set(active) - set(indexed):
        found.append(f"the index lacks {len(missing)} passages")
    if orphans := set(indexed) - set(active):
        found.append(f"the index has {len(orphans)} passages too many")
    if (count := await index.count()) != len(set(active)):
        found.append(f"the index counts {count} passages of {len(set(active))}")
    async with engine.connect() as connection:
        for what, statement in NOTHING_LEFT.items():
            if left := (await connection.execute(text(statement))).scalar_one():
                found.append(f"{left} {what}")
    return found


def _documents(held: Sequence[tuple[Document, DocumentVersion]], sent: Sequence[SourceDocument]) -> list[str]:
    found = [f"{uri} is there {times} times" for uri, times in Counter(one.uri for one, _ in held).items() if times > 1]
    by_uri = {document.uri: (document, version) for document, version in held}
    wanted = {source.uri: source for source in sent}
    found += [f"{uri} is not there" for uri in sorted(wanted.keys() - by_uri.keys())]
    found += [f"{uri} was never sent" for uri in sorted(by_uri.keys() - wanted.keys())]
    parts = Parts(FormatParser(), InMemorySparseEncoder(PlainAnalyzer()))
    for uri in wanted.keys() & by_uri.keys():
        (document, version), source = by_uri[uri], wanted[uri]
        name, now = version_of(source, None), datetime.now(UTC)
        made = prepare(Preparation(StagedDocument(0, source), document, name, None, "en", now), parts)
        assert isinstance(made, PreparedDocument)
        if document.version != name:
            found.append(f"{uri} is not at the version that was sent")
        elif version.text != made.activation.version.text or list(version.passages) != list(
            made.activation.version.passages
        ):
            found.append(f"{uri} has not exactly its passages")
    return found


async def _indexed(index: PassageWriter) -> list[UUID]:
    found: list[UUID] = []
    after: UUID | None = None
    while True:
        ids, after = await index.ids(after, limit=2_000)
        found += ids
        if after is None:
            return found
