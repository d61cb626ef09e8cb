"""Reranking by shared words: crude, but what repeats the question comes first."""

import re
from collections.abc import Sequence
from typing import Final

from domain.retrieval.model import Ranked
from domain.retrieval.ports import Reranker

_WORD: Final = re.compile(r"\w+")


class WordOverlapReranker(Reranker):
    """A text's score is the share of the question's words that it holds."""

    @property
    def name(self) -> str:
        return "word-overlap"

    async def rerank(self, question: str, texts: Sequence[str], *, keep: int) -> Sequence[Ranked]:
        asked = set(_WORD.findall(question.casefold()))
        scores = [len(asked & set(_WORD.findall(text.casefold()))) / max(1, len(asked)) for text in texts]
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return [Ranked(place, scores[place]) for place in order[:keep]]
