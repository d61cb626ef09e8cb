"""The turns of this process: how many may run, and the events of those that ran within the last hour."""

import zlib
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from uuid import UUID

from application.outlines import Outline
from application.ports import Clock, JournalEntry
from application.turn_stream import EncodesEvents, TurnStream
from domain.access.model import Owner
from domain.conversation.model import Turn
from domain.errors import Overloaded, PortUnavailable, TooManyRunning

MAX_RUNNING_PER_USER: Final = 3
"""An end user reads one answer at a time; three are a few open windows. A key for itself has no such limit."""
KEPT_MS: Final = 3_600_000
MAX_KEPT: Final = 10_000
MAX_KEPT_BYTES: Final = 64 * 1024 * 1024
_ENTRY_BYTES: Final = 600
"""What one costs beside its events: its ids, its owner, its places in two tables."""


@dataclass(slots=True)
class Slot:
    """A place among the running turns; given back once, whatever becomes of the turn."""

    streams: "TurnStreams"
    owner: Owner
    taken: bool = True

    def give_back(self) -> None:
        if self.taken:
            self.taken = False
            self.streams.released(self.owner)


@dataclass(frozen=True, slots=True)
class _Compressed:
    """Encoded events that say more than their turn does."""

    lengths: "array[int]"
    joined: bytes

    @staticmethod
    def of(frames: Sequence[bytes]) -> "_Compressed":
        return _Compressed(array("I", map(len, frames)), zlib.compress(b"".join(frames), 1))

    @property
    def weight(self) -> int:
        return len(self.lengths) * self.lengths.itemsize + len(self.joined)

    def frames(self) -> list[bytes]:
        joined = memoryview(zlib.decompress(self.joined))
        ends = list(accumulate(self.lengths))
        return [bytes(joined[end - length : end]) for end, length in zip(ends, self.lengths, strict=True)]


@dataclass(frozen=True, slots=True)
class _Ended:
    """
    The events of a turn that has ended, all but the last, which its stored turn says. ``at_ms``: when it ended.

    Most turns say all the others, too, and their order is all that is kept. None: the turn's end is known here alone,
    and its stream is kept.
    """

    at_ms: float
    owner: Owner
    conversation_id: UUID
    told: Outline | _Compressed | None

    @property
    def weight(self) -> int:
        return _ENTRY_BYTES + (0 if self.told is None else self.told.weight)


class TurnStreams:
    """
    Every running stream of this process by its turn and, for an hour, the events of those that have ended.

    What is kept is bounded in number and bytes; the oldest goes first. Whoever looks for one that has gone is told the
    turn's end from the database.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        encode: EncodesEvents,
        max_running: int,
        max_kept: int = MAX_KEPT,
        max_kept_bytes: int = MAX_KEPT_BYTES,
    ) -> None:
        self.encode: Final = encode
        self._clock = clock
        self._max_running = max_running
        self._max_kept = max_kept
        self._max_kept_bytes = max_kept_bytes
        self._taken = 0
        self._of_user: Counter[Owner] = Counter()
        self._streams: dict[UUID, TurnStream] = {}
        self._ended: OrderedDict[UUID, _Ended] = OrderedDict()
        self._kept_bytes = 0
        self._stopping = False

    def admit(self, owner: Owner) -> Slot:
        """
        Take a place for a turn that is about to begin.

        Raises Overloaded, TooManyRunning, or PortUnavailable when the service is stopping.
        """
        if self._stopping:
            raise PortUnavailable("service", "is stopping")
        if self._taken >= self._max_running:
            raise Overloaded
        if owner.user and self._of_user[owner] >= MAX_RUNNING_PER_USER:
            raise TooManyRunning(MAX_RUNNING_PER_USER)
        self._taken += 1
        if owner.user:
            self._of_user[owner] += 1
        return Slot(self, owner)

    def released(self, owner: Owner) -> None:
        self._taken -= 1
        if owner.user:
            self._of_user[owner] -= 1
            if not self._of_user[owner]:
                del self._of_user[owner]

    def open(self, turn: Turn) -> TurnStream:
        """The stream of a turn that begins."""
        stream = self._streams[turn.id] = TurnStream(turn, self.encode)
        return stream

    def discard(self, turn_id: UUID) -> None:
        """The turn did not come to be after all, has gone with its conversation, or ended long ago."""
        self._streams.pop(turn_id, None)
        if (ended := self._ended.pop(turn_id, None)) is not None:
            self._kept_bytes -= ended.weight

    def keep(self, stream: TurnStream) -> None:
        """The turn has ended and is stored: keep its events for those who come later."""
        if stream.turn_id not in self._streams:
            return
        outline = stream.outline()
        frames = None if outline is not None else stream.told()
        told = outline if frames is None else _Compressed.of(frames)
        if told is not None:
            del self._streams[stream.turn_id]
        ended = self._ended[stream.turn_id] = _Ended(
            self._clock.elapsed_ms(), stream.owner, stream.conversation_id, told
        )
        self._kept_bytes += ended.weight
        self._let_go()

    def knows(self, turn_id: UUID) -> bool:
        """Whether it runs, or ended and is kept: whether it was not discarded."""
        return turn_id in self._streams or turn_id in self._ended

    def find(self, turn_id: UUID, owner: Owner) -> TurnStream | None:
        """The turn's stream while it runs, or where it failed. None: see what is ``kept``, and the database."""
        self._let_go()
        stream = self._streams.get(turn_id)
        return stream if stream is not None and stream.owner == owner else None

    def kept(self, turn: Turn) -> JournalEntry | None:
        """All events of a turn that ended here within the hour, as it is stored; the last, which it says, is empty."""
        self._let_go()
        ended = self._ended.get(turn.id)
        if ended is None or ended.told is None or ended.owner != turn.owner:
            return None
        if isinstance(ended.told, _Compressed):
            frames = ended.told.frames()
        elif (events := ended.told.events(turn)) is not None:
            frames = self.encode(str(turn.id).encode(), events, 1)
        else:
            return None
        return JournalEntry(turn.id, 1, [*frames, b""], last=True)

    def forget(self, conversation_id: UUID) -> None:
        """The conversation was deleted: end what runs in it, and keep nothing of what ran."""
        for stream in [one for one in self._streams.values() if one.conversation_id == conversation_id]:
            stream.cancel()
            self.discard(stream.turn_id)
        for turn_id in [one for one, ended in self._ended.items() if ended.conversation_id == conversation_id]:
            self.discard(turn_id)

    def running(self) -> Iterable[TurnStream]:
        return [stream for stream in self._streams.values() if not stream.ended]

    def stop(self) -> None:
        """Admit no more."""
        self._stopping = True

    def _let_go(self) -> None:
        while self._ended and self._oldest_has_to_go():
            self.discard(next(iter(self._ended)))

    def _oldest_has_to_go(self) -> bool:
        if len(self._ended) > self._max_kept or self._kept_bytes > self._max_kept_bytes:
            return True
        return self._clock.elapsed_ms() - next(iter(self._ended.values())).at_ms >= KEPT_MS
