"""Words as BM25, verdicts and abstention count them: found by pattern, case-folded, stemmed by Snowball."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from operator import itemgetter
from threading import Lock
from typing import Final, TypeAlias
from unicodedata import normalize

from Stemmer import Stemmer

from adapters.bm25.stop_words import STOP_WORDS
from domain.text import UNSPACED, Analyzer, Term

_SNOWBALL: Final = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "eo": "esperanto",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "cs": "czech", "fa": "persian", "st": "sesotho", "yi": "yiddish",
}  # fmt: skip

# Python's \w leaves out the vowel signs of Indic scripts and combining accents, which would cut words in pieces.
_LETTER: Final = r"[\w\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e]"
_WORD: Final = re.compile(rf"[A-Za-z](?:\+\+|\#)(?!\w)|{_LETTER}+(?:(?:[.'’]|(?<=\d),(?=\d\d\d(?!\d))){_LETTER}+)*")
_ASCII_WORD: Final = re.compile(r"[A-Za-z](?:\+\+|\#)(?!\w)|\w+(?:(?:[.']|(?<=\d),(?=\d\d\d(?!\d)))\w+)*", re.ASCII)
"""The same for text of nothing but ASCII."""
_UNSPACED: Final = re.compile(f"[{UNSPACED}]+")
_PART: Final = re.compile(rf"(?:(?!_){_LETTER})+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_IDENTIFIER_BORDER: Final = re.compile(rf"[._]+|{_HUMP.pattern}")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_AROUND: Final = ".,;:!?()[]{}<>\"'“”‘’«»*`$€£%&@=|~^/\\…—–\u200b"
"""What may stand around a plain word without changing what it is: no word begins or ends with any of these."""
_APART: Final = "".join(one if one.isalnum() or one in "_.',+#" else " " for one in map(chr, range(128)))
"""ASCII with blanks for all that is in no word of the pattern's and joins none: what stands between is words alone."""
_CACHED_WORDS: Final = 50_000
"""Some 18 MB a language when full; the 1.7 MB of the React Native documentation have 13,000 distinct words."""
_LONGEST_CACHED: Final = 40
_SHORTEST_PART: Final = 2
_SHORTEST_BESIDE_APOSTROPHE: Final = 3
"""Two letters or fewer are endings or articles: it's, we'll, l'index."""

_term: Final = partial(tuple.__new__, Term)
"""Term(*fields) without the call that a named tuple's constructor is in Python: half the time, for every word met."""

_Stems: TypeAlias = tuple[tuple[str, int, int], ...]
"""What a word stands for: stems with their offsets inside the word."""


class _Known(dict[str, tuple[str, ...]]):
    """What is found once and remembered; empties itself when full."""

    def _keep(self, word: str, stems: tuple[str, ...]) -> tuple[str, ...]:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        if len(word) <= _LONGEST_CACHED:
            self[word] = stems
        return stems


class _Plain(_Known):
    """The stem of each folded word of a language, none for a stop word."""

    def __init__(self, language: str) -> None:
        super().__init__()
        algorithm = _SNOWBALL.get(language)
        self._stemmer = Stemmer(algorithm, 0) if algorithm else None
        self._stop_words = STOP_WORDS.get(language, frozenset())
        self._lock = Lock()

    def __missing__(self, word: str) -> tuple[str, ...]:
        return self._keep(word, self.found(word))

    def found(self, word: str) -> tuple[str, ...]:
        """The same, and nothing is remembered."""
        if word in self._stop_words:
            return ()
        if self._stemmer is None:
            return (word,)
        with self._lock:  # a Snowball stemmer keeps state while it works, and ingestion analyses in threads
            return (self._stemmer.stemWord(word),)


class _Words(_Known):
    """The stems of a word that a pattern has found, in its pieces; ``other`` finds those of what is no identifier."""

    def __init__(self, plain: _Plain, other: Callable[[str], tuple[str, ...]]) -> None:
        super().__init__()
        self._plain, self._other = plain, other

    def __missing__(self, word: str) -> tuple[str, ...]:
        if not word.isascii() or "0" <= word[0] <= "9" or word[-1] in "+#" or "'" in word or "," in word:
            return self._keep(word, self._other(word))
        parts = [part for part in _IDENTIFIER_BORDER.split(word) if part]
        if not parts:
            return self._keep(word, ())
        if len(parts) == 1:
            return self._keep(word, self._plain[parts[0].lower()])
        stems = self._plain[word.strip("._").lower()]
        for part in parts:
            if len(part) >= _SHORTEST_PART and not part.isdigit():
                stems += self._plain[part.lower()]
        return self._keep(word, stems)


