"""How an evaluation looks: a table for people, one JSON object for programs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import click

from domain.evaluation.bootstrap import Change
from domain.evaluation.scoring import Metric
from entrypoints.terminal.evaluation_run import P50, P95, Run
from entrypoints.terminal.text_flow import printable

SHOWN_FAILURES: Final = 10

Json: TypeAlias = Mapping[str, Any]

_WORDS: Final = {
    Metric.RECALL: "recall@{k}: relevant places found",
    Metric.NDCG: "nDCG@{k}: and how far up",
    Metric.MRR: "MRR@{k}: 1 / place of the first",
    Metric.CITATION_PRECISION: "cited places that are relevant",
    Metric.CITATION_RECALL: "relevant places that are cited",
    Metric.EXPECTED: "expected strings in the answer",
    Metric.SUPPORTED: "claims judged supported",
    Metric.VERDICT_PRECISION: "of these, citing a relevant place",
    Metric.VERDICT_RECALL: "of claims that do, judged supported",
    Metric.FALSE_REFUSAL: "answerable, but refused",
    Metric.MISSED_REFUSAL: "unanswerable, but answered",
    Metric.LATENCY: "mean wait for an answer, ms",
    Metric.TOKENS: "mean tokens of an answer",
    Metric.COST: "mean cost of an answer, USD",
}
CLAIM_FIGURES: Final = ("n", "auroc", "f1", "precision", "recall", "accuracy", "threshold", "ece")


def show_run(run: Run, changes: Mapping[Metric, Change]) -> None:
    """The table on standard output, what failed on standard error."""
    from rich.table import Table

    from entrypoints.terminal.rendering import open_console

    table = Table(title=f"{len(run.results)} questions in {run.seconds:.1f} s", title_justify="left")
    table.add_column("figure", no_wrap=True)
    if not changes:  # both would not fit 80 columns
        table.add_column("what it says")
    table.add_column("n", justify="right")
    table.add_column("value", justify="right")
    if changes:
        table.add_column("change", justify="right")
        table.add_column("95 in 100", justify="right", no_wrap=True)
    for metric, mean in run.means.items():
        means = (str(mean.n), _number(mean.value))
        if changes:
            table.add_row(metric.value, *means, *_changed(changes.get(metric)))
        else:
            table.add_row(metric.value, _WORDS[metric].format(k=run.k), *means)
    for name, words in ((P50, "half of the questions wait less, ms"), (P95, "19 of 20 questions wait less, ms")):
        if (wait := run.figures.get(name)) is not None:
            n = str(len(run.results) - len(run.failures))
            table.add_row(name, *(() if changes else (words,)), n, _number(wait))
    open_console().print(table)
    for result in run.failures[:SHOWN_FAILURES]:
        click.echo(printable(f"  failed: {result.gold.question}: {result.error}"), err=True)
    if (more := len(run.failures) - SHOWN_FAILURES) > 0:
        click.echo(f"  and {more:,} more; --json lists them all", err=True)


def run_json(run: Run, changes: Mapping[Metric, Change], missed: Sequence[str]) -> Json:
    against = {
        metric.value: {"change": round(one.mean, 6), "low": round(one.low, 6), "high": round(one.high, 6)}
        for metric, one in changes.items()
    }
    return {**run.as_json(), "against": against or None, "missed": list(missed)}


def show_claims(report: Json) -> None:
    for name in CLAIM_FIGURES:
        click.echo(f"{name:<10} {'-' if report[name] is None else _number(report[name])}")


def _changed(change: Change | None) -> tuple[str, str]:
    if change is None:
        return "", ""
    mark = " *" if change.certain else ""
    return f"{change.mean:+.3g}{mark}", f"{change.low:+.3g} to {change.high:+.3g}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
