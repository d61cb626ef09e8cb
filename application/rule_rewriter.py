"""Follow-ups made to stand alone without a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.conversation.follow_up import standalone_question
from domain.conversation.ports import QuestionRewriter
from domain.conversation.prompt import Exchange
from domain.text import Analyzer


@dataclass(frozen=True, slots=True)
class RuleRewriter(QuestionRewriter):
    analyzer: Analyzer

    async def rewrite(self, question: str, history: Sequence[Exchange], *, language: str) -> str:
        return standalone_question(question, history, analyzer=self.analyzer, language=language)
