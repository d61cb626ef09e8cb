"""Words and sentences: the one place that says where they begin and end."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from domain.errors import BlankQuestion, ForbiddenCharacter, TextTooLong

UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
"""
The characters of scripts written without spaces, as a pattern has them between brackets: Thai, Lao, Burmese, Khmer,
kana, Han, hangul.
"""


class Span(NamedTuple):
    """A half-open range of Unicode code points of some text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


class Term(NamedTuple):
    """A content word of a text, reduced to what it is matched by, and where it stands."""

    stem: str
    start: int
    end: int


class Analyzer(Protocol):
    """Finds the words of a text that carry meaning; BM25, verdicts and abstention all count these same terms."""

    @abstractmethod
    def terms(self, text: str, *, language: str) -> Sequence[Term]:
        """
        The content terms of a text, in order, stop words left out; offsets are code points of ``text``.

        ``language`` is a two-letter ISO 639-1 code; one without a stemmer gives case-folded words. Pure: the same
        text always gives the same terms. An empty text gives none.
        """

    @abstractmethod
    def stems(self, text: str, *, language: str) -> Sequence[str]:
        """The stems of ``terms`` alone, in the same order: what counting needs, for a fraction of the time."""

    def stems_of_each(self, texts: Sequence[str], *, language: str) -> Sequence[Sequence[str]]:
        """``stems`` of several texts, such as the sentences of one, which an analyzer may find quicker together."""
        return [self.stems(text, language=language) for text in texts]


def clean_text(value: str, *, field: str, limit: int) -> str:
    """
    A caller's text, trimmed and checked: not blank, at most ``limit`` code points, nothing PostgreSQL cannot store.

    Raises BlankQuestion, TextTooLong or ForbiddenCharacter, each naming ``field``.
    """
    text = value.strip()
    if not text:
        raise BlankQuestion(field)
    if len(text) > limit:
        raise TextTooLong(field, limit=limit, actual=len(text))
    refuse_unstorable(text, field=field)
    return text


def refuse_unstorable(text: str, *, field: str) -> None:
    """Raise ForbiddenCharacter for NUL and lone surrogates, which PostgreSQL's text type has no form for."""
    if "\x00" in text:
        raise ForbiddenCharacter(field, "a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ForbiddenCharacter(field, "half of a surrogate pair") from error
