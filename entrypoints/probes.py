"""What asks, on demand, whether parts answer that not every service has."""

from collections.abc import Callable

from application.model_probe import ModelProbe
from domain.access.ports import ProviderBudgets
from domain.conversation.ports import ChatModel
from entrypoints.model_settings import ModelSettings


def model_probe_by(
    models: ModelSettings | None, chat_model: Callable[[], ChatModel], budgets: ProviderBudgets
) -> ModelProbe:
    mend = "set OPENROUTER_API_KEY; where it is, check its credit, IBID_MODELS and IBID_DATA_COLLECTION"
    return ModelProbe(chat_model, budgets, () if models is None else models.names, mend)
