"""``ibid eval --claims``: judge labelled claims with the shipped verifier, without a service."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from domain.evaluation.claims import claim_figures
from domain.grounding.calibration import SUPPORTED_CHANCE
from domain.grounding.ports import CitedText
from domain.grounding.verdicts import judgement
from entrypoints.containers import LiveAdapters
from entrypoints.terminal.evaluation import exit_code
from entrypoints.terminal.evaluation_run import Bar
from entrypoints.terminal.evaluation_view import CLAIM_FIGURES, show_claims
from entrypoints.terminal.gold_file import LabelledClaim, read_claims
from entrypoints.terminal.ingest_view import progress_bar
from entrypoints.terminal.rendering import print_json

THRESHOLD: Final = SUPPORTED_CHANCE
"""From here on the shipped verdict is ``supported``."""


def evaluate_claims(path: Path, *, least: Sequence[str], most: Sequence[str], as_json: bool) -> int:
    """Exit code: 0, or 3 when a bar was missed. Raises UsageError."""
    claims = read_claims(path)
    bars = [
        *(Bar.read(one, at_least=True, figures=CLAIM_FIGURES) for one in least),
        *(Bar.read(one, at_least=False, figures=CLAIM_FIGURES) for one in most),
    ]
    analyzer = LiveAdapters().analyzer()

    def best(claim: LabelledClaim) -> float:
        found = (judgement(claim.claim, [CitedText(text)], analyzer=analyzer, language="en") for text in claim.evidence)
        return max((one.score for one in found), default=0.0)

    scores = []
    with progress_bar(len(claims), doing="Judging", what="claims") as progress:
        for done, claim in enumerate(claims, start=1):
            scores.append(best(claim))
            progress(done)
    found = asdict(claim_figures(scores, [claim.label == "supported" for claim in claims], threshold=THRESHOLD))
    report = {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}
    missed = [line for bar in bars if (line := bar.missed(report)) is not None]
    if as_json:
        print_json({**report, "missed": missed})
    else:
        show_claims(report)
    return exit_code(missed)
