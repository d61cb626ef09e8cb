"""Answers that are being written, for those who ask the same meanwhile: five hundred at once cost one call."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from application.writing import Retracted


@dataclass(slots=True)
class Writing:
    """One answer as it grows: its writer adds to it and ends it, others read it from its beginning."""

    model: str = ""
    """Whose text stands when it has ended; empty: nobody's, and what was read of it is void."""
    _pieces: list[str | Retracted] = field(default_factory=list)
    _ended: bool = False
    _news: asyncio.Event | None = None
    """Set by the next piece; made by whoever waits for it, since most answers have one reader only."""

    def add(self, piece: str | Retracted) -> None:
        self._pieces.append(piece)
        if self._news is not None:
            self._tell(self._news)

    def end(self, model: str) -> None:
        self.model, self._ended = model, True
        if self._news is not None:
            self._tell(self._news)

    def _tell(self, news: asyncio.Event) -> None:
        self._news = None
        news.set()

    async def read(self) -> AsyncGenerator[str | Retracted, None]:
        seen = 0
        while True:
            while seen < len(self._pieces):
                yield self._pieces[seen]
                seen += 1
            if self._ended:
                return
            if self._news is None:
                self._news = asyncio.Event()
            await self._news.wait()


@dataclass(slots=True)
class SharedWriting:
    """What is written at the moment, by the key of ``AnswerCache``."""

    _now: dict[bytes, Writing] = field(default_factory=dict)

    def find(self, key: bytes) -> Writing | None:
        return self._now.get(key)

    def begin(self, key: bytes) -> Writing:
        """A writing that others find from now on, unless they find another already."""
        writing = Writing()
        self._now.setdefault(key, writing)
        return writing

    def end(self, key: bytes, writing: Writing, model: str) -> None:
        if self._now.get(key) is writing:
            del self._now[key]
        writing.end(model)
