"""Models of OpenRouter, or of any server that is compatible with OpenAI's chat completions."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from adapters.openrouter.bodies import ProviderPreferences, read_generation, request_body
from adapters.openrouter.reading import Reading
from adapters.openrouter.refusals import PORT, refusal
from adapters.openrouter.silence import Silence
from adapters.resilience.dependency import Dependencies, Dependency, Policy
from adapters.resilience.http_client import JsonPosts, StreamedReply, http_client, translated
from adapters.resilience.unreadable import UNREADABLE
from domain.conversation.calls import CallEnd, ModelCall
from domain.conversation.model import Usage
from domain.conversation.ports import ChatModel
from domain.errors import PortError, PortReplyInvalid

DEFAULT_BASE_URL: Final = "https://openrouter.ai/api/v1"
MAX_WHOLE_BYTES: Final = 8 * 1024 * 1024
_MAX_REFUSAL_BYTES: Final = 64 * 1024
_AFTERWORD_S: Final = 2.0
"""After a text's last word, what is waited for the usage."""
_GENERATION_ID: Final = "x-generation-id"

_log = logging.getLogger("ibid.openrouter")


@dataclass(frozen=True, slots=True)
class Patience:
    """
    Seconds: between two events of a stream (comments are none), for one call in all, for asking what one has cost.

    Source of the first two: wire notes 1.5 (2026-11); how long a call may take to begin comes with the call.
    """

    idle_s: float = 20.0
    total_s: float = 120.0
    spent_s: float = 2.0
    spent_again_s: float = 0.3


@dataclass(slots=True)
class OpenRouterChatModel(ChatModel):
    """``width``: calls of one model at once. ``key`` None: a server that asks for none."""

    outside: Dependencies
    key: str | None = field(default=None, repr=False)
    base_url: str = DEFAULT_BASE_URL
    preferences: ProviderPreferences = field(default_factory=ProviderPreferences)
    patience: Patience = field(default_factory=Patience)
    width: int = 2_000
    _posts: JsonPosts = field(init=False, repr=False)
    _client: httpx.AsyncClient = field(init=False, repr=False)
    """Asks what a call has cost, where its stream did not say."""

    def __post_init__(self) -> None:
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if self.key is not None:
            headers["authorization"] = f"Bearer {self.key}"
        self._posts = JsonPosts(self.base_url, headers=headers)
        self._client = http_client(self.base_url, headers=headers)

    async def close(self) -> None:
        await self._posts.aclose()
        await self._client.aclose()

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | CallEnd, None]:
        reading = Reading(call.max_tokens)
        try:
            async with self._of(call.model).attempt(self.patience.total_s), self._sent(call, reading) as response:
                if _is_json(response):
                    if text := reading.add_whole(await _bounded(response, MAX_WHOLE_BYTES)):
                        yield text
                else:
                    while part := await response.part():  # no generator between: it would be one more step a read
                        if text := reading.add(part):
                            yield text
                            response.rest()
                        if reading.over:
                            break
                reading.finish()
        except PortError as error:
            reading.failed(error)
        yield reading.end

    async def whole(self, call: ModelCall) -> tuple[str, CallEnd]:
        reading, text = Reading(call.max_tokens), ""
        try:
            async with (
                self._of(call.model).attempt(self.patience.total_s),
                self._sent(call, reading, stream=False) as response,
            ):
                text = reading.add_whole(await _bounded(response, MAX_WHOLE_BYTES))
                reading.finish()
        except PortError as error:
            reading.failed(error)
        return text, reading.end

    async def spent(self, call_id: str) -> Usage | None:
        """OpenRouter knows it a moment after the end, and answers 404 before."""
        try:
            async with asyncio.timeout(self.patience.spent_s):
                while True:
                    with translated(PORT):
                        response = await self._client.get("generation", params={"id": call_id})
                    if response.status_code == 200:
                        return read_generation(response.content)
                    if response.status_code != 404:
                        return None
                    await asyncio.sleep(self.patience.spent_again_s)
        except (TimeoutError, PortError, *UNREADABLE):
            return None

    @asynccontextmanager
    async def _sent(self, call: ModelCall, reading: Reading, *, stream: bool = True) -> AsyncIterator[StreamedReply]:
        """The reply, to be read for as long as something comes. Raises Fault for a refusal, or a port error."""
        body = request_body(call, self.preferences, stream=stream)
        with translated(PORT):
            async with Silence(call.silent_s) as silence:
                reading.sent = True
                async with self._posts.stream("/chat/completions", body) as response:
                    reading.call_id = response.headers.get(_GENERATION_ID)
                    reading.heard = lambda over: silence.heard(_AFTERWORD_S if over else self.patience.idle_s)
                    told = {"model": call.model, "status": response.status_code, "generation_id": reading.call_id}
                    if response.status_code != 200:
                        _log.info("model refuses", extra=told)
                        content = await _bounded(response, _MAX_REFUSAL_BYTES)
                        raise reading.noted(*refusal(response.status_code, response.headers, content))
                    if not (_is_json(response) or "event-stream" in _content_type(response)):
                        raise PortReplyInvalid(PORT, "answered with another content type")
                    try:
                        yield response
                    except (GeneratorExit, asyncio.CancelledError):
                        # Nobody is left to book its end, which else is logged with its id.
                        _log.info("model left", extra=told)
                        raise

    def _of(self, model: str) -> Dependency:
        policy = Policy(timeout_s=self.patience.total_s, attempts=1, width=self.width, queue=0)
        return self.outside.add(f"{PORT}: {model}", policy, account=PORT)


def _content_type(response: StreamedReply) -> str:
    return str(response.headers.get("content-type", "text/event-stream"))


def _is_json(response: StreamedReply) -> bool:
    return "json" in _content_type(response)


async def _bounded(response: StreamedReply, limit: int) -> bytes:
    """The body, or as much of it."""
    body = bytearray()
    async for part in response.parts():
        body += part
        if len(body) > limit:
            break
    return bytes(body)
