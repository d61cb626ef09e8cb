"""Passages as they were last read, so that not every question has to be sent the same texts again."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from domain.library.model import UNTOLD, PassageInDocument

KEPT_BYTES: Final = 16_000_000
"""Some 7,000 passages: all of most documentation sites, and the most asked for of a large one."""
MOST_STANDING: Final = 20_000
"""Passages that are noted as standing in one state of the library, some 4 MB; beyond that they are noted anew."""
KEPT_FOR_S: Final = 300.0
"""What nobody asks for meanwhile is gone after twice this: a text that was deleted stays here no longer."""


class KnownPassage(NamedTuple):
    """``key`` is another one for each content of its document's row: the database is asked whether it still is that."""

    key: bytes
    passage: PassageInDocument
    chunk_chars: int
    """How long its version is cut where it is one of the passages."""
    size: int
    """In bytes, about."""


class KnownPassages:
    """
    To be held against the database by whoever uses them, unless it has told of them in the state that the library is
    in: it alone knows what is current. Who may read them is for each request to say.

    Bounded in bytes and in time. They are kept in two halves, by when they were last asked for; where the newer one is
    full, or has stood for its time, it becomes the older, which is dropped.
    """

    def __init__(self, *, kept_bytes: int = KEPT_BYTES, kept_for_s: float = KEPT_FOR_S) -> None:
        self._half_bytes = kept_bytes // 2
        self._kept_for_s = kept_for_s
        # By the ids' numbers: an id is hashed and compared in Python.
        self._newer: dict[int, KnownPassage] = {}
        self._older: dict[int, KnownPassage] = {}
        self._newer_bytes = 0
        self._turning: asyncio.TimerHandle | None = None
        self._state = UNTOLD
        self._standing: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._newer) + len(self._older)

    def find(self, passage_ids: Iterable[UUID]) -> tuple[list[tuple[UUID, KnownPassage]], list[UUID]]:
        """Those that are known, whether or not they are what they were, and the others."""
        found, unknown = list[tuple[UUID, KnownPassage]](), list[UUID]()
        for passage_id in passage_ids:
            number = passage_id.int
            if (known := self._newer.get(number)) is None:
                if (known := self._older.get(number)) is None:
                    unknown.append(passage_id)
                    continue
                self._put(number, known)
            found.append((passage_id, known))
        return found, unknown

    def keep(self, read: Sequence[KnownPassage]) -> None:
        """What the database has just told; of a running event loop."""
        for known in read:
            self._put(known.passage.passage.id.int, known)

    def stood(self, state: str, passages: Iterable[tuple[UUID, bytes]]) -> None:
        """Passages that the database has just told of, with the keys that it told, and in which state that was."""
        if state != self._state or len(self._standing) > MOST_STANDING:
            self._state = state
            self._standing.clear()
        self._standing.update([(passage_id.int, key) for passage_id, key in passages])

    def stand_in(self, state: str, known: Iterable[tuple[UUID, KnownPassage]]) -> bool:
        """
        Whether the database need not be asked about any of them: it has told of each, as it is known, in that state.

        Not of its id alone: of two replies that cross, the later may have brought back what is older.
        """
        told = self._standing.get
        return state == self._state and all(told(passage_id.int) == one.key for passage_id, one in known)

    def drop(self, passage_ids: Iterable[UUID]) -> None:
        """What the database no longer stands for."""
        for passage_id in passage_ids:
            if (known := self._newer.pop(passage_id.int, None)) is not None:
                self._newer_bytes -= known.size
            self._older.pop(passage_id.int, None)

    def _put(self, number: int, known: KnownPassage) -> None:
        if known.size > self._half_bytes:
            return
        if (before := self._newer.pop(number, None)) is not None:
            self._newer_bytes -= before.size
        if self._newer_bytes + known.size > self._half_bytes:
            self._turn()
        self._older.pop(number, None)
        self._newer[number] = known
        self._newer_bytes += known.size
        if self._turning is None:
            self._turning = asyncio.get_running_loop().call_later(self._kept_for_s, self._time_is_up)

    def _turn(self) -> None:
        self._older, self._newer, self._newer_bytes = self._newer, {}, 0

    def _time_is_up(self) -> None:
        self._turn()
        # Nothing is kept: a service that nobody asks is woken no more.
        again = asyncio.get_running_loop().call_later(self._kept_for_s, self._time_is_up) if self._older else None
        self._turning = again
