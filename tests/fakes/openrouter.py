"""
OpenRouter's chat completions on loopback: published shapes, and whatever a test scripts.

``python -m tests.fakes.openrouter --port 8090`` serves it to try Ibid against; see docs/operations.md.
"""

import argparse
import asyncio
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qs, urlsplit

import httptools
import msgspec

from tests.fakes.published import Published

PUBLISHED: Final = Published("openrouter-openapi.yaml")
KEY: Final = "fake-openrouter-key"
COMMENT: Final = b": OPENROUTER PROCESSING\n\n"
DONE: Final = b"data: [DONE]\n\n"
USAGE: Final = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cost": 0.0012}

_EVIDENCE: Final = re.compile(r"^====\w+ \[(\d+)\][^\n]*\n(.+?)\n", re.MULTILINE)
_JUDGE: Final = re.compile(r"Judge statements 1 to (\d+)\.\Z")
_PATH: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Play:
    """
    One reply: ``pieces`` leave one by one, ``pause_s`` apart; then the connection goes on (``end``), is closed without
    the body's end (``cut``), is reset, or stays silent (``hang``). ``delay_s`` comes before the status.
    """

    pieces: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    pause_s: float = 0.0
    delay_s: float = 0.0
    then: Literal["end", "cut", "reset", "hang"] = "end"


