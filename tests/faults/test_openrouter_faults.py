"""Every row of docs/faults.md for OpenRouter, played at the wire against the whole service."""

import asyncio
import itertools
import logging
from collections.abc import Mapping
from email.utils import formatdate
from time import time
from typing import Final

import pytest

from tests.entrypoints.http_service import QUESTION, Connection
from tests.fakes.openrouter import COMMENT, DONE, KEY, USAGE, FakeOpenRouter, Play, event, failing, refused, said, whole
from tests.fakes.tcp_faults import Fault, FaultyProxy
from tests.faults.fault_table import Expected, expected
from tests.faults.model_service import Asked, ModelService, a_model_service

WORDS: Final = ("Pin a dependency", " with an exact", " version in the", " requirements file", " [1].")
WELL: Final = Play(said(*WORDS))
OTHER: Final = ("An exact version is written", " with two equal signs [1].")

_MODERATION = {"reasons": ["violence"], "flagged_input": "what was asked", "provider_name": "Fake", "model_slug": "m"}

REPLIES: Final[Mapping[str, Play]] = {
    "400": refused(400, metadata={"error_type": "context_length_exceeded"}),
    "401": refused(401),
    "402 no credit": refused(402, metadata={"error_type": "payment_required"}),
    "402 budget in flight": refused(
        402, headers={"retry-after": "2"}, metadata={"limit_source": "openrouter_in_flight_budget"}
    ),
    "403 moderation": refused(403, metadata=_MODERATION),
    "403 guardrail": refused(403, metadata={"patterns": ["secret"]}),
    "403 key not allowed": refused(403, metadata={"error_type": "permission_denied"}),
    "404 no endpoint": whole(
        {
            "error": {
                "message": "none",
                "error_type": "not_found",
                "http_status": 404,
                "availability": {"code": "no_endpoints", "retryable": False},
            }
        },
        status=404,
    ),
    "408": refused(408),
    "413": refused(413),
    "422": refused(422),
    "429 wait in seconds": refused(429, headers={"retry-after": "30"}),
    "429 wait as a date": refused(429, headers={"retry-after": formatdate(time() + 7_200, usegmt=True)}),
    "429 no header": refused(429),
    "500": refused(500),
    "502": refused(502),
    "503 retryable": whole(
        {
            "error": {
                "message": "busy",
                "http_status": 503,
                "availability": {"code": "temporarily_unavailable", "retryable": True},
            }
        },
        status=503,
    ),
    "503 not retryable": refused(503, message="no provider meets your routing requirements"),
    "524": refused(524),
    "529": refused(529),
    "200 with an error": whole({"error": {"code": 502, "message": "gone"}}),
    "no choices": Play([event(choices=[]), DONE]),
    "null content": Play([event(None, finish="stop"), DONE]),
    "length": Play(said(*WORDS, finish="length")),
    "content filter": Play([event(WORDS[0]), event("", finish="content_filter"), DONE], pause_s=0.005),
    "error after text, code 429": Play(
        [event(WORDS[0]), failing(429, error_type="rate_limit_exceeded")], pause_s=0.005
    ),
    "error after text, code server_error": Play([event(WORDS[0]), failing("server_error")], pause_s=0.005),
}

_EVENTS: Final = said(*WORDS)
_STREAM: Final = b"".join(_EVENTS)
_ACCENTED: Final = "Pin a dépendency with an exact version in the requirements file 😀 [1]."


def _cut(stream: bytes, *at: int) -> Play:
    edges = [0, *at, len(stream)]
    return Play([stream[start:end] for start, end in itertools.pairwise(edges)], pause_s=0.005)


