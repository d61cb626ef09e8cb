"""The wire's short words, as a reader understands them."""

import sys
from pathlib import Path
from shutil import which
from typing import Final

VERDICTS: Final = {
    "partial": "only partly supported by its source",
    "unsupported": "not supported by its source",
    "uncited": "names no source",
}

ABSTENTIONS: Final = {
    "nothing_retrieved": "no passage of these documents matches the question",
    "insufficient_evidence": "passages come near the question, and none answers it",
    "verification_failed": "the answer that was written did not hold up against its sources",
}

RESETS: Final = {
    "model_failed": "the model broke off",
    "verification_failed": "it did not hold up against its sources",
}

DEGRADED: Final = {
    "rerank_skipped": "the passages were not reranked",
    "rerank_late": "the passages were not reranked: that took too long",
    "lexical_only": "passages were found by their words only, not by meaning",
    "dense_only": "passages were found by meaning only, not by their words",
    "fulltext_only": "the passage index did not answer; plain full-text search stood in for it",
    "rewrite_skipped": "the question was searched for as it stands, without what was said before",
    "model_unavailable": "no model answered; the best sentences are quoted instead",
    "model_quota": "the model's quota is used up; the best sentences are quoted instead",
    "embed_quota": "the embedding quota is used up",
    "rerank_quota": "the reranking quota is used up",
    "mixed_embedders": "some collections were searched by their words only",
    "history_trimmed": "the beginning of the conversation was left out",
    "evidence_trimmed": "some passages were left out for want of room",
}

NOTICES: Final = {
    "only_unreviewed_sources": "no source of this answer is peer-reviewed",
    "cites_unreviewed_source": "a source of this answer is not peer-reviewed",
    "verbatim_copy": "",  # footnotes show the quote: nothing a reader must be warned of
    "instruction_in_source": "a source holds instructions to the assistant; they were not followed",
}

ENDINGS: Final = {
    "cancelled": "the answer was cancelled",
    "interrupted": "the service stopped before the answer was complete",
    "failed": "the answer failed",
    "running": "the answer is still being written",
}


def program() -> str:
    """How a reader types this command: by its name where that is on the path, else by where it lies."""
    if which("ibid"):
        return "ibid"
    return str(Path(sys.argv[0])) if Path(sys.argv[0]).name == "ibid" else "ibid"
