"""The service over memory adapters, spoken to as a client would: real requests into the application, no socket."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from dependency_injector import providers
from litestar import Litestar

from application.ports import AnswerWriter
from domain.access.model import Principal, Scope
from domain.conversation.model import Question
from domain.grounding.model import Evidence
from entrypoints.asgi import build_app
from entrypoints.http.room import Room
from entrypoints.memory_adapters import MemoryAdapters
from tests.story import PINNING, SNAPSHOTS

ADMIN_KEY: Final = "ibid_admin_0123456789abcdef"
READER_KEY: Final = "ibid_reader_0123456789abcdef"
OTHER_KEY: Final = "ibid_other_0123456789abcdef"
LOADER_KEY: Final = "ibid_loader_0123456789abcdef"
KEYS: Final = (ADMIN_KEY, READER_KEY, OTHER_KEY, LOADER_KEY)
QUESTION: Final = "How do I pin a dependency with an exact version?"
SECRET_PAGE: Final = "# Payroll\n\nPin a dependency on the payroll with an exact version of the ledger called heron.\n"

_PRINCIPALS: Final = (
    Principal("default", "admin", frozenset({Scope.ADMIN})),
    Principal("readers", "reader", frozenset({Scope.ASK}), frozenset({"docs"})),
    Principal("others", "other", frozenset({Scope.ASK}), frozenset({"docs"})),
    Principal("loaders", "loader", frozenset({Scope.INGEST}), frozenset({"docs"})),
)


class ScriptedWriter(AnswerWriter):
    """Writes the pieces that a test gives it, waits for ``gate`` and then fails with ``error``, where there are any."""

    name = "scripted"

    def __init__(self, *pieces: str, gate: asyncio.Event | None = None, error: Exception | None = None) -> None:
        self._pieces, self._gate, self._error = pieces, gate, error

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        for piece in self._pieces:
            yield piece
        if self._gate is not None:
            await self._gate.wait()
        if self._error is not None:
            raise self._error


class HttpService:
    """``docs`` holds two pages that every key may read; ``payroll`` one that only the admin may."""

    def __init__(
        self,
        writer: AnswerWriter | None = None,
        *,
        allowed_origins: Sequence[str] = (),
        room: Room | None = None,
        **instead: object,
    ) -> None:
        """``instead``: adapters in place of the usual ones, by their names in ``MemoryAdapters``."""
        first_keys = {
            hashlib.sha256(key.encode()).digest(): principal for key, principal in zip(KEYS, _PRINCIPALS, strict=True)
        }
        self.adapters = MemoryAdapters(first_keys=first_keys)
        if writer is not None:
            self.adapters.writer.override(providers.Object(writer))
        self.room = room or Room()
        for name, adapter in instead.items():
            provider = adapter if isinstance(adapter, providers.Provider) else providers.Object(adapter)
            getattr(self.adapters, name).override(provider)
        self.app: Litestar = build_app(
            self.adapters, holder="a test", only_process=True, allowed_origins=allowed_origins, room=self.room
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["HttpService"]:
        async with self.app.lifespan():
            yield self

    def client(self, key: str | None = READER_KEY, **headers: str) -> httpx.AsyncClient:
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://ibid.test", headers=headers, timeout=20)

    async def ingest(self, pages: Mapping[str, str], *, collection: str = "docs") -> str:
        """Send pages as the admin and wait until they are in; returns the ingestion's id."""
        documents = [{"uri": uri, "content": text, "format": "markdown"} for uri, text in pages.items()]
        body = {"collection": collection, "base_url": "https://x.test/", "documents": documents}
        async with self.client(ADMIN_KEY) as client:
            accepted = (await client.post("/v1/admin/ingestions", json=body)).raise_for_status()
        return await self.ended(accepted.headers["location"])

    async def ended(self, status_url: str) -> str:
        """Wait until an ingestion is in; returns its id."""
        state = await self.at_its_end(status_url)
        assert state["status"] == "succeeded", state
        return str(state["id"])

    async def at_its_end(self, status_url: str) -> dict[str, Any]:
        """Wait until an ingestion has ended, however it did; returns its state."""
        async with self.client(ADMIN_KEY) as client, asyncio.timeout(20):
            while True:
                state: dict[str, Any] = (await client.get(status_url)).json()
                if state["status"] not in ("queued", "running"):
                    return state
                await asyncio.sleep(0.01)

    async def ingest_story(self) -> None:
        await self.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
        await self.ingest({"payroll.md": SECRET_PAGE}, collection="payroll")


@asynccontextmanager
async def a_service(writer: AnswerWriter | None = None, *, room: Room | None = None) -> AsyncIterator[HttpService]:
    """A running service with its pages in."""
    async with HttpService(writer, room=room).running() as service:
        await service.ingest_story()
        yield service


class Connection:
    """One request driven by hand over ASGI, so that a test can hang up in the middle of the answer."""

    def __init__(
        self,
        app: Any,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        key: str = READER_KEY,
        accept: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """``body`` None: a GET."""
        self._body = b"" if body is None else json.dumps(body).encode()
        self._gone = asyncio.Event()
        self._asked = False
        self.sent: list[Any] = []
        self.wrote = asyncio.Event()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET" if body is None else "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"ibid.test"),
                (b"authorization", f"Bearer {key}".encode()),
                (b"content-type", b"application/json"),
                (b"accept", accept.encode()),
                *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)
        self.wrote.set()

    @property
    def text(self) -> str:
        return b"".join(one.get("body", b"") for one in self.sent).decode()

    async def until(self, words: str) -> None:
        """Wait until the answer holds these words."""
        async with asyncio.timeout(10):
            while words not in self.text:
                self.wrote.clear()
                await self.wrote.wait()

    async def hang_up(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, 10)


def events_of(text: str) -> list[tuple[str, str, str]]:
    """The events of a stream, each as its id, its name and its data, comments left out."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            events.append((fields["id"], fields["event"], fields["data"]))
    return events