class _Tokens(_Known):
    """
    The stems of what stands between white space, most of which is a word with its punctuation.

    A new passage is made of tokens that were never met, so those that are simply built are taken apart without a
    pattern; ``other`` finds the stems of the rest.
    """

    def __init__(self, plain: _Plain, other: Callable[[str], tuple[str, ...]]) -> None:
        super().__init__()
        self._plain, self._found, self._other = plain, plain.found, other

    def __missing__(self, token: str) -> tuple[str, ...]:
        if token.isalpha() and token.islower() and token.isascii():  # nothing but a word: most of them
            stems = self._found(token)
            if len(self) >= _CACHED_WORDS or len(token) > _LONGEST_CACHED:
                return self._keep(token, stems)
            self[token] = stems
            return stems
        word = token.strip(_AROUND)
        if not word.isascii():
            return self._keep(token, self._other(token))
        if word.isalpha() and (word.islower() or word[1:].islower() or word.isupper()):
            return self._keep(token, self[word.lower()])
        found: tuple[str, ...] = ()
        for part in word.translate(_APART).split():  # nine-member, IL-6, and/or, the author's
            if part.isalnum():
                found += self._plain[part.lower()] if part.isdigit() or _is_one_piece(part) else self._of_humps(part)
            elif part.endswith("'s") and part[:-2].isalnum() and _is_one_piece(part[:-2]):
                if len(part) >= _SHORTEST_BESIDE_APOSTROPHE + 2:
                    found += self._plain[part[:-2].lower()]
            elif _is_decimal(part):
                found += self._plain[part]
            else:
                return self._keep(token, self._other(token))
        return self._keep(token, found)

    def _of_humps(self, word: str) -> tuple[str, ...]:
        """The stems of a word of letters and digits: of the whole, then of its humps where it has several."""
        found = self._plain[word.lower()]
        humps = _HUMP.split(word)
        for hump in humps if len(humps) > 1 else ():
            if len(hump) > 1 and not hump.isdigit():
                found += self._plain[hump.lower()]
        return found


