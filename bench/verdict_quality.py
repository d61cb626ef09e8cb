"""
How well the shipped verifier judges claims, and how fast: ``python -m bench.verdict_quality``.

On the sets that its weights were learnt on, so the figures flatter it; ``bench.verdict_fit`` has what the same method
reaches on claims that were kept out. Times are CPU, of a claim against texts that were met before, as in an answer,
and against new ones, with Python's collector of garbage set as the service sets it.
"""

from collections import Counter
from statistics import median
from time import process_time

from bench.grounding_data import ANALYZER
from bench.verdict_data import Labelled, labelled_sets
from domain.evaluation.claims import claim_figures
from domain.grounding.calibration import SUPPORTED_CHANCE
from domain.grounding.ports import CitedText, Judgement
from domain.grounding.verdicts import judgement
from entrypoints.server import tune_the_interpreter


def best(one: Labelled) -> tuple[Judgement, float]:
    """The best judgement over a claim's texts, and the seconds of CPU that one text took."""
    began = process_time()
    found = [judgement(one.claim, [CitedText(text)], analyzer=ANALYZER, language="en") for text in one.texts]
    return max(found, key=lambda judged: judged.score), (process_time() - began) / len(found)


def main() -> None:
    sets = labelled_sets()
    tune_the_interpreter()
    took_s: list[float] = []
    for name, rows in sets.items():
        judged = [best(one) for one in rows]
        took_s += [seconds for _, seconds in judged]
        again = [
            best(Labelled(f"{one.claim} ", one.texts, one.supported))[1] for one in rows[:100] for _ in (best(one),)
        ]
        figures = claim_figures(
            [found.score for found, _ in judged], [one.supported for one in rows], threshold=SUPPORTED_CHANCE
        )
        print(
            f"{name:22} {figures.n:5} AUROC {figures.auroc:.3f}  F1 {figures.f1:.3f} (precision "
            f"{figures.precision:.3f}, recall {figures.recall:.3f})  calibration error {figures.ece:.3f}  "
            f"ms {median(seconds for _, seconds in judged) * 1e3:.2f} new, {median(again) * 1e3:.2f} known"
        )
        table = Counter((one.supported, found.verdict.value) for one, (found, _) in zip(rows, judged, strict=True))
        for (truth, verdict), count in sorted(table.items(), reverse=True):
            print(f"    {'supported' if truth else 'not supported':14} -> {verdict:12} {count}")
    print(
        f"all {len(took_s):,} claims, a text each that is new or was met in another set: {median(took_s) * 1e3:.2f} ms"
    )


if __name__ == "__main__":
    main()
