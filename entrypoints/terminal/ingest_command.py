"""``ibid ingest``: the documents below a path, or the pages of a site, into the service that there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from entrypoints.terminal.documents import read_documents
from entrypoints.terminal.find_service import find_service
from entrypoints.terminal.ingest_estimate import LARGE, Estimate, estimated, estimated_site, warn_of
from entrypoints.terminal.ingest_view import ingest_bar
from entrypoints.terminal.ingesting import IngestRequest, IngestSummary, ingest, ingest_site


def ingest_path(
    path: Path, request: IngestRequest, *, estimate: bool, asking: bool
) -> tuple[Estimate, IngestSummary | None]:
    """What it will buy, where that was asked; None for the rest when nothing else was. Raises a ClickException."""
    read = read_documents(path)
    found = Estimate("", buys=False)
    with find_service() as service:
        if estimate or len(read.documents) >= LARGE:
            found = estimated(service, request, read)
            if estimate:
                return found, None
            warn_of(found, asking=asking)
        with ingest_bar(len(read.documents) + len(read.failed)) as progress:
            return found, ingest(service, request, read, progress)


def estimate_url(location: str, request: IngestRequest, of_a_site: Mapping[str, Any]) -> Estimate:
    """What reading the site would take; nothing is ingested. Raises a ClickException."""
    with find_service() as service:
        return estimated_site(service, request, _source(location, **of_a_site))


def ingest_url(location: str, request: IngestRequest, of_a_site: Mapping[str, Any]) -> IngestSummary:
    """``of_a_site``: include, exclude, max_pages and max_depth as they were given. Raises a ClickException."""
    with find_service() as service, ingest_bar(None) as progress:
        return ingest_site(service, request, _source(location, **of_a_site), progress)


def _source(
    location: str,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    max_pages: int | None,
    max_depth: int | None,
) -> Mapping[str, Any]:
    """The site as the API takes it. A sitemap is known by its name, as ``sitemap.xml`` or ``sitemap-1.xml.gz``."""
    path = location.partition("?")[0].partition("#")[0].lower()
    kind = "sitemap" if path.endswith((".xml", ".xml.gz")) else "url"
    limits = {"max_pages": max_pages, "max_depth": max_depth}
    return {
        "type": kind,
        "location": location,
        "include": list(include),
        "exclude": list(exclude),
        **{name: value for name, value in limits.items() if value is not None},
    }
