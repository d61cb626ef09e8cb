"""
Events that differ in their text alone, which all but the first and the last of a stream do: read without the rest.

Of an event of 250 bytes some six are its text. What stands before and after it is compared as bytes, and the texts of
all events of a read are decoded as one list: for ten of them a third of what decoding them whole takes.
"""

import re
from typing import Final

import msgspec

from adapters.openrouter.bodies import REPLY, ReplyBody
from adapters.resilience.unreadable import UNREADABLE

_CONTENT: Final = re.compile(rb'"content":[ \t]*("(?:[^"\\]|\\.)*+")')
_FRUITLESS: Final = 4
"""Patterns in a row that no later event had, after which a server is taken to write each event otherwise."""
_TEXTS: Final = msgspec.json.Decoder(list[str])
_encode: Final = msgspec.json.Encoder().encode


class AlikeEvents:
    """Learns from an event that was read whole how the next ones will look."""

    def __init__(self) -> None:
        self._head = self._tail = self._between = b""
        self._fruitless = 0

    def learn(self, event: bytes, reply: ReplyBody) -> None:
        """``reply`` is what ``event`` says; one that says more than a text is no pattern."""
        text = text_alone(reply)
        if not text or self._fruitless == _FRUITLESS or (found := _CONTENT.search(event)) is None:
            return
        before, after = event[: found.start(1)], event[found.end(1) :]
        other = text + "?"
        try:
            # Whether it is the text that stands there: any other string in its place is read as the text.
            if text_alone(REPLY.decode(b"".join((before, _encode(other), after)))) != other:
                return
        except UNREADABLE:
            return
        self._fruitless += 1
        self._head, self._tail = b"data: " + before, after + b"\n\n"
        self._between = self._tail + self._head

    def texts(self, part: bytes) -> str | None:
        """The text of a part that is whole events like the last that was learnt; None: it is anything else."""
        head, tail, between = self._head, self._tail, self._between
        # No string holds what stands between two of them, line ends among it, so that nothing is cut inside one.
        if not head or len(part) < len(between) or not (part.startswith(head) and part.endswith(tail)):
            return None
        strings = part[len(head) : -len(tail)].split(between)
        try:
            texts = _TEXTS.decode(b"[%b]" % b",".join(strings))
        except UNREADABLE:
            return None
        if len(texts) != len(strings):
            return None
        self._fruitless = 0
        return "".join(texts)


def text_alone(reply: ReplyBody) -> str | None:
    """The text of an event that says nothing else; None: it says how the call went, too."""
    if reply.error is not None or reply.usage is not None or not reply.choices:
        return None
    choice = reply.choices[0]
    said = choice.delta or choice.message
    return None if choice.error is not None or choice.finish_reason or said is None else said.content