class SnowballAnalyzer(Analyzer):
    """
    Identifiers count whole and in parts: ``useState`` also as ``use`` and ``state``, ``node_modules`` as ``node`` and
    ``modules``; numbers only whole, ``react-native`` as its two words: counting hyphenated words whole, too, cost nDCG
    on SciFact (docs/evaluation.md). Scripts without spaces count as pairs of characters.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, _Stems]] = {}
        self._tokens: dict[str, _Tokens] = {}
        self._plain: dict[str, _Plain] = {}

    def terms(self, text: str, *, language: str) -> Sequence[Term]:
        known = self._known.setdefault(language, {})
        terms: list[Term] = []
        at = 0
        for token in text.split():  # no word goes over white space
            start = text.index(token, at)
            at = start + len(token)
            stems = known.get(token)
            if stems is None:
                stems = self._learn_token(token, language)
            for stem, first, last in stems:
                terms.append(_term((stem, start + first, start + last)))
        return terms

    def stems(self, text: str, *, language: str) -> Sequence[str]:
        return self.stems_of_each([text], language=language)[0]

    def stems_of_each(self, texts: Sequence[str], *, language: str) -> Sequence[Sequence[str]]:
        # No word goes over white space, so that what stands between is looked up as it is, its punctuation included;
        # but for the commas and full stops before a blank, which belong to no word and would make two of each.
        stems = self._tokens_of(language).__getitem__
        return [
            list(chain.from_iterable(map(stems, text.replace(", ", " ").replace(". ", " ").split()))) for text in texts
        ]

    def _tokens_of(self, language: str) -> _Tokens:
        tokens = self._tokens.get(language)
        if tokens is None:
            tokens = self._tokens.setdefault(language, self._new_tokens(language))
        return tokens

    def _plain_of(self, language: str) -> _Plain:
        plain = self._plain.get(language)
        return self._plain.setdefault(language, _Plain(language)) if plain is None else plain

    def _new_tokens(self, language: str) -> _Tokens:
        plain = self._plain_of(language)
        words = _Words(plain, lambda word: tuple([stem for stem, _, _ in self._of_word(word, language)]))

        def stems_of(token: str) -> tuple[str, ...]:
            found = (_ASCII_WORD if token.isascii() else _WORD).findall(token)
            return words[found[0]] if len(found) == 1 else tuple(chain.from_iterable(map(words.__getitem__, found)))

        return _Tokens(plain, stems_of)

    def _of_word(self, word: str, language: str) -> _Stems:
        known = self._known.setdefault(language, {})
        stems = known.get(word)
        return self._learn(word, language) if stems is None else stems

    def _learn_token(self, token: str, language: str) -> _Stems:
        """What stands between white space: a word as it is, else the words in it with their places."""
        plain = token.strip(_AROUND)
        if plain.isascii() and plain.isalpha() and _is_whole(plain):
            start = token.index(plain)
            known = self._tokens_of(language)[plain.lower()]
            return self._remember(token, tuple([(stem, start, start + len(plain)) for stem in known]), language)
        found: list[tuple[str, int, int]] = []
        for match in _WORD.finditer(token):
            start = match.start()
            stems = self._of_word(match[0], language)
            if len(match[0]) == len(token):
                return stems
            found += [(stem, start + first, start + last) for stem, first, last in stems]
        return self._remember(token, tuple(found), language)

    def _learn(self, word: str, language: str) -> _Stems:
        plain = self._plain_of(language)
        learnt: _Stems
        if word.isascii() and word.isalpha() and _is_whole(word):
            learnt = tuple([(stem, 0, len(word)) for stem in plain[word.lower()]])  # most are nothing but themselves
        else:
            learnt = tuple(
                [
                    (stem, start, end)
                    for piece, start, end in _pieces(word)
                    for stem in plain[piece.lower() if piece.isascii() else normalize("NFKC", piece).casefold()]
                ]
            )
        return self._remember(word, learnt, language)

    def _remember(self, token: str, stems: _Stems, language: str) -> _Stems:
        known = self._known.setdefault(language, {})
        if len(known) >= _CACHED_WORDS:
            known.clear()
        if len(token) <= _LONGEST_CACHED:
            known[token] = stems
        return stems


def _is_whole(word: str) -> bool:
    """Whether a word of plain letters has no humps."""
    return word[1:].islower() or word.islower() or word.isupper()


def _is_one_piece(word: str) -> bool:
    """Whether a word of letters and digits has no humps, as far as a glance tells: p53, MUC1, but not H3K56."""
    if not word.isalpha():
        return not word.isdigit() and (word[1:].islower() or (word.isupper() and word.rstrip("0123456789").isalpha()))
    return _is_whole(word)


def _is_decimal(word: str) -> bool:
    whole, _, fraction = word.partition(".")
    return whole.isdigit() and fraction.isdigit()


def _pieces(word: str) -> Sequence[tuple[str, int, int]]:
    """What a word is counted as: pieces with their offsets, the whole first."""
    if _NUMBER.fullmatch(word):
        return ((word.replace(",", ""), 0, len(word)),)
    if word.isascii():
        return sorted(_spaced_pieces(word, 0, len(word)), key=itemgetter(1))
    unspaced = [match.span() for match in _UNSPACED.finditer(word)]
    pieces = [pair for start, end in unspaced for pair in _pairs(word, start, end)]
    for start, end in _between(unspaced, len(word)):
        pieces += _spaced_pieces(word, start, end)
    return sorted(pieces, key=itemgetter(1))  # stable: a whole word stays ahead of its first part


def _spaced_pieces(word: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    if word[end - 1] in "+#":
        yield word[start:end], start, end
        return
    parts = [part for match in _PART.finditer(word, start, end) for part in _humps(word, *match.span())]
    apostrophe = "'" in word or "’" in word
    if parts and not apostrophe:
        first, last = parts[0][0], parts[-1][1]
        yield word[first:last], first, last
    if len(parts) == 1 and not apostrophe:
        return
    shortest = _SHORTEST_BESIDE_APOSTROPHE if apostrophe else _SHORTEST_PART
    for first, last in parts:
        if last - first >= shortest and not word[first:last].isdigit():
            yield word[first:last], first, last


def _humps(word: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The humps of a camelCase part; one span when it has none."""
    inner = (match.start() for match in _HUMP.finditer(word, start, end))
    return pairwise((start, *(border for border in inner if start < border < end), end))


def _pairs(word: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    if end - start == 1:
        yield word[start:end], start, end
    for first in range(start, end - 1):
        yield word[first : first + 2], first, first + 2


def _between(spans: Sequence[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """What the spans leave of [0, length)."""
    place = 0
    for start, end in (*spans, (length, length)):
        if place < start:
            yield place, start
        place = end