def event(content: str | None = None, *, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream; ``more`` replaces or adds fields of the chunk."""
    delta = {"role": "assistant"} if content is None else {"role": "assistant", "content": content}
    chunk = {
        "id": "gen-fake",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "fake/model",
        "provider": "Fake",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def said(*words: str, finish: str = "stop", usage: Mapping[str, Any] | None = USAGE) -> list[bytes]:
    """The events of a stream that says the words, one an event."""
    last = event("", finish=finish) if usage is None else event("", finish=finish, usage=usage)
    return [*(event(word) for word in words), last, DONE]


def failing(code: int | str, *, finish: str | None = "error", **metadata: Any) -> bytes:
    """The event by which a stream ends that fails after it has begun."""
    error = {"code": code, "message": "it failed, said somebody who must not be quoted"}
    return event("", finish=finish, error=error | ({"metadata": metadata} if metadata else {}))


def refused(status: int, *, headers: Mapping[str, str] | None = None, **error: Any) -> Play:
    """An error before the stream; ``error`` adds to, or replaces, fields of the error object."""
    body = {"error": {"code": status, "message": "refused, and never to be quoted", **error}}
    return whole(body, status=status, headers=headers)


def whole(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Play:
    return Play([msgspec.json.encode(body)], status, {"content-type": "application/json", **(headers or {})})


def completion(text: str | None, *, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "gen-fake",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "fake/model",
        "system_fingerprint": None,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": USAGE,
        **more,
    }


class FakeOpenRouter:
    """
    ``async with FakeOpenRouter() as server``: then ``server.url`` is its base URL.

    ``script(model, *plays)`` answers that model's next calls, the last play all that follow. Without a script a model
    quotes the first sentence of the first evidence. ``calls`` are the bodies that came, ``invalid`` what is wrong with
    them, ``running`` the streams under way, ``broken_off`` those that a client left; ``costs`` answers GET /generation.
    """

    def __init__(self, *, key: str | None = KEY, words_pause_s: float = 0.0) -> None:
        self.key = key
        self.words_pause_s = words_pause_s
        self.calls: list[dict[str, Any]] = []
        self.invalid: list[str] = []
        self.costs: dict[str, float] = {}
        self.running = 0
        self.broken_off = 0
        self.connections: set[_Connection] = set()
        self._scripts: dict[str, deque[Play]] = defaultdict(deque)
        self._server: asyncio.Server | None = None
        self._count = 0

    def script(self, model: str, *plays: Play) -> None:
        self._scripts[model] = deque(plays)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{_PATH}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def start(self, port: int = 0) -> None:
        PUBLISHED.problems("POST", "/chat/completions", {})  # read now, not while somebody waits
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port, backlog=2048)

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.drop()

    def play_for(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Play:
        address = urlsplit(target)
        path = address.path.removeprefix(_PATH)
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return refused(401, message="No auth credentials found")
        if (method, path) == ("GET", "/generation"):
            return self._generation(parse_qs(address.query).get("id", [""])[0])
        if (method, path) != ("POST", "/chat/completions"):
            return refused(404, message="Not Found")
        return self._completion(msgspec.json.decode(body))

    def _completion(self, body: dict[str, Any]) -> Play:
        self.calls.append(body)
        if problems := PUBLISHED.problems("POST", "/chat/completions", body):
            self.invalid += problems
            return refused(400, message="; ".join(problems))
        self._count += 1
        generation = {"x-generation-id": f"gen-fake-{self._count}"}
        plays = self._scripts[body["model"]]
        if plays:
            play = plays.popleft() if len(plays) > 1 else plays[0]
        elif body.get("stream"):
            play = Play(said(*_words(_quotation(body))), pause_s=self.words_pause_s)
        else:
            play = whole(completion(_verdicts(body) or _quotation(body)))
        return replace(play, headers={**generation, **play.headers}) if play.status == 200 else play

    def _generation(self, generation_id: str) -> Play:
        if generation_id not in self.costs:
            return refused(404, message="Generation not found")
        cost = self.costs[generation_id]
        data = {"id": generation_id, "total_cost": cost, "native_tokens_prompt": 90, "native_tokens_completion": 7}
        return whole({"data": data})


def _quotation(body: Mapping[str, Any]) -> str:
    """What the fake answers by itself: the first sentence of the first evidence in the prompt."""
    asked = body["messages"][-1]["content"]
    found = _EVIDENCE.search(asked)
    if found is None:
        # Not asked for an answer, then: a follow-up is repeated, anything else agreed to.
        return asked.rpartition("Last question of the reader: ")[2] if "Last question" in asked else "yes"
    sentence = re.split(r"(?<=[.!?])\s", found[2].strip(), maxsplit=1)[0].rstrip(".")
    return f"{sentence} [{found[1]}]."


def _verdicts(body: Mapping[str, Any]) -> str | None:
    """A judge that finds everything supported; None: it was not asked to judge."""
    asked = _JUDGE.search(body["messages"][-1]["content"])
    if asked is None or "response_format" not in body:
        return None
    return verdicts(*["supported"] * int(asked[1]))


def verdicts(*words: str) -> str:
    """What a judge replies that finds the statements so, in their order."""
    said = [{"statement": number, "verdict": word} for number, word in enumerate(words, 1)]
    return msgspec.json.encode({"verdicts": said}).decode()


def _words(text: str) -> Iterable[str]:
    return re.findall(r"\s*\S+", text)


class _Connection(asyncio.Protocol):
    """One connection, one call at a time; pieces leave by the loop's timers, without a task."""

    def __init__(self, server: FakeOpenRouter) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._reset()
        self._play: Play | None = None
        self._next = 0
        self._timer: asyncio.Handle | None = None

    def _reset(self) -> None:
        self._target, self._body = b"", b""
        self._headers: dict[str, str] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._play is not None:
            self._server.broken_off += self._play.then in ("end", "hang")
            self._over()

    def drop(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        play = self._server.play_for(method, self._target.decode(), self._headers, self._body)
        self._reset()
        self._play, self._next = play, 0
        self._server.running += 1
        self._later(play.delay_s, self._begin)

    def _later(self, seconds: float, step: Any) -> None:
        self._timer = self._loop.call_later(seconds, step) if seconds else self._loop.call_soon(step)

    def _begin(self) -> None:
        play = self._play
        assert play is not None
        lines = [f"HTTP/1.1 {play.status} Fake", *(f"{name}: {value}" for name, value in play.headers.items())]
        self._transport.write("\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode("latin-1"))
        if play.pause_s:
            self._step()
            return
        self._transport.write(b"".join(map(_chunk, play.pieces)))
        self._end(play)

    def _step(self) -> None:
        play = self._play
        assert play is not None
        if self._next == len(play.pieces):
            self._end(play)
            return
        self._transport.write(_chunk(play.pieces[self._next]))
        self._next += 1
        self._later(play.pause_s, self._step)

    def _end(self, play: Play) -> None:
        match play.then:
            case "end":
                self._transport.write(b"0\r\n\r\n")
            case "cut":
                self._transport.close()
            case "reset":
                self._later(0.01, self._transport.abort)  # the bytes leave first
            case "hang":
                return
        self._over()

    def _over(self) -> None:
        self._play = None
        self._server.running -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""


async def _serve(port: int, pause_s: float) -> None:
    server = FakeOpenRouter(key=None, words_pause_s=pause_s)
    await server.start(port)
    print(f"A fake OpenRouter; give Ibid OPENROUTER_BASE_URL={server.url} IBID_MODELS=fake/model", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A fake OpenRouter on loopback: any model quotes the evidence.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--pause-ms", type=float, default=20, help="between two words")
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.pause_ms / 1000))
