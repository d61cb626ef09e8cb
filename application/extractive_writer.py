"""The answer without a model: the best sentences of the evidence, quoted and cited."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from application.ports import AnswerWriter
from domain.conversation.extractive import extractive_answer
from domain.conversation.model import Question
from domain.grounding.model import Evidence
from domain.text import Analyzer


@dataclass(frozen=True, slots=True)
class ExtractiveWriter(AnswerWriter):
    analyzer: Analyzer

    @property
    def name(self) -> str:
        return "extractive"

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        for piece in extractive_answer(question.text, evidence, analyzer=self.analyzer, language=language):
            yield piece
