"""The JSON of chat completions, as OpenRouter and every server compatible with OpenAI's speak it; read tolerantly."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from domain.conversation.calls import ModelCall
from domain.conversation.model import Usage


class _JsonSchema(Struct):
    name: str
    schema: dict[str, Any]
    strict: bool = True


class _ResponseFormat(Struct):
    json_schema: _JsonSchema
    type: str = "json_schema"


class _Message(Struct):
    role: str
    content: str


class MaxPrice(Struct, frozen=True):
    """USD for a million tokens, as decimal text."""

    prompt: str
    completion: str


class ProviderPreferences(Struct, frozen=True, omit_defaults=True):
    """Which of a model's providers may be asked; servers other than OpenRouter ignore it, or are not sent it."""

    data_collection: str | None = None
    max_price: MaxPrice | None = None
    require_parameters: bool = False


class _StreamOptions(Struct):
    include_usage: bool = True


class RequestBody(Struct):
    model: str
    messages: list[_Message]
    max_tokens: int
    stream: bool
    stream_options: _StreamOptions | UnsetType = UNSET
    provider: ProviderPreferences | UnsetType = UNSET
    response_format: _ResponseFormat | UnsetType = UNSET


class ErrorBody(Struct):
    """``code`` is a number, a word, or missing; the message is never repeated to anybody."""

    message: str = ""
    code: int | str | None = None
    error_type: str | None = None
    http_status: int | None = None
    availability: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class _Text(Struct, gc=False):
    content: str | None = None


class Choice(Struct, gc=False):
    delta: _Text | None = None
    message: _Text | None = None
    finish_reason: str | None = None
    error: ErrorBody | None = None


class UsageBody(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def usage(self) -> Usage:
        """A server that names no cost, Ollama for one, has none."""
        return Usage(self.prompt_tokens, self.completion_tokens, self.cost or 0.0)


class ReplyBody(Struct, gc=False):
    """A whole reply, or one event of a stream; comes by the hundred, and is in no cycle with anything."""

    id: str | None = None
    choices: list[Choice] | None = None
    usage: UsageBody | None = None
    error: ErrorBody | None = None


class _Generation(Struct):
    total_cost: float = 0.0
    native_tokens_prompt: int | None = None
    native_tokens_completion: int | None = None
    tokens_prompt: int | None = None
    tokens_completion: int | None = None


class _GenerationBody(Struct):
    data: _Generation


REPLY: Final = msgspec.json.Decoder(ReplyBody)
_GENERATION: Final = msgspec.json.Decoder(_GenerationBody)
_ENCODER: Final = msgspec.json.Encoder()


def request_body(call: ModelCall, preferences: ProviderPreferences, *, stream: bool) -> bytes:
    body = RequestBody(
        call.model, [_Message(one.role.value, one.content) for one in call.messages], call.max_tokens, stream
    )
    if stream:
        body.stream_options = _StreamOptions()  # OpenRouter always counts; others count when asked
    if call.schema is not None:
        body.response_format = _ResponseFormat(_JsonSchema("reply", dict(call.schema)))
        preferences = msgspec.structs.replace(preferences, require_parameters=True)
    if preferences != ProviderPreferences():
        body.provider = preferences
    return _ENCODER.encode(body)


def read_generation(content: bytes) -> Usage:
    """What a generation has cost, in the provider's own tokens where it says them. Raises one of UNREADABLE."""
    one = _GENERATION.decode(content).data
    return Usage(
        one.native_tokens_prompt or one.tokens_prompt or 0,
        one.native_tokens_completion or one.tokens_completion or 0,
        one.total_cost,
    )
