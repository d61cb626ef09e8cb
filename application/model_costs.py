"""What calls have cost, and what those probably did that nobody says it of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.conversation.calls import Message
from domain.conversation.model import Usage
from domain.conversation.tokens import estimated_tokens


@dataclass(slots=True)
class ModelCosts:
    """Remembers each model's price from the calls whose cost is known: USD a token, prompt and completion alike."""

    _usd_per_token: dict[str, float] = field(default_factory=dict)

    def known(self, model: str, usage: Usage) -> None:
        tokens = usage.prompt_tokens + usage.completion_tokens
        if tokens and not usage.cost_estimated:
            self._usd_per_token[model] = usage.cost_usd / tokens

    def estimate(self, model: str, messages: Sequence[Message], text: str) -> Usage:
        """Tokens by their characters, cost by the last price that was seen; 0 for a model not yet paid for."""
        prompt = sum(estimated_tokens(message.content) for message in messages)
        completion = estimated_tokens(text) if text else 0
        cost_usd = (prompt + completion) * self._usd_per_token.get(model, 0.0)
        return Usage(prompt, completion, round(cost_usd, 9), cost_estimated=True)
