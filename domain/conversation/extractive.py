"""An answer made of the evidence's own sentences, quoted and cited; no word of it is invented."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from domain.conversation.candidates import Candidates, Sentence
from domain.conversation.quotable import CODE, ENDS
from domain.grounding.claims import is_claim
from domain.grounding.instructions import instructs
from domain.grounding.kinship import akin
from domain.grounding.model import Evidence, Verdict
from domain.grounding.reader import AnswerReader
from domain.grounding.tables import cells_of
from domain.grounding.verdicts import adds_nothing, judge
from domain.text import Analyzer

MAX_SENTENCES: Final = 3
_MAX_LIST_ITEMS: Final = 6
_MOST_OTHERS: Final = 2
_SAME: Final = 0.8
"""Share of content words in common from which on two sentences say the same."""
_REDUNDANCY: Final = 0.4
"""What likeness to a picked sentence costs: maximal marginal relevance (Carbonell & Goldstein 1998), lambda 0.71."""


def extractive_answer(
    question: str, evidence: Sequence[Evidence], *, analyzer: Analyzer, language: str
) -> Iterator[str]:
    """
    The pieces of an answer: the one to three sentences that answer best, each as ``“sentence” [n]``, verbatim; other
    pieces that have the very sentence are cited beside it. A table row comes below the names of its columns, its cells
    quoted one by one: ``| “cell” | “cell” [n] |``.

    A sentence that leans on the one before it ("This ...") brings it along; one that ends in a colon brings the code
    fence or the list items that follow it. The source's own bracketed numbers are left out, for they would be read as
    markers. Yields nothing when no sentence is good enough. Every claim of the answer is judged ``supported``.
    """
    candidates = Candidates(question, evidence, akin(question, analyzer, language), language)
    quoter = _Quoter(candidates, evidence, analyzer, language)
    before: Sentence | None = None
    for sentence in quoter.chosen():
        yield _gap(before, sentence) + sentence.written((sentence.piece.n, *quoter.said_by_others(sentence)))
        before = sentence
        if fence := quoter.fence_after(sentence):
            yield f"\n\n{fence}"


def _gap(before: Sentence | None, sentence: Sentence) -> str:
    bullet = "- " if sentence.is_item else ""
    if sentence.head is not None:
        if before is not None and before.head == sentence.head and before.piece.n == sentence.piece.n:
            return "\n"
        head = "\n".join((sentence.head, f"|{' --- |' * len(cells_of(sentence.head))}", ""))
        return head if before is None else f"\n\n{head}"
    if before is None:
        return bullet
    if before.head is not None:
        return "\n\n" + bullet
    if bullet:
        return ("\n" if before.is_item else "\n\n") + bullet
    adjoining = before.piece.n == sentence.piece.n and not before.is_item
    return " " if adjoining and ENDS.search(before.quoted) else "\n\n"


class _Quoter:
    """Picks the sentences to quote out of the candidates."""

    def __init__(self, candidates: Candidates, evidence: Sequence[Evidence], analyzer: Analyzer, language: str) -> None:
        self._candidates, self._evidence, self._analyzer, self._language = candidates, evidence, analyzer, language

    def chosen(self) -> list[Sentence]:
        """The sentences to quote in reading order: passages by their best sentence, each in its own order."""
        waiting = sorted(self._candidates, key=lambda sentence: -sentence.worth)
        picked: list[Sentence] = []
        while waiting and len(picked) < MAX_SENTENCES:
            best = max(waiting, key=lambda sentence: _marginal(sentence, picked))
            if picked and not self._keeps_up(best, picked):
                break
            waiting.remove(best)
            if self._holds(best):
                picked.append(best)
        ranks = {sentence.piece.n: rank for rank, sentence in reversed(list(enumerate(picked)))}
        whole = {(s.piece.n, s.place): s for sentence in picked for s in self._with_company(sentence)}
        return sorted(whole.values(), key=lambda sentence: (ranks[sentence.piece.n], sentence.place))

    def _keeps_up(self, sentence: Sentence, picked: Sequence[Sentence]) -> bool:
        """Whether one more sentence is nearly as good; beside the definition asked for, it has to define as well."""
        fits = self._candidates.defines(sentence) or not self._candidates.defines(picked[0])
        return fits and _marginal(sentence, picked) >= self._candidates.keep_up * picked[0].worth

    def said_by_others(self, sentence: Sentence) -> list[int]:
        """The next pieces, two at most, that have the very sentence: what was asked may be about one of them."""
        if sentence.head is not None:
            return []  # the same cells say something else below another heading
        others = (
            piece.n
            for piece in self._evidence
            if piece.n != sentence.piece.n and sentence.quoted in piece.text and self._has(piece, sentence.quoted)
        )
        return list(islice(others, _MOST_OTHERS))

    def _has(self, piece: Evidence, quoted: str) -> bool:
        """Whether it is a whole sentence there, too."""
        return any(self._candidates.text_at(piece, place) == quoted for place in range(self._candidates.count(piece)))

    def fence_after(self, sentence: Sentence) -> str:
        """The code fence that a sentence ending in a colon announces, "" when there is none."""
        if not sentence.announces:
            return ""
        following = self._candidates.text_at(sentence.piece, sentence.place + 1)
        closed = following.count("\n") and following.rstrip().endswith(CODE)
        return following if following.startswith(CODE) and closed else ""

    def _with_company(self, sentence: Sentence) -> Iterator[Sentence]:
        """The sentence, the one before it that it leans on, and the list that it announces."""
        if sentence.place and sentence.leans and not sentence.is_item:
            yield from self._beside(sentence, sentence.place - 1)
        yield sentence
        if self._candidates.is_short_reply(sentence) and self._candidates.count(sentence.piece) > 1:
            yield from self._beside(sentence, 1)
        if not sentence.announces and not self._candidates.opens_list(sentence):
            return
        last = min(sentence.place + 1 + _MAX_LIST_ITEMS, self._candidates.count(sentence.piece))
        for place in range(sentence.place + 1, last):
            items = [item for item in self._beside(sentence, place) if item.is_item]
            if not items:
                break
            yield from items

    def _beside(self, sentence: Sentence, place: int) -> Iterator[Sentence]:
        """The sentence at another place of the same passage, if it may be quoted."""
        other = self._candidates.sentence(sentence.piece, place, sentence.worth)
        if self._candidates.is_quotable(sentence.piece, place, listed=place > sentence.place) and self._holds(other):
            yield other

    def _holds(self, sentence: Sentence) -> bool:
        """Whether the quotation reads back as one sentence that its passage supports, word for word."""
        if sentence.head is not None and not self._heads(sentence.head, sentence.piece):
            return False
        reader = AnswerReader(sentence.piece.n)
        written = sentence.written([sentence.piece.n])
        sentences = (*reader.feed(written).sentences, *reader.finish().sentences)
        if len(sentences) != 1 or reader.text != written:
            return False
        claim = judge(sentences[0], 0, [sentence.piece], analyzer=self._analyzer, language=self._language)
        return claim is not None and claim.verdict is Verdict.SUPPORTED

    def _heads(self, head: str, piece: Evidence) -> bool:
        """
        Whether the names of a table's columns only name: they cite nothing, tell whoever answers nothing to do, and
        are passed on where unsupported sentences are held back. A row is nothing without them.
        """
        if any(map(instructs, cells_of(head))):
            return False
        reader = AnswerReader(len(self._evidence))
        sentences = (*reader.feed(head).sentences, *reader.finish().sentences)
        return reader.text == head and all(
            not is_claim(one.text, language=self._language)
            and adds_nothing(one.text, [piece.text], analyzer=self._analyzer, language=self._language)
            for one in sentences
        )


def _marginal(sentence: Sentence, picked: Sequence[Sentence]) -> float:
    """Worth less the likeness to what is picked already, by the share of content words in common."""
    stems = sentence.unit.stems
    likeness = max((len(stems & other.unit.stems) / len(stems | other.unit.stems) for other in picked), default=0.0)
    return sentence.worth - _REDUNDANCY * likeness if likeness < _SAME else 0.0
