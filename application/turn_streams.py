"""The turns of this process: how many may run, and the events of those that ran within the last hour."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.ports import Clock
from application.turn_stream import EncodesEvents, TurnStream
from domain.access.model import Owner
from domain.conversation.model import Turn
from domain.errors import Overloaded, PortUnavailable, TooManyRunning

MAX_RUNNING_PER_USER: Final = 3
"""An end user reads one answer at a time; three are a few open windows. A key for itself has no such limit."""
KEPT_MS: Final = 3_600_000
MAX_KEPT: Final = 2_000
MAX_KEPT_BYTES: Final = 64 * 1024 * 1024


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


class TurnStreams:
    """
    Every stream of this process by its turn, the running ones and, for an hour, the ended ones.

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
        self._kept: OrderedDict[UUID, tuple[float, int]] = OrderedDict()
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

    def discard(self, stream: TurnStream) -> None:
        """The turn did not come to be after all, or has gone with its conversation."""
        self._streams.pop(stream.turn_id, None)
        if (kept := self._kept.pop(stream.turn_id, None)) is not None:
            self._kept_bytes -= kept[1]

    def keep(self, stream: TurnStream) -> None:
        """The turn has ended: keep its events for those who come later."""
        if stream.turn_id not in self._streams:
            return
        stream.settle()
        weight = stream.weight()
        self._kept[stream.turn_id] = (self._clock.elapsed_ms(), weight)
        self._kept_bytes += weight
        while len(self._kept) > self._max_kept or self._kept_bytes > self._max_kept_bytes or self._oldest_is_over():
            self.discard(self._streams[next(iter(self._kept))])

    def find(self, turn_id: UUID, owner: Owner) -> TurnStream | None:
        """The turn's stream while it runs and an hour after; None: look into the database."""
        while self._oldest_is_over():
            self.discard(self._streams[next(iter(self._kept))])
        stream = self._streams.get(turn_id)
        return stream if stream is not None and stream.owner == owner else None

    def forget(self, conversation_id: UUID) -> None:
        """The conversation was deleted: end what runs in it, and keep nothing of what ran."""
        for stream in [one for one in self._streams.values() if one.conversation_id == conversation_id]:
            stream.cancel()
            self.discard(stream)

    def running(self) -> Iterable[TurnStream]:
        return [stream for stream in self._streams.values() if not stream.ended]

    def stop(self) -> None:
        """Admit no more."""
        self._stopping = True

    def _oldest_is_over(self) -> bool:
        if not self._kept:
            return False
        ended_ms, _ = next(iter(self._kept.values()))
        return self._clock.elapsed_ms() - ended_ms >= KEPT_MS
