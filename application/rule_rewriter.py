"""Follow-ups made to stand alone without a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.conversation.follow_up import standalone_question
from domain.conversation.model import Question
from domain.conversation.ports import QuestionRewriter, Rewritten
from domain.conversation.prompt import Exchange
from domain.text import Analyzer


@dataclass(frozen=True, slots=True)
class RuleRewriter(QuestionRewriter):
    """Raises nothing."""

    analyzer: Analyzer

    async def rewrite(self, question: Question, history: Sequence[Exchange], *, language: str) -> Rewritten:
        text = standalone_question(question.text, history, analyzer=self.analyzer, language=language)
        return Rewritten(text, carried=text != question.text)
