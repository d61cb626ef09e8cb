"""What the worker processes' own preparer does besides preparing."""

from datetime import UTC, datetime
from uuid import UUID

from adapters.worker_processes.preparer import ProcessPreparer
from application.ports import StagedDocument
from application.prepare_documents import Preparation, PreparedDocument
from domain.library.model import Format, SourceDocument
from entrypoints.document_parts import document_parts
from tests.builders import a_document


class DriverId(UUID):
    """As a database driver has one of its own."""


def preparation(document_id: UUID) -> Preparation:
    staged = StagedDocument(0, SourceDocument("a.md", "Words.", Format.MARKDOWN))
    before = a_document(document_id=document_id, uri="a.md", version=None)
    return Preparation(staged, before, "v1", "https://x.test/", "en", datetime(2026, 11, 1, tzinfo=UTC))


async def test_a_driver_s_own_uuid_comes_back_as_python_s() -> None:
    preparer = ProcessPreparer(document_parts)
    try:
        [prepared] = await preparer.prepare([preparation(DriverId(int=7))])
    finally:
        await preparer.close()
    assert isinstance(prepared, PreparedDocument)
    assert type(prepared.activation.document.id) is UUID
    assert prepared.activation.document.id == UUID(int=7)
