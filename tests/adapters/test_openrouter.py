"""What the contract of ChatModel does not say of OpenRouter's adapter: bytes, error objects, requests."""

import asyncio
import logging
import re
from contextlib import aclosing, suppress
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openrouter.bodies import ErrorBody, MaxPrice, ProviderPreferences, request_body
from adapters.openrouter.chat_model import OpenRouterChatModel
from adapters.openrouter.event_lines import MAX_LINE_BYTES, EventLines
from adapters.openrouter.reading import Reading
from adapters.openrouter.refusals import refusal, refusal_inside
from adapters.openrouter.silence import Silence
from adapters.resilience.dependency import Dependencies
from adapters.resilience.faults import Blame, Fault
from domain.conversation.calls import Message, ModelCall, Role
from domain.conversation.model import AttemptOutcome
from domain.errors import PortReplyInvalid
from tests.fakes.openrouter import KEY, FakeOpenRouter, Play, event

CALL = ModelCall("m", (Message(Role.USER, "question"),), 64)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream of events with comments, blank lines and both kinds of line ends, and the events in it."""
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    events, stream = [], b""
    for kind in draw(st.lists(st.sampled_from(["data", "tight", "comment", "blank", "field"]), max_size=12)):
        text = draw(st.text("aé😀{}:", min_size=1, max_size=6)).encode()
        if kind in ("data", "tight"):
            events.append(text)
            stream += (b"data: " if kind == "data" else b"data:") + text + end + end
        else:
            stream += {"comment": b": " + text, "blank": b"", "field": b"event: " + text}[kind] + end
    return stream, events


@given(streams(), st.data())
def test_the_events_of_a_stream_are_the_same_however_its_bytes_are_cut(
    made: tuple[bytes, list[bytes]], data: st.DataObject
) -> None:
    stream, events = made
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    lines = EventLines("port")
    found = [one for start, end in pairwise([0, *cuts, len(stream)]) for one in lines.feed(stream[start:end])]
    assert found == events


@given(
    st.lists(
        st.one_of(
            st.text('aé😀 \n\u2028"', max_size=4).map(lambda text: {"choices": [{"delta": {"content": text}}]}),
            st.just({"choices": [{"delta": {"content": None}}]}),
            st.just({"id": "gen-1", "choices": []}),
            st.just({"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}),
            st.just({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.5}}),
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
    st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n\n: comment\n\n", b"\n: comment\n\n"]),
)
def test_events_that_come_together_read_as_those_that_come_one_by_one(
    events: list[dict[str, object]], done: bool, between: bytes
) -> None:
    frames = [b"data: " + msgspec.json.encode(one) + between for one in events]
    frames += [b"data: [DONE]" + between] if done else []
    together, apart = Reading(64, sent=True), Reading(64, sent=True)
    assert together.add(b"".join(frames)) == "".join([apart.add(frame) for frame in frames])
    for reading in (together, apart):
        with suppress(Fault):
            reading.finish()
    assert together.end == apart.end
    assert together.over is apart.over is done


def _frame(content: object, **more: object) -> bytes:
    chunk = {"id": "gen-1", "choices": [{"index": 0, "delta": {"role": "a", "content": content}, **more}], "made": 1}
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


@given(
    st.lists(st.text('aé😀 \n\u2028"\\,[]{}:', max_size=4), max_size=12),
    st.lists(st.integers(0, 2_000), max_size=6),
    st.booleans(),
)
def test_events_alike_are_read_as_what_they_say_however_they_are_cut(
    texts: list[str], cuts: list[int], spaced: bool
) -> None:
    frames = [_frame(text) for text in texts]
    if spaced:
        frames = [frame.replace(b'"content":', b'"content": ', 1) for frame in frames]
    stream = b"".join(frames)
    places = sorted(min(cut, len(stream)) for cut in cuts)
    reading = Reading(64, sent=True)
    read = [reading.add(stream[start:end]) for start, end in pairwise([0, *places, len(stream)]) if start < end]
    assert "".join(read) == "".join(texts)
    assert reading.call_id == ("gen-1" if texts else None)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (_frame("b", finish_reason="stop"), "b"),
        (_frame(None), ""),
        (_frame("b").replace(b'"made":1', b'"made":2'), "b"),
        (_frame("b").replace(b'"b"', b'"b","content":"c"'), "c"),
        (_frame('b","content":"c'), 'b","content":"c'),
        (_frame("b").replace(b'"role":"a"', b'"role":"a","content":"c"'), "b"),
    ],
)
def test_an_event_that_is_not_quite_like_those_before_it_is_read_for_itself(event: bytes, text: str) -> None:
    for like in (_frame("a"), _frame('"content":"a"'), event.replace(b'"c"', b'"a"')):
        for together in (True, False):
            reading = Reading(64, sent=True)
            before = reading.add(like)
            read = reading.add(like + event) if together else reading.add(like) + reading.add(event)
            assert read == before + text


@pytest.mark.parametrize("inside", [b'"a","b"', b"7", b'"a\xff"', b'"a\nb"', b"", b'["a"]'])
def test_what_is_no_text_is_refused_among_events_alike(inside: bytes) -> None:
    reading = Reading(64, sent=True)
    reading.add(_frame("a"))
    with pytest.raises(PortReplyInvalid):
        reading.add(_frame("a") + _frame("a").replace(b'"content":"a"', b'"content":' + inside) + _frame("a"))


def test_what_a_model_may_write_and_the_silence_after_it_are_counted_of_events_alike_too() -> None:
    heard: list[bool] = []
    reading = Reading(1, heard.append, sent=True)
    assert "".join([reading.add(_frame("abcd")) for _ in range(4)]) == "abcdabcd"
    assert reading.over
    assert reading.add(_frame("abcd")) == ""
    assert heard == [False] * 4 + [False]
    reading.finish()
    assert reading.end.outcome is AttemptOutcome.TRUNCATED


@pytest.mark.parametrize(
    "broken",
    [b"{", b"[1]", b'{"id":"a"}{"id":"b"}', b'"text"', b'{"id":"\xff"}', b'{"x":' + b"[" * 9_000 + b"]" * 9_000 + b"}"],
)
def test_what_is_no_piece_of_a_completion_is_refused_among_others_too(broken: bytes) -> None:
    good = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    with pytest.raises(PortReplyInvalid):
        Reading(64, sent=True).add(good + b"data: " + broken + b"\n\n" + good)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "done", [b"data: [DONE] \n\n", b"data:  [DONE]\n\n", b"data: [DONE]\r\n\n", b"data:  \n\ndata: [DONE]\n\n"]
)
def test_blanks_around_an_event_are_none_of_it_alone_and_among_others(done: bytes, together: bool) -> None:
    said = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    reading = Reading(64, sent=True)
    assert "".join(map(reading.add, [said + done] if together else [said, *re.findall(rb"[^\n]+\n\n", done)])) == "a"
    assert reading.over
    reading.finish()
    assert reading.end.outcome is AttemptOutcome.OK


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    lines = EventLines("port")
    for _ in range(MAX_LINE_BYTES // 65_536):
        lines.feed(b"x" * 65_536)
    with pytest.raises(PortReplyInvalid):
        lines.feed(b"x")


@pytest.mark.parametrize(
    ("error", "outcome", "blame"),
    [
        (ErrorBody(code=429), AttemptOutcome.RATE_LIMITED, Blame.SERVICE),
        (ErrorBody(code="server_error"), AttemptOutcome.ERROR, Blame.SERVICE),
        (ErrorBody(code="rate_limit_exceeded"), AttemptOutcome.RATE_LIMITED, Blame.SERVICE),
        (ErrorBody(code="unheard of", metadata={"error_type": "timeout"}), AttemptOutcome.TIMEOUT, Blame.SERVICE),
        (ErrorBody(http_status=404), AttemptOutcome.REFUSED, Blame.REQUEST),
        (ErrorBody(code=401), AttemptOutcome.REFUSED, Blame.ACCOUNT),
        (ErrorBody(code=7), AttemptOutcome.ERROR, Blame.SERVICE),
        (ErrorBody(), AttemptOutcome.ERROR, Blame.SERVICE),
    ],
)
def test_an_error_inside_a_reply_is_read_by_number_by_word_or_as_a_failure(
    error: ErrorBody, outcome: AttemptOutcome, blame: Blame
) -> None:
    read, fault = refusal_inside(error)
    assert (read, fault.blame) == (outcome, blame)


def test_a_model_without_a_discreet_provider_names_the_setting_that_decides() -> None:
    body = {"error": {"message": "no", "availability": {"code": "privacy_restricted"}}}
    _, fault = refusal(404, {}, msgspec.json.encode(body))
    assert "IBID_DATA_COLLECTION" in str(fault.error)


@pytest.mark.parametrize(
    "content", [b'{"error":{"message":"\xff"}}', b"", b"<html>", b"[]", b'{"error": "plain text"}', b"\xff"]
)
def test_a_refusal_that_is_not_json_of_an_error_is_read_by_its_status(content: bytes) -> None:
    outcome, fault = refusal(502, {}, content)
    assert (outcome, fault.retryable) == (AttemptOutcome.ERROR, True)


def test_preferences_are_sent_as_published_and_none_at_all_to_who_asked_for_none() -> None:
    preferences = ProviderPreferences(data_collection="deny", max_price=MaxPrice("0.5", "1.5"))
    sent = msgspec.json.decode(request_body(CALL, preferences, stream=True))
    assert sent["provider"] == {"data_collection": "deny", "max_price": {"prompt": "0.5", "completion": "1.5"}}
    assert sent["stream_options"] == {"include_usage": True}
    plain = msgspec.json.decode(request_body(CALL, ProviderPreferences(), stream=False))
    assert plain.keys() == {"model", "messages", "max_tokens", "stream"}


def test_a_schema_asks_for_a_provider_that_heeds_it() -> None:
    call = ModelCall("m", CALL.messages, 64, schema={"type": "object"})
    sent = msgspec.json.decode(request_body(call, ProviderPreferences(), stream=False))
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert sent["provider"] == {"require_parameters": True}


async def test_silence_ends_a_wait_and_a_word_puts_the_end_off() -> None:
    heard = 0

    async def listen() -> None:
        nonlocal heard
        async with Silence(0.3) as silence:
            for _ in range(4):
                await asyncio.sleep(0.1)
                silence.heard(0.3)
                heard += 1
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await listen()
    assert heard == 4


async def test_a_call_that_is_left_is_logged_with_its_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ibid")
    async with FakeOpenRouter() as server:
        server.script("m", Play([event("one")], then="hang"))
        model = OpenRouterChatModel(Dependencies(), KEY, server.url)
        async with aclosing(model.stream(CALL)) as pieces:
            assert await anext(pieces) == "one"
        await model.close()
    [left] = [one for one in caplog.records if one.message == "model left"]
    assert vars(left)["generation_id"].startswith("gen-")
