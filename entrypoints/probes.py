"""What asks, on demand, whether parts answer that not every service has."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.resilience.dependency import Dependencies, Policy
from application.model_probe import ModelProbe
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall
from domain.conversation.ports import ChatModel
from entrypoints.model_settings import ModelSettings
from entrypoints.settings import Settings

if TYPE_CHECKING:
    from adapters.cohere.models_probe import CohereModelsProbe


def model_probe_by(
    models: ModelSettings | None, chat_model: Callable[[], ChatModel], budgets: ProviderBudgets
) -> ModelProbe:
    mend = "set OPENROUTER_API_KEY; where it is, check its credit, IBID_MODELS and IBID_DATA_COLLECTION"
    return ModelProbe(chat_model, budgets, () if models is None else models.names, mend)


def cohere_probe_by(settings: Settings, budgets: ProviderBudgets) -> "CohereModelsProbe":
    """Of the models that are in use: none without a key, and no reranker that nothing asks."""
    # Imported when a diagnosis asks: their client is loaded by those alone who call a service outside.
    from adapters.cohere.models_probe import PORT, TIMEOUT_S, CohereModelsProbe, WantedModel
    from adapters.resilience.metered import MeteredCalls

    def calls() -> MeteredCalls:
        asked = Dependencies().add(PORT, Policy(timeout_s=TIMEOUT_S, attempts=1))
        return MeteredCalls(asked, budgets, ProviderCall.INQUIRY)

    if settings.cohere_api_key is None:
        return CohereModelsProbe(settings.cohere_base_url, "", calls, (), mend="set COHERE_API_KEY")
    reindex = ", and run `ibid reindex` for each collection"
    wanted = [WantedModel(settings.embed_model, "embed", "IBID_EMBED_MODEL", reindex)]
    if settings.rerank_budget_ms or settings.verifier == "rerank":
        wanted.append(WantedModel(settings.rerank_model, "rerank", "IBID_RERANK_MODEL"))
    return CohereModelsProbe(settings.cohere_base_url, settings.cohere_api_key.reveal(), calls, tuple(wanted))
