"""One call of one language model: what is sent, what comes back, how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.conversation.model import AttemptOutcome, Usage
from domain.quick_init import quick_init


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@quick_init
@dataclass(frozen=True, slots=True)
class ModelCall:
    """
    ``max_tokens`` bounds the reply; ``silent_s`` is how long the model may take to begin it.

    ``schema``: the reply is to be JSON of this JSON Schema. A model may ignore it, so the reply must be checked.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    silent_s: float = 20.0
    schema: Mapping[str, Any] | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class CallEnd:
    """
    How a call ended.

    ``stands``: the text is an answer, whole or cut at ``max_tokens``; else it is void. ``sent`` False: no call was
    made, because the provider is being left alone. ``usage`` None: the provider did not say, but may later, by
    ``call_id``. ``retryable``: the same model may succeed when asked again, after ``retry_after_s``.
    """

    outcome: AttemptOutcome
    stands: bool = False
    sent: bool = True
    usage: Usage | None = None
    call_id: str | None = None
    retryable: bool = False
    retry_after_s: float | None = None
