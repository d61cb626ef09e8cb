"""A cited passage, or several taken together, made ready for comparing claims with it."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import Final, cast

from domain.grounding.instructions import asserting
from domain.grounding.letters import Letters
from domain.grounding.overlap import Unit, passage_of
from domain.text import UNSPACED, Analyzer, Term

_UNSPACED: Final = re.compile(f"[{UNSPACED}]")
_OTHERS: Final = bytes({*range(256)} - {0xE0, 0xE1, *range(0xE3, 0xF1)})
"""The bytes of UTF-8 that no letter of a script without spaces begins with."""
_CACHED_JOINED: Final = 256
"""Passages that are cited together."""


class Source:
    """
    ``units`` are the sentences that assert something, in order, and ``sentences`` their texts, ``text`` all of them:
    a question is no evidence for its answer, and an instruction none for what it wants to be said. ``stems`` are those
    of all their words, ``words`` says how many content words they have, and ``unsaid`` has the stems of each sentence
    that asks or instructs.
    """

    def __init__(
        self, units: Sequence[Unit], sentences: Sequence[str], unsaid: Sequence[frozenset[str]], stems: frozenset[str]
    ) -> None:
        self.units, self.sentences, self.unsaid, self.stems = units, sentences, unsaid, stems
        self.text = "\n".join(sentences)
        self.words = sum([unit.words for unit in units])
        self._letters = Letters(stems)

    def may_say(self, terms: Sequence[Term], text: str) -> bool:
        """
        Whether its passage, ``text``, may hold a claim of these terms word for word: it has to have all of its words.

        The first may be the number of a list's item, which is no word of the sentence; scripts without spaces are
        analysed in pairs that depend on what stands around.
        """
        if self.unsaid or all([stem in self.stems for stem, _, _ in terms[1:]]):  # noqa: C419 - speed
            return True
        return not text.isascii() and _may_be_unspaced(text) and _UNSPACED.search(text) is not None

    def share_held(self, stem: str) -> float:
        """How much of a word its words hold, letter by letter: 1 for a word of its own."""
        if stem in self.stems:
            return 1.0
        return self._letters.share_held(stem)

    def best_sentence(self, weights: Mapping[str, float]) -> int | None:
        """The place of the sentence that holds most of the weights; None when no sentence holds any."""
        best, found = 0.0, None
        wanted = weights.keys() & self.stems
        for place, unit in enumerate(self.units):
            held = wanted & unit.stems
            if held:
                worth = sum([weights[stem] for stem in held])
                if worth > best + 1e-9:
                    best, found = worth, place
        return found


def _may_be_unspaced(text: str) -> bool:
    """Whether any letter begins, in UTF-8, as those of scripts without spaces do: what is no other, in one sweep."""
    return bool(text.encode("utf-8", "surrogatepass").translate(None, _OTHERS))


def source_of(text: str, analyzer: Analyzer, language: str) -> Source:
    """A passage taken apart; remembered with it."""
    passage = passage_of(text, analyzer, language)
    if passage.source is None:
        passage.source = _source_of(text, passage.units, analyzer, language)
    return cast(Source, passage.source)


@lru_cache(maxsize=_CACHED_JOINED)
def _joined(sources: tuple[Source, ...]) -> Source:
    return Source(
        list(chain.from_iterable([source.units for source in sources])),
        list(chain.from_iterable([source.sentences for source in sources])),
        list(chain.from_iterable([source.unsaid for source in sources])),
        frozenset().union(*[source.stems for source in sources]),
    )


def _source_of(text: str, units: Sequence[Unit], analyzer: Analyzer, language: str) -> Source:
    sentences = [unit.span.of(text) for unit in units]
    unsaid: list[frozenset[str]] = []
    stems = frozenset().union(*[unit.stems for unit in units])
    kept = asserting(text, sentences, stems, analyzer, language)
    if not all(kept):
        unsaid = [unit.stems for unit, said in zip(units, kept, strict=True) if not said]
        units, sentences = tuple(compress(units, kept)), list(compress(sentences, kept))
        stems = frozenset().union(*[unit.stems for unit in units])
    return Source(units, sentences, unsaid, stems)


def joined(sources: Sequence[Source]) -> Source:
    """Several passages as one; a single one as it is. Remembers the latest."""
    return sources[0] if len(sources) == 1 else _joined(tuple(sources))
