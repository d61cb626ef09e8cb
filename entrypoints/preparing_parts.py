"""What prepares documents, as the settings say: in processes that alone import the parsers."""

from typing import Final

from adapters.worker_processes.preparer import ProcessPreparer
from domain.library.ports import DocumentLimits
from entrypoints.parts_within import PartsWithin
from entrypoints.settings import Settings

PARSERS: Final = "entrypoints.document_parts"
"""The module that knows them: it takes a third of a second to import, and the service itself never parses."""
_COMMANDS: Final = "entrypoints.terminal.document_commands"
"""A worker runs its service's main module once more, as multiprocessing has it; what that imports is there by then."""


def preparer(settings: Settings) -> ProcessPreparer:
    limits = DocumentLimits(settings.max_blocks, settings.max_pdf_pages, settings.max_passages)
    return ProcessPreparer(PartsWithin(limits), preload=(PARSERS, _COMMANDS), time_limit_s=settings.parse_seconds)
