"""A run of an evaluation: its figures, what another run changed, the bars it must clear, and its file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
import msgspec

from domain.evaluation.bootstrap import Change, paired_change
from domain.evaluation.scoring import LOWER_IS_BETTER, Mean, Metric, means, percentile
from entrypoints.terminal.evaluating import Result

Json: TypeAlias = Mapping[str, Any]
P50: Final = "latency_ms_p50"
P95: Final = "latency_ms_p95"
FAILED: Final = "failed"
FIGURES: Final = (*(metric.value for metric in Metric), P50, P95, FAILED)


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure must not be below (``at_least``), or not above, a value."""

    figure: str
    value: float
    at_least: bool

    @staticmethod
    def read(text: str, *, at_least: bool, figures: Sequence[str] = FIGURES) -> "Bar":
        """From ``name=value``. Raises BadParameter."""
        name, _, value = text.partition("=")
        if name not in figures:
            raise click.BadParameter(f"{name!r} is no figure; there are {', '.join(figures)}")
        try:
            return Bar(name, float(value), at_least)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} must be a figure, '=' and a number") from error

    def missed(self, figures: Mapping[str, float | None]) -> str | None:
        """What to say when it is missed. A figure that no question has misses every bar: nothing was shown."""
        sign = "at least" if self.at_least else "at most"
        found = figures.get(self.figure)
        if found is None:
            return f"{self.figure} must be {sign} {self.value:g}, and nothing in the file measures it"
        if (found >= self.value) if self.at_least else (found <= self.value):
            return None
        return f"{self.figure} is {found:.4g}, and must be {sign} {self.value:g}"


class _SavedResult(msgspec.Struct):
    id: str
    scores: dict[str, float]


class _SavedRun(msgspec.Struct):
    k: int
    results: list[_SavedResult]


@dataclass(frozen=True, slots=True)
class Run:
    k: int
    results: Sequence[Result]
    seconds: float

    @property
    def means(self) -> Mapping[Metric, Mean]:
        return means([result.scores for result in self.results if result.error is None])

    @property
    def failures(self) -> Sequence[Result]:
        return [result for result in self.results if result.error is not None]

    @property
    def figures(self) -> dict[str, float | None]:
        """Every figure by the name that a bar knows it by."""
        figures: dict[str, float | None] = {name.value: round(mean.value, 6) for name, mean in self.means.items()}
        waits = [result.scores[Metric.LATENCY] for result in self.results if Metric.LATENCY in result.scores]
        if waits:
            figures |= {P50: round(percentile(waits, 0.5), 3), P95: round(percentile(waits, 0.95), 3)}
        return {**figures, FAILED: float(len(self.failures))}

    def as_json(self) -> dict[str, Any]:
        return {
            "n": len(self.results),
            "k": self.k,
            "seconds": round(self.seconds, 3),
            "metrics": self.figures,
            "counts": {metric.value: mean.n for metric, mean in self.means.items()},
            "results": [result.as_json() for result in self.results],
        }

    def changes(self, saved: "SavedRun") -> dict[Metric, Change]:
        """What changed since an earlier run, over the questions that both have a figure of."""
        found = {}
        for metric in Metric:
            pairs = [
                (saved.scores[result.gold.id][metric], result.scores[metric])
                for result in self.results
                if metric in result.scores and metric in saved.scores.get(result.gold.id, {})
            ]
            if pairs:
                found[metric] = paired_change([old for old, _ in pairs], [new for _, new in pairs])
        return found


@dataclass(frozen=True, slots=True)
class SavedRun:
    k: int
    scores: Mapping[str, Mapping[str, float]]


def save(run: Run, path: Path) -> None:
    """Raises ClickException."""
    try:
        path.write_text(json.dumps(run.as_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"the run cannot be saved to {path} ({error.strerror})") from error


def load(path: Path) -> SavedRun:
    """A run that ``save`` wrote. Raises UsageError."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_SavedRun)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{path} is no run that --save wrote: {error}") from error
    return SavedRun(saved.k, {result.id: result.scores for result in saved.results})


def worse(changes: Mapping[Metric, Change]) -> list[str]:
    """What surely got worse, in words."""
    return [
        f"{metric.value} is worse by {abs(change.mean):.4g} (95 in 100: {change.low:+.4g} to {change.high:+.4g})"
        for metric, change in changes.items()
        if metric is not Metric.LATENCY and change.certain and (change.mean > 0) == (metric in LOWER_IS_BETTER)
    ]
