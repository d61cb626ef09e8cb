"""Who is asked about claims beside their words, as the settings say."""

from collections.abc import Callable

from application.judging import Judging
from application.model_costs import ModelCosts
from application.model_judge import ModelJudge
from application.rerank_verifier import RerankVerifier
from domain.access.ports import ProviderBudgets
from domain.conversation.ports import ChatModel
from domain.grounding.lexical import LexicalVerifier
from domain.retrieval.ports import Reranker
from domain.text import Analyzer
from entrypoints.settings import Settings


def judging_by(
    settings: Settings,
    analyzer: Analyzer,
    chat_model: Callable[[], ChatModel],
    reranker: Callable[[], Reranker | None],
    budgets: ProviderBudgets,
    costs: ModelCosts,
) -> Judging | None:
    """None: nobody. The first of the models judges unless another is named."""
    words, within_s = LexicalVerifier(analyzer), settings.judge_budget_ms / 1_000
    if settings.verifier == "model" and settings.models is not None:
        model = settings.judge_model or settings.models.names[0]
        return Judging(ModelJudge(words, chat_model(), budgets, model, costs, silent_s=within_s), within_s)
    if settings.verifier == "rerank" and (ranks := reranker()) is not None:
        return Judging(RerankVerifier(words, ranks), within_s)
    return None
