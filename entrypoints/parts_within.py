"""What workers are given to make their parts by: a module of its own, as each of them imports it."""

from dataclasses import dataclass

from application.prepare_documents import Parts
from domain.library.ports import DocumentLimits


@dataclass(frozen=True, slots=True)
class PartsWithin:
    """Makes, in a worker process, what prepares documents within limits."""

    limits: DocumentLimits

    def __call__(self) -> Parts:
        from entrypoints.document_parts import document_parts

        return document_parts(self.limits)
