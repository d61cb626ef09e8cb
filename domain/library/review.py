"""Whether a document says of itself that it was peer-reviewed."""

import re
from collections.abc import Mapping
from typing import Any, Final

_DOI: Final = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9})/\S+\Z", re.IGNORECASE)
_WORDS: Final = {"true": True, "yes": True, "false": False, "no": False}
# arXiv, bioRxiv and medRxiv (and some journals of their publisher), SSRN, Zenodo, PsyArXiv, OSF, Preprints.org,
# Research Square, ChemRxiv, TechRxiv, figshare. Source: the registration agencies' prefixes, read 2026-11.
_PREPRINTS: Final = frozenset(
    ("10.48550", "10.1101", "10.2139", "10.5281", "10.31234", "10.31219", "10.20944", "10.21203", "10.26434",
     "10.36227", "10.6084")
)  # fmt: skip


def peer_reviewed(metadata: Mapping[str, Any]) -> bool | None:
    """
    What ``peer_reviewed`` says; without it, True for a DOI with a venue; None: unknown.

    Preprint servers give DOIs to anything and call themselves the venue, so theirs say nothing.
    """
    said = metadata.get("peer_reviewed")
    if isinstance(said, bool):
        return said
    if isinstance(said, str) and said.strip().lower() in _WORDS:
        return _WORDS[said.strip().lower()]
    doi, venue = metadata.get("doi"), metadata.get("venue")
    if not isinstance(doi, str) or not isinstance(venue, str) or not venue.strip():
        return None
    found = _DOI.match(doi.strip())
    return True if found and found[1] not in _PREPRINTS else None
