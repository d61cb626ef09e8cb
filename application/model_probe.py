"""Whether the first of the models answers."""

from collections.abc import Callable
from dataclasses import dataclass

from application.diagnose import Probe
from domain.access.ports import ProviderBudgets
from domain.access.quotas import ProviderCall
from domain.conversation.calls import Message, ModelCall, Role
from domain.conversation.ports import ChatModel
from domain.errors import PortUnavailable


@dataclass(frozen=True, slots=True)
class ModelProbe(Probe):
    """One call of a few tokens, which a plan counts like any other."""

    chat_model: Callable[[], ChatModel]
    budgets: ProviderBudgets
    models: tuple[str, ...]
    mend: str
    part: str = "models"

    async def ask(self) -> str | None:
        if not self.models:
            return None
        first = self.models[0]
        await self.budgets.reserve(ProviderCall.MODEL)
        call = ModelCall(first, (Message(Role.USER, "Answer with the word: yes"),), max_tokens=16)
        _, end = await self.chat_model().whole(call)
        if not end.sent:
            raise PortUnavailable(self.part, f"{first} is left alone for a while after it failed")
        if not end.stands:
            raise PortUnavailable(self.part, f"{first} was asked, and the outcome is {end.outcome.value}")
        return f"{first} answers" + (f", and {len(self.models) - 1} more are set" if len(self.models) > 1 else "")
