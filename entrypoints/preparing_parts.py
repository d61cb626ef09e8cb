"""What prepares documents, as the settings say: in processes that alone import the parsers."""

from dataclasses import dataclass
from typing import Final

from adapters.worker_processes.preparer import ProcessPreparer
from application.prepare_documents import Parts
from domain.library.ports import DocumentLimits
from entrypoints.settings import Settings

PARSERS: Final = "entrypoints.document_parts"
"""The module that knows them: it takes a third of a second to import, and the service itself never parses."""


@dataclass(frozen=True, slots=True)
class PartsWithin:
    """Makes, in a worker process, what prepares documents within limits."""

    limits: DocumentLimits

    def __call__(self) -> Parts:
        from entrypoints.document_parts import document_parts

        return document_parts(self.limits)


def preparer(settings: Settings) -> ProcessPreparer:
    limits = DocumentLimits(settings.max_blocks, settings.max_pdf_pages, settings.max_passages)
    return ProcessPreparer(PartsWithin(limits), preload=PARSERS, time_limit_s=settings.parse_seconds)