_ACCENTED_STREAM: Final = b"".join(said(_ACCENTED))
SHAPES: Final[Mapping[str, Play]] = {
    "comments between events": Play([part for one in _EVENTS for part in (COMMENT, one, COMMENT)], pause_s=0.001),
    "a comment in two pieces": _cut(COMMENT + _STREAM, 9),
    "CRLF": _cut(_STREAM.replace(b"\n", b"\r\n"), 40, len(_EVENTS[0]) + 1),
    "a character in two pieces": _cut(
        _ACCENTED_STREAM, _ACCENTED_STREAM.index("é".encode()) + 1, _ACCENTED_STREAM.index("😀".encode()) + 2
    ),
    "two events in one piece": Play([_STREAM]),
    "no DONE": Play(_EVENTS[:-1]),
    "no DONE and no finish_reason": Play([event(word) for word in WORDS], pause_s=0.005),
    "DONE and then more": Play([_STREAM + event("and more")]),
    "DONE twice": Play([_STREAM + DONE]),
    "data without a space": Play([_STREAM.replace(b"data: ", b"data:")]),
    "an event without choices": Play([*said(*WORDS, usage=None)[:-1], event(choices=[], usage=USAGE), DONE]),
    "comments and nothing else": Play([COMMENT] * 5_000, pause_s=0.05),
    "blank lines and nothing else": Play([b"\n\n"] * 5_000, pause_s=0.05),
    "silence after text": Play([event(WORDS[0])], then="hang"),
    "1 MB in one event": Play(said("Pin a dependency with an exact version [1]. " * 24_000)),
    "closed before the first byte": Play([], then="cut"),
    "a stream without an end": Play([event("Pin a dependency with an exact version [1]. ")] * 100_000, then="hang"),
}


def check(asked: Asked, row: Expected, caplog: pytest.LogCaptureFixture, *, both: bool = False) -> None:
    turn = asked.turn
    assert asked.status == 200
    assert turn["status"] == "answered"
    assert turn["evidence"]
    assert turn["references"]
    by = "extractive" if both and row.by == "second" else row.by
    assert turn["model"] == by
    assert turn["degraded"] == (["model_unavailable"] if by == "extractive" else [])
    if not both:
        assert asked.outcomes == row.attempts
        assert asked.resets == row.resets
        opened = [record.port for record in caplog.records if record.message == "breaker opened"]  # type: ignore[attr-defined]
        assert tuple(opened) == row.opens
    else:
        assert asked.outcomes[-1] == ("ok" if by == "extractive" else row.attempts[-1])
    failed = [one for one in asked.outcomes if one != "ok"]
    warned = [
        record.outcome
        for record in caplog.records
        if record.message == "model called" and record.levelno == logging.WARNING
    ]  # type: ignore[attr-defined]
    assert warned == failed
    assert "never to be quoted" not in caplog.text
    assert "must not be quoted" not in str(turn)
    assert "what was asked" not in caplog.text


@pytest.mark.parametrize("heading", ["replies", "shapes of a stream"])
def test_the_tables_name_exactly_the_faults_that_are_played(heading: str) -> None:
    plays = REPLIES if heading == "replies" else SHAPES
    assert expected(f"OpenRouter: {heading}").keys() == plays.keys()


def _cases() -> list[tuple[str, str]]:
    return [("replies", fault) for fault in REPLIES] + [("shapes of a stream", fault) for fault in SHAPES]


@pytest.mark.parametrize("both", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["one model", "both models"])
@pytest.mark.parametrize(("heading", "fault"), _cases())
async def test_a_fault_of_a_model_becomes_what_the_table_says(
    heading: str, fault: str, both: bool, caplog: pytest.LogCaptureFixture
) -> None:
    row = expected(f"OpenRouter: {heading}")[fault]
    play = (REPLIES if heading == "replies" else SHAPES)[fault]
    caplog.set_level(logging.INFO, "ibid")
    async with FakeOpenRouter() as server, a_model_service(server.url, silent_s=silence(row)) as models:
        server.script("first", play)
        server.script("second", play if both else Play(said(*OTHER)))
        asked = await models.ask()
        check(asked, row, caplog, both=both)
        if row.by == "first" and row.attempts == ("ok",):
            assert asked.turn["answer"] in ("".join(WORDS), _ACCENTED)
        assert server.invalid == []
    assert server.running == 0


