"""Claims with the texts that they cite and whether these support them, from two public sets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.grounding_data import rows

WICE, CONTRADICTED, UNRELATED = "wice", "scifact, contradicted", "scifact, unrelated"
ASIDE, FOREIGN = "scifact, as long", "another's text"
TOGETHER, SENTENCES = "scifact, together", "scifact, sentences"
"""
WiCE's claims of Wikipedia against the chunks of web pages that hold most of their support; SciFact's claims against
their cited sentences, supporting or contradicting; its supported ones against each cited sentence and each other
sentence of the same abstract; the same with as many other sentences together as are cited together; claims of both
against what another claim cites.

Of SciFact's claims all that a text may be to them, at once: supporting, contradicting and unrelated runs of sentences;
and each cited sentence, supporting or contradicting, with as many others of the same abstract.
"""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A claim, the texts of which the best counts, and whether they support it."""

    claim: str
    texts: tuple[str, ...]
    supported: bool


def labelled_sets() -> dict[str, list[Labelled]]:
    wice, contradicted = _wice(), list(_contradicted())
    foreign = [*_exchanged(wice), *_exchanged(contradicted)]
    aside = list(_as_long())
    return {
        WICE: wice,
        TOGETHER: [*contradicted, *(one for one in aside if not one.supported)],
        SENTENCES: list(_sentences()),
        CONTRADICTED: contradicted,
        UNRELATED: list(_single()),
        ASIDE: aside,
        FOREIGN: foreign,
    }


def _exchanged(rows: Sequence[Labelled]) -> Iterator[Labelled]:
    """Each claim as it is, if supported, and against the texts of the claim half the set away."""
    for place, one in enumerate(rows):
        other = rows[(place + len(rows) // 2) % len(rows)]
        yield Labelled(one.claim, other.texts, supported=False)
        if one.supported:
            yield one


def _wice() -> list[Labelled]:
    chunks: dict[str, list[str]] = {}
    labels: dict[str, bool] = {}
    for row in rows("wice/oracle_chunks_claim_dev.jsonl"):
        chunks.setdefault(row["claim"], []).append(" ".join(row["evidence"]))
        labels[row["claim"]] = row["label"] == "supported"
    return [Labelled(claim, tuple(texts), labels[claim]) for claim, texts in chunks.items()]


@dataclass(frozen=True, slots=True)
class _Cited:
    """A claim, an abstract that it cites, and the runs of its sentences that bear on it."""

    claim: str
    supported: bool
    sentences: Sequence[str]
    cited: Sequence[Sequence[int]]

    @property
    def places(self) -> list[int]:
        return sorted({place for run in self.cited for place in run})

    @property
    def others(self) -> list[int]:
        used = set(self.places)
        return [place for place in range(len(self.sentences)) if place not in used]

    def text(self, places: Sequence[int]) -> str:
        return " ".join(self.sentences[place] for place in places)


def _cited() -> Iterator[_Cited]:
    abstracts: Mapping[str, Sequence[str]] = {str(row["_id"]): row["sentences"] for row in rows("scifact/corpus.jsonl")}
    for row in rows("scifact/claims_train.jsonl"):
        runs: dict[tuple[str, str], list[Sequence[int]]] = {}
        for piece in row["evidence"]:
            runs.setdefault((piece["doc_id"], piece["label"]), []).append(piece["sentences"])
        for (document, label), cited in runs.items():
            yield _Cited(row["claim"], label == "SUPPORT", abstracts[document], cited)


def _contradicted() -> Iterator[Labelled]:
    for one in _cited():
        yield Labelled(one.claim, tuple(one.text(run) for run in one.cited), one.supported)


def _single() -> Iterator[Labelled]:
    for one in filter(lambda cited: cited.supported, _cited()):
        for places, supported in ((one.places, True), (one.others, False)):
            yield from (Labelled(one.claim, (one.sentences[place],), supported) for place in places)


_STRIDE: Final = 7
"""Which of the other sentences stand against a run: every seventh, round and round, so that none is favoured."""


def _as_long() -> Iterator[Labelled]:
    at = 0
    for one in filter(lambda cited: cited.supported, _cited()):
        for run in one.cited:
            yield Labelled(one.claim, (one.text(run),), supported=True)
            others = one.others
            if len(others) >= len(run):
                at += _STRIDE
                yield Labelled(one.claim, (one.text(_chosen(others, at, len(run))),), supported=False)


def _sentences() -> Iterator[Labelled]:
    for at, one in enumerate(_cited(), start=1):
        for place in one.places:
            yield Labelled(one.claim, (one.sentences[place],), one.supported)
        for place in _chosen(one.others, at * _STRIDE, len(one.places)):
            yield Labelled(one.claim, (one.sentences[place],), supported=False)


def _chosen(places: Sequence[int], at: int, count: int) -> list[int]:
    """So many of the places, or all, from the one at ``at`` on, round and round."""
    return sorted({places[(at + step) % len(places)] for step in range(min(count, len(places)))})
