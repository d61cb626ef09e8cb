"""Passages that say the same again, found by the runs of words that they share."""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from math import inf
from typing import Final, NamedTuple

from domain.retrieval.model import FoundPassage

SHARED: Final = 0.8
"""Of the shorter passage's runs of words: a copied page with its version number changed stays well above."""
_CACHED_PASSAGES: Final = 1_024
_LONGEST_KEPT: Final = 8_000
"""Some 7 MB: what one question finds, others find as well. A row of a table is never cut, and may be of any length."""
_KEPT_PAIRS: Final = 4_096
"""Some 1 MB, as pairs of digests: what one question finds together, others do."""
_RUN: Final = 4
_WORD: Final = re.compile(r"\w+")
_PLAIN: Final = "".join(chr(code).lower() if _WORD.match(chr(code)) else " " for code in range(128)).ljust(256).encode()
"""Small letters, and blanks for all that stands between words: most texts are ASCII, and need no pattern."""


def drop_near_duplicates(
    passages: Sequence[FoundPassage], *, keep: int | None = None, shared: float = SHARED
) -> list[FoundPassage]:
    """
    The first ``keep`` passages (all, without it) that repeat no earlier, so better, one; order is kept.

    One repeats another when at least ``shared`` of the distinct four-word runs of the shorter stand in the longer too
    (containment; Broder, On the Resemblance and Containment of Documents, 1997). Passages of fewer than four words
    repeat only their equals.
    """
    kept: list[FoundPassage] = []
    earlier: list[_Words] = []
    met: set[str] = set()
    fewest = inf
    for passage in passages:
        if len(kept) == keep:
            break
        words = _words_of(passage.source.passage.text, shared)
        distinct = words.distinct
        met_before = len(met)
        met |= distinct
        in_common = len(distinct) - (len(met) - met_before)
        # Most have too few words in common even with all earlier ones together, and need no closer look.
        if in_common >= min(words.least, fewest) and any(
            _repeats(words, one, shared) for one in earlier if in_common >= min(words.least, one.least)
        ):
            continue
        fewest = min(fewest, words.least)
        earlier.append(words)
        kept.append(passage)
    return kept


def _words_of(text: str, shared: float) -> "_Words":
    return _kept_words(text, shared) if len(text) <= _LONGEST_KEPT else _words_made(text, shared)


def _words_made(text: str, shared: float) -> "_Words":
    found = _words(text)
    distinct = frozenset(found)
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return _Words(text, digest, distinct, _least_in_both(found, distinct, shared))


_kept_words: Final = lru_cache(maxsize=_CACHED_PASSAGES)(_words_made)


def _words(text: str) -> Sequence[str]:
    return text.encode().translate(_PLAIN).decode().split() if text.isascii() else _WORD.findall(text.casefold())


class _Words(NamedTuple):
    text: str
    digest: bytes
    distinct: frozenset[str]
    least: float
    """How many of the distinct ones another text must have to repeat this one."""


def _repeats(words: _Words, earlier: _Words, shared: float) -> bool:
    if len(words.distinct & earlier.distinct) < min(words.least, earlier.least):
        return False
    pair = (min(words.digest, earlier.digest), max(words.digest, earlier.digest), shared)
    if (verdict := _kept_verdicts.get(pair)) is None:
        if len(_kept_verdicts) >= _KEPT_PAIRS:
            _kept_verdicts.clear()
        verdict = _kept_verdicts[pair] = _share_runs(words.text, earlier.text, shared)
    return verdict


_kept_verdicts: Final[dict[tuple[bytes, bytes, float], bool]] = {}


def _share_runs(one: str, other: str, shared: float) -> bool:
    runs, of_other = _runs(_words(one)), _runs(_words(other))
    return len(runs & of_other) >= shared * min(len(runs), len(of_other))


def _least_in_both(words: Sequence[str], distinct: frozenset[str], shared: float) -> float:
    """
    How many of a text's words another must have to hold ``shared`` of its runs.

    Each missing word but the last three begins a run that is missing, and no two begin the same one.
    """
    return len(distinct) - (1 - shared) * max(len(words) - _RUN + 1, 1) - (_RUN - 1)


def _runs(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    if len(words) < _RUN:
        return frozenset([tuple(words)])
    return frozenset(zip(*(words[first:] for first in range(_RUN)), strict=False))
