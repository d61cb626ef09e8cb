"""What writes answers, as the settings say."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.resilience.dependency import Dependencies
from application.model_answer import ModelDrafting
from application.model_costs import ModelCosts
from application.ports import AnswerWriter, Clock
from application.question_rewriting import ModelRewriter
from application.rule_rewriter import RuleRewriter
from application.writing import Drafting, SingleWriter
from domain.access.ports import ProviderBudgets
from domain.conversation.ports import ChatModel, QuestionRewriter
from domain.text import Analyzer
from entrypoints.model_settings import ModelSettings

if TYPE_CHECKING:
    from adapters.openrouter.chat_model import OpenRouterChatModel


def drafting_by(
    models: ModelSettings | None,
    chat_model: Callable[[], ChatModel],
    budgets: ProviderBudgets,
    writer: AnswerWriter,
    clock: Clock,
    costs: ModelCosts,
) -> Drafting:
    """Models where some are set, with ``writer`` when none of them answers; else ``writer`` alone."""
    if models is None:
        return SingleWriter(writer, clock)
    return ModelDrafting(
        chat_model=chat_model(),
        budgets=budgets,
        otherwise=writer,
        clock=clock,
        models=models.names,
        answer_tokens=models.answer_tokens,
        prompt_tokens=models.prompt_tokens,
        costs=costs,
    )


def rewriter_by(
    models: ModelSettings | None,
    chat_model: Callable[[], ChatModel],
    budgets: ProviderBudgets,
    analyzer: Analyzer,
    costs: ModelCosts,
) -> QuestionRewriter:
    """The first of the models, where some are set; rules otherwise, and where it does not answer."""
    rules = RuleRewriter(analyzer)
    return rules if models is None else ModelRewriter(chat_model(), budgets, rules, models.names[0], costs)


def openrouter(outside: Dependencies, models: ModelSettings) -> "OpenRouterChatModel":
    # Its client takes 15 MB and a tenth of a second to import: only who uses it pays for it.
    from adapters.openrouter.bodies import MaxPrice, ProviderPreferences
    from adapters.openrouter.chat_model import OpenRouterChatModel

    preferences = ProviderPreferences(
        data_collection="deny" if models.data_collection == "deny" else None,
        max_price=None if models.max_price is None else MaxPrice(*models.max_price),
    )
    key = None if models.key is None else models.key.reveal()
    return OpenRouterChatModel(outside, key, models.base_url, preferences)
