"""A cited passage, or several taken together, made ready for comparing claims with it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final, cast

from domain.grounding.instructions import asserts
from domain.grounding.letters import triples_of_all
from domain.grounding.overlap import Unit, units_of
from domain.text import Analyzer

_CACHED_PASSAGES: Final = 256
"""The cited passages of some dozens of running answers, at some 40 KB each."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    ``units`` are the sentences that assert something, in order, and ``sentences`` their texts, ``text`` all of them:
    a question is no evidence for its answer, and an instruction none for what it wants to be said. ``stems`` and
    ``triples`` are those of all their words, ``words`` says how many content words they have.
    """

    text: str
    units: tuple[Unit, ...]
    sentences: tuple[str, ...]
    stems: frozenset[str]
    triples: frozenset[str]
    words: int
    unsaid: tuple[frozenset[str], ...]
    """The stems of each sentence that asks or instructs."""

    def best_sentence(self, weights: Mapping[str, float]) -> int | None:
        """The place of the sentence that holds most of the weights; None when no sentence holds any."""
        best, found = 0.0, None
        wanted = weights.keys()
        for place, unit in enumerate(self.units):
            held = wanted & unit.stems
            if held:
                worth = sum([weights[stem] for stem in held])
                if worth > best + 1e-9:
                    best, found = worth, place
        return found


def source_of(text: str, analyzer: Analyzer, language: str) -> Source:
    """A passage taken apart; remembers the latest."""
    return _source_of(text, cast(Hashable, analyzer), language)


@lru_cache(maxsize=_CACHED_PASSAGES)
def _source_of(text: str, remembered: Hashable, language: str) -> Source:
    everything = units_of(text, cast(Analyzer, remembered), language)
    units = tuple(unit for unit in everything if asserts(unit.span.of(text)))
    sentences = tuple(unit.span.of(text) for unit in units)
    stems = frozenset().union(*(unit.stems for unit in units))
    return Source(
        text="\n".join(sentences),
        units=units,
        sentences=sentences,
        stems=stems,
        triples=triples_of_all(stems),
        words=sum(len(unit.terms) for unit in units),
        unsaid=tuple(unit.stems for unit in everything if not asserts(unit.span.of(text))),
    )


def joined(sources: Sequence[Source]) -> Source:
    """Several passages as one; a single one as it is."""
    if len(sources) == 1:
        return sources[0]
    return Source(
        text="\n".join(source.text for source in sources),
        units=tuple(chain.from_iterable(source.units for source in sources)),
        sentences=tuple(chain.from_iterable(source.sentences for source in sources)),
        stems=frozenset().union(*(source.stems for source in sources)),
        triples=frozenset().union(*(source.triples for source in sources)),
        words=sum(source.words for source in sources),
        unsaid=tuple(chain.from_iterable(source.unsaid for source in sources)),
    )