def test_the_network_s_table_names_exactly_the_twelve() -> None:
    assert expected("OpenRouter: the network").keys() == {fault.value for fault in Fault}


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_fault_of_the_network_becomes_what_the_table_says(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    row = expected("OpenRouter: the network")[fault.value]
    caplog.set_level(logging.INFO, "ibid")
    async with FakeOpenRouter() as server, FaultyProxy(server.port, seconds=0.05, bytes_per_s=20_000) as proxy:
        for model in ("first", "second"):
            server.script(model, WELL)
        async with a_model_service(proxy.url(path="/api/v1"), silent_s=silence(row)) as models:
            await proxy.play(fault)
            await repointed(models, proxy.url(fault, "/api/v1"))
            check(await models.ask(), row, caplog)


def silence(row: Expected) -> float:
    """Short only where it is waited for, since the machine may be busy."""
    return 0.4 if "timeout" in row.attempts else 10.0


async def repointed(models: ModelService, base_url: str) -> None:
    if models.chat_model.base_url != base_url:
        await models.chat_model.close()
        models.point_at(base_url)


async def test_after_a_fault_the_first_answer_comes_with_the_next_probe() -> None:
    async with FakeOpenRouter() as server, a_model_service(server.url, models=["first"], silent_s=10) as models:
        server.script("first", refused(500))
        for number in range(3):
            assert (await models.ask(f"{QUESTION} {number}")).outcomes[0] == "error"
        assert models.outside.states() == {"openrouter": "closed", "openrouter: first": "open"}
        calls = len(server.calls)
        left_alone = await models.ask(f"{QUESTION} left alone")
        assert (left_alone.outcomes, left_alone.turn["degraded"]) == (("ok",), ["model_unavailable"])
        assert len(server.calls) == calls

        server.script("first", WELL)
        models.breaker_clock.now += 4.9
        assert (await models.ask(f"{QUESTION} too early")).turn["model"] == "extractive"
        models.breaker_clock.now += 0.2
        assert (await models.ask(f"{QUESTION} again")).turn["model"] == "first"
        assert models.outside.states() == {"openrouter": "closed", "openrouter: first": "closed"}


async def test_states_of_breakers_show_in_readiness_and_leave_the_service_ready() -> None:
    async with FakeOpenRouter() as server, a_model_service(server.url, silent_s=10) as models:
        server.script("first", refused(401))
        await models.ask()
        async with models.service.client() as client:
            answer = await client.get("/health/ready")
        assert answer.status_code == 200
        assert answer.json()["checks"]["openrouter"] == "open"


TOKENS: Final = (*WORDS[:-1], ", and", " no range", " of versions", WORDS[-1])


@pytest.mark.parametrize("tokens", [0, 1, 5, len(TOKENS)])
async def test_a_server_killed_after_any_token_leaves_one_model_s_text_and_each_cost_once(tokens: int) -> None:
    async with FakeOpenRouter() as server, a_model_service(server.url, silent_s=10) as models:
        server.script("first", Play([event(word) for word in TOKENS[:tokens]], pause_s=0.005, then="cut"))
        server.script("second", Play(said(*OTHER)))
        server.costs = {"gen-fake-1": 0.25}
        asked = await models.ask()
    assert asked.turn["answer"] == "".join(OTHER)
    assert asked.resets == (("second",) if tokens else ())
    assert asked.turn["usage"]["cost_usd"] == pytest.approx(0.2512 if tokens else 0.0012)
    assert asked.turn["usage"]["cost_estimated"] is False


async def test_what_is_sent_is_one_model_bounded_and_kept_by_nobody() -> None:
    async with FakeOpenRouter() as server, a_model_service(server.url, silent_s=10) as models:
        await models.ask()
        [sent] = server.calls
    assert sent["model"] == "first"
    assert "models" not in sent
    assert sent["max_tokens"] == 1_024
    assert sent["provider"] == {"data_collection": "deny"}
    assert server.invalid == []


async def test_a_client_that_hangs_up_ends_the_model_s_call_where_it_asked_for_that() -> None:
    async with FakeOpenRouter() as server, a_model_service(server.url, silent_s=10) as models:
        server.script("first", Play([event(WORDS[0])], then="hang"))
        body = {"question": QUESTION, "collections": ["docs"], "on_disconnect": "cancel"}
        connection = Connection(models.service.app, "/v1/ask", body, accept="text/event-stream")
        await connection.until("event: text")
        assert server.running == 1
        await connection.hang_up()
        async with asyncio.timeout(2):
            while server.running:  # noqa: ASYNC110  a server notices a lost connection when it does
                await asyncio.sleep(0.001)
    assert server.broken_off == 1


async def test_the_key_is_in_no_log_line_error_or_turn_whatever_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeOpenRouter(key="another") as server, a_model_service(server.url, silent_s=10) as models:
        asked = await models.ask()
        assert asked.turn["degraded"] == ["model_unavailable"]
        assert KEY not in caplog.text + str(asked) + repr(models.chat_model) + repr(models.settings)
        for record in caplog.records:
            assert KEY not in str(record.__dict__)
        async with models.service.client() as client:
            for path in ("/schema", "/health/ready", "/v1/nothing"):
                assert KEY not in (await client.get(path)).text
