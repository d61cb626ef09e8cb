"""
Server-sent events, read by hand.

Lines end at CR, LF or CRLF and nowhere else: a library's ``splitlines`` also cuts at U+2028 and the like, which JSON
leaves as they are. Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream".
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class ServerEvent(NamedTuple):
    id: str
    name: str
    data: str


def read_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events of a stream as they complete, however it is cut into chunks; one that never ends is dropped."""
    identity, name, data = "", "", list[str]()
    for line in _lines(chunks):
        if not line:
            if data:
                yield ServerEvent(identity, name or "message", "\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id" and "\x00" not in value:
            identity = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Complete lines without their ends. A comment is a line whose field name is empty."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    rest, after_cr = "", False
    for chunk in chunks:
        text = decoder.decode(chunk)
        if after_cr and text:
            # The CR ended its line already; its LF came with this chunk.
            text, after_cr = text.removeprefix("\n"), False
        *lines, rest = _LINE_END.split(rest + text)
        after_cr = after_cr or text.endswith("\r")
        yield from lines
