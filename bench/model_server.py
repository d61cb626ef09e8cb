"""
A model's server that costs next to nothing: bare connections on uvloop, a word every 20 ms, to 2 ms.

It repeats the words of the evidence that it is sent, as a model's own text would have them. A model's name says how
many words it writes, for whom they are counted, and perhaps how many ms apart: ``900/service``, ``60/service/500``.
``GET /sent?model=`` returns the words sent so far, ``GET /heard`` when the latest questions came, by the machine's
monotonic clock.
"""

import asyncio
import os
import re
import time
from collections import Counter
from functools import lru_cache
from itertools import cycle, islice
from typing import Any, Final
from urllib.parse import unquote

import httptools
import msgspec
import uvloop

from bench.pace import PAUSE_S

_EVIDENCE: Final = re.compile(r"^====\w+ \[(\d+)\][^\n]*\n(.*?)(?=^====)", re.MULTILINE | re.DOTALL)
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-generation-id: gen-bench\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_COMMENT: Final = b": OPENROUTER PROCESSING\n\n"
_LAST: Final = (
    b'data: {"id":"gen-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1500,'
    b'"completion_tokens":100,"total_tokens":1600,"cost":0.0001}}\n\ndata: [DONE]\n\n'
)

HEARD: Final = 20_000
"""Questions that are remembered."""

sent: Counter[str] = Counter()
heard: dict[str, float] = {}


def events_of(prompt: str, words: int) -> list[bytes]:
    """One chunk of the reply for each word, markers and all, and the last one with the usage."""
    return _events_of(tuple(_EVIDENCE.findall(prompt)), words)


@lru_cache(maxsize=256)
def _events_of(evidence: tuple[tuple[str, str], ...], words: int) -> list[bytes]:
    pieces = evidence or (("1", "Nothing was sent. It is said again."),)
    said = [
        f" {word} [{number}]" if word.endswith(".") else f" {word}"
        for number, text in pieces
        for word in text.replace("`", "").split()
    ]
    return [_chunk(_event(word)) for word in islice(cycle(said), words)] + [_chunk(_LAST) + b"0\r\n\r\n"]


def _event(word: str) -> bytes:
    return (
        b'data: {"id":"gen-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
        b'"provider":"Bench","choices":[{"index":0,"delta":{"role":"assistant","content":%b},"finish_reason":null}]}\n\n'
        % msgspec.json.encode(word)
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class _Turns:
    """One timer for all whose next word is due within 2 ms: a timer for each word would cost more than the word."""

    WIDTH_S = 0.002

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[int, list[_Connection]] = {}

    def wait(self, connection: "_Connection", until: float) -> None:
        turn = int(until / self.WIDTH_S) + 1
        waiting = self._due.get(turn)
        if waiting is None:
            waiting = self._due[turn] = []
            self._loop.call_at(turn * self.WIDTH_S, self._take, turn)
        waiting.append(connection)

    def _take(self, turn: int) -> None:
        for connection in self._due.pop(turn):
            connection.step()


class _Connection(asyncio.Protocol):
    def __init__(self, turns: _Turns) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = turns
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._body = b"", b""
        self._events: list[bytes] = []
        self._next = 0
        self._gone = False

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        url, body, self._url, self._body = self._url.decode(), self._body, b"", b""
        if self._parser.get_method() == b"GET":
            told = msgspec.json.encode(heard if url == "/heard" else sent[unquote(url.partition("model=")[2])])
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told))
            return
        asked = msgspec.json.decode(body)
        self._model, prompt = asked["model"], asked["messages"][-1]["content"]
        heard[prompt.rpartition("\n\nQuestion: ")[2]] = time.monotonic()
        if len(heard) > HEARD:
            del heard[next(iter(heard))]
        self._events = events_of(prompt, int(self._model.partition("/")[0]))
        self._next = 0
        _, _, pause_ms = self._model.partition("/")[2].partition("/")
        self._pause_s = float(pause_ms) / 1_000 if pause_ms else PAUSE_S
        self._transport.write(_HEAD + _chunk(_COMMENT))
        self._due = self._loop.time()
        self.step()

    def step(self) -> None:
        """Write the next word."""
        if self._gone:
            return
        self._transport.write(self._events[self._next])
        sent[self._model] += 1
        self._next += 1
        if self._next < len(self._events):
            self._due += self._pause_s  # from when it was due, so that a late timer makes no stream slower
            self._turns.wait(self, self._due)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    turns = _Turns()
    server = await loop.create_server(
        lambda: _Connection(turns), "127.0.0.1", int(os.environ["IBID_PORT"]), backlog=4_096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
