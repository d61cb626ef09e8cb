"""From a found passage to numbered evidence."""

from domain.grounding.model import CitedDocument, CitedSection, Evidence
from domain.library.urls import section_url
from domain.retrieval.model import FoundPassage


def as_evidence(number: int, found: FoundPassage, *, score: float) -> Evidence:
    """Evidence ``number`` (from 1); it freezes what the document said of itself at this moment."""
    document, section, passage = found.source.document, found.source.section, found.source.passage
    return Evidence(
        n=number,
        passage_id=passage.id,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        score=round(score, 4),
        document=CitedDocument(
            id=document.id,
            version=document.version or "",
            collection=document.collection,
            uri=document.uri,
            title=document.title,
            url=document.url,
            peer_reviewed=document.peer_reviewed,
            metadata=document.metadata,
        ),
        section=CitedSection(
            heading_path=section.heading_path,
            anchor=section.anchor,
            page=section.page,
            url=section_url(document.url, section.anchor, section.page),
        ),
    )
