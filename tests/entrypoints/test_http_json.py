"""Bytes that are no JSON, or strange JSON, to every route that takes a body."""

import json
from pathlib import Path

import pytest

from tests.entrypoints.http_service import ADMIN_KEY, HttpService, events_of

SHARED = Path(__file__).parents[3] / "shared/data"
FILES = SHARED / "jsontestsuite/test_parsing"
BLNS = SHARED / "blns/blns.json"
EVENT_STREAM = "text/event-stream"
ROUTES = ("/v1/ask", "/v1/search", "/v1/admin/ingestions")


@pytest.fixture
def files() -> list[Path]:
    if not FILES.is_dir():
        pytest.skip(f"the JSON test suite is not at {FILES}")
    found = sorted(FILES.glob("*.json"))
    assert len(found) > 300
    return found


@pytest.mark.parametrize("path", ROUTES)
async def test_the_json_test_suite_breaks_nothing(service: HttpService, files: list[Path], path: str) -> None:
    wrong = []
    async with service.client(ADMIN_KEY, **{"Content-Type": "application/json"}) as client:
        for file in files:
            answer = await client.post(path, content=file.read_bytes())
            taken = (400,) if file.name.startswith("n_") else (400, 422)
            if answer.status_code not in taken or answer.headers["content-type"] != "application/problem+json":
                wrong.append((file.name, answer.status_code, answer.text))
    assert not wrong


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b'{"question": "\xe9"}',
        b'{"question": "\xed\xa0\x80"}',
        b'{"question": NaN}',
        b'{"question": "a",}',
        b'{"colour": 1, "question": }',
        b"[" * 100_000,
        b'{"question":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"documents": [{"metadata": {"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}]}",
        b"null garbage",
        b" ",
    ],
)
async def test_what_is_no_json_is_400(service: HttpService, path: str, body: bytes) -> None:
    async with service.client(ADMIN_KEY, **{"Content-Type": "application/json"}) as client:
        answer = await client.post(path, content=body)
    assert answer.status_code in (400, 413) if len(body) > 200_000 else answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_numbers_beyond_a_float_are_a_value_refused(service: HttpService) -> None:
    async with service.client(ADMIN_KEY, **{"Content-Type": "application/json"}) as client:
        answer = await client.post("/v1/ask", content=b'{"question": "why?", "top_k": 1e400}')
    assert answer.status_code == 422


async def test_the_last_of_two_equal_names_counts(service: HttpService) -> None:
    async with service.client(ADMIN_KEY, **{"Content-Type": "application/json; charset=utf-8"}) as client:
        answer = await client.post("/v1/ask", content=b'{"question": "", "question": "why?"}')
    assert (answer.status_code, answer.json()["question"]) == (200, "why?")


async def test_an_escaped_backslash_before_u0000_is_no_nul(service: HttpService) -> None:
    async with service.client(ADMIN_KEY, **{"Content-Type": "application/json"}) as client:
        answer = await client.post("/v1/ask", content=rb'{"question": "what is \\u0000?"}')
    assert (answer.status_code, answer.json()["question"]) == (200, r"what is \u0000?")


async def test_no_naughty_string_breaks_a_question_a_search_or_a_stream(service: HttpService) -> None:
    if not BLNS.is_file():
        pytest.skip(f"the Big List of Naughty Strings is not at {BLNS}")
    strings = json.loads(BLNS.read_text())
    assert len(strings) > 500
    wrong = []
    async with service.client(ADMIN_KEY) as client:
        for position, string in enumerate(strings):
            asked = await client.post("/v1/ask", json={"question": string})
            if position % 4:  # a quarter of them three ways is enough, and seconds cheaper
                streamed = found = asked
            else:
                body = {"query": string, "filters": {"uri_prefix": "a" + string}}
                found = await client.post("/v1/search", json=body)
                streamed = await client.post("/v1/ask", json={"question": string}, headers={"Accept": EVENT_STREAM})
            kept = asked.json().get("question")
            if kept is None and string.strip():
                wrong.append(("refused", string, asked.text))
            elif kept is not None:
                done = json.loads(events_of(streamed.text)[-1][2]) if streamed is not asked else asked.json()
                read = (await client.get(f"/v1/turns/{asked.json()['turn_id']}")).json()
                if not kept == done["question"] == read["question"] == string.strip():
                    wrong.append(("changed", string, kept))
            if max(asked.status_code, found.status_code, streamed.status_code) >= 500:
                wrong.append(("broken", string, asked.text + found.text + streamed.text))
    assert not wrong
