"""What a request can cost: the longest question of anything costs little, and no route is there unasked."""

import time
from typing import Any, Final

import pytest
from litestar.routes import HTTPRoute

from domain.conversation.model import MAX_QUESTION_CHARS
from entrypoints.http.description import api_description
from tests.abuse.bare_client import JSON, send
from tests.abuse.schema_walk import as_json
from tests.entrypoints.http_service import READER_KEY, HttpService

MOST_S: Final = 1.0
"""Of processor time, for a question of 4,000 characters; most take a hundredth of it."""

REPEATED: Final = (
    " a", "a\n", " \n a", "a", "A", "0", "-", "_", ".", ",", "[", "]", "(", ")", "<", ">", "`", "```\n", "'", '"', "*",
    "#", "/", "\\", "|", "~", "=", "!", "&", ":", ";", "@", "{", "}", "$", "é", "漢", "a\u200b", "a\u0301", "[1]", "[1",
    "![", "](", "<a", "<a b=", "<!--", "{{", "&amp;", "a. ", "a-", "a@", "A.", "0.", "0,", "1. ", "- ", "> ", "a=",
    "10.1/", "http://a", "x\r", "not ", "what is ", "how many ", "this ", "than ", "and it ", "who? ",
)  # fmt: skip


@pytest.mark.parametrize("repeated", REPEATED, ids=repr)
async def test_the_longest_question_costs_little_whatever_it_repeats(service: HttpService, repeated: str) -> None:
    """Every expression that reads a question meets it here: one that backtracks takes seconds over some of these."""
    text = (repeated * MAX_QUESTION_CHARS)[: MAX_QUESTION_CHARS - 1].strip() + "?"
    spaced = "a" + " \n\t"[len(repeated) % 3] * (MAX_QUESTION_CHARS - 2) + repeated[0]
    for body in ({"question": text, "selected_text": text, "top_k": 20}, {"question": spaced, "selected_text": spaced}):
        began = time.process_time()
        answer = await send(service.app, "POST", "/v1/ask", key=READER_KEY, headers=[JSON], body=as_json(body))
        assert answer.status == 200, answer.text
        assert time.process_time() - began < MOST_S


async def test_every_route_is_described_and_none_is_for_debugging(service: HttpService) -> None:
    described: dict[str, Any] = api_description(service.app)["paths"]
    routes = {route.path_format for route in service.app.routes if isinstance(route, HTTPRoute)}
    assert routes - described.keys() == {"/docs", "/schema", "/schema/openapi.json"} & routes
    assert not service.app.debug
    assert {"/docs", "/schema"} & routes
