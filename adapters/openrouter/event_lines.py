"""The data of server-sent events out of bytes, however these were cut."""

from typing import Final

from domain.errors import PortReplyInvalid

MAX_LINE_BYTES: Final = 8 * 1024 * 1024


class EventLines:
    """
    Splits a stream into the data of its events; comments and other fields are skipped.

    Each ``data`` line is taken for a whole event: both OpenRouter and the servers that are compatible with OpenAI's
    write an event's JSON on one line.
    """

    def __init__(self, port: str) -> None:
        self._port = port
        self._held: list[bytes] = []
        self._held_bytes = 0

    @property
    def holds(self) -> bool:
        """Whether a line has begun that is not at its end."""
        return bool(self._held)

    def feed(self, part: bytes) -> list[bytes]:
        """Raises PortReplyInvalid for a line beyond 8 MB."""
        if not self._held and part.startswith(b"data: ") and part.endswith(b"\n\n"):
            if part.find(b"\n") == len(part) - 2:
                return [part[6:-2]]  # one event and no more: most parts of most streams
            events = part[6:-2].split(b"\n\ndata: ")
            if part.count(b"\n") == 2 * len(events) and b"\r" not in part:
                return events  # or several, and nothing else
        if b"\n" not in part:
            self._hold(part)
            return []
        lines = (b"".join((*self._held, part)) if self._held else part).split(b"\n")
        self._held, self._held_bytes = [], 0
        if rest := lines.pop():
            self._hold(rest)
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    def end(self) -> list[bytes]:
        """What stood after the last line's end; a stream that breaks off may leave half a line."""
        return self.feed(b"\n")

    def _hold(self, part: bytes) -> None:
        self._held.append(part)
        self._held_bytes += len(part)
        if self._held_bytes > MAX_LINE_BYTES:
            raise PortReplyInvalid(self._port, "sent a line without an end")
