"""Server-sent events come out whole, however the bytes are cut."""

from collections.abc import Iterator

import pytest

from entrypoints.terminal.event_stream import ServerEvent, read_events

STREAM = (
    "\ufeff: welcome\r\n\r\n"
    'id: t:1\nevent: text\ndata: {"delta": "naïve \u2028日本"}\n\n'
    "id: t:2\revent: text\rdata: one\rdata: two\r\r"
    ":\n: still here\n\n"
    "event: done\r\ndata:three\r\n\r\n"
    "event: lost\ndata: never ended\n"
).encode()
EVENTS = [
    ServerEvent("t:1", "text", '{"delta": "naïve \u2028日本"}'),
    ServerEvent("t:2", "text", "one\ntwo"),
    ServerEvent("t:2", "done", "three"),
]


def cut(stream: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(stream), size):
        yield stream[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64, 10_000])
def test_events_do_not_depend_on_how_the_bytes_were_cut(size: int) -> None:
    assert list(read_events(cut(STREAM, size))) == EVENTS


def test_an_event_without_data_is_none() -> None:
    assert list(read_events([b"event: text\n\n", b"data: x\n\n"])) == [ServerEvent("", "message", "x")]


def test_an_event_is_there_as_soon_as_its_empty_line_is() -> None:
    arrived: list[str] = []

    def chunks() -> Iterator[bytes]:
        yield b"data: first\r\n\r"
        arrived.append("asked for more")
        yield b"\ndata: second\n\n"

    events = read_events(chunks())
    assert next(events).data == "first"
    assert arrived == []
    assert next(events).data == "second"
