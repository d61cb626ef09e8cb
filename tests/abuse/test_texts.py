"""Naughty strings, lengths and Unicode in every text that the API takes: kept as they are or refused, never a 5xx."""

import unicodedata
from typing import Any, Final
from urllib.parse import quote

import msgspec
import pytest

from tests.abuse.bare_client import JSON, Answer, send
from tests.abuse.schema_walk import Operation, Schema, Text, as_json
from tests.entrypoints.http_service import ADMIN_KEY, HttpService, events_of

EVENT_STREAM: Final = (b"accept", b"text/event-stream")


async def with_text(service: HttpService, text: Text, value: str) -> Answer:
    """The sample request of the text's operation, with this value in its place."""
    operation = text.operation
    raw = as_json(operation.sample_body()) if operation.body_schema is not None else b""
    headers = [JSON] if raw else []
    if text.place == "body":
        raw, target = as_json(text.body_with(value)), operation.target()
    elif text.place == "header":
        headers.append((text.path[0].lower().encode(), value.encode(errors="surrogatepass")))
        target = operation.target()
    else:
        # Percent-encoded bytes, those that are no UTF-8 among them.
        encoded = quote(value.encode(errors="surrogatepass"), safe="")
        target = operation.target({text.path[0]: "@@"} if text.place == "path" else None)
        target = target.replace("%40%40", encoded) if text.place == "path" else f"{target}?{text.path[0]}={encoded}"
    return await send(service.app, operation.method, target, key=ADMIN_KEY, headers=headers, body=raw)


def fault(text: Text, value: str, answer: Answer) -> str | None:
    """What is wrong with the answer to a value in a place for text; None when nothing is."""
    # An id in a path that is none leads to no route, or to one that takes other methods.
    routing = {404, 405} if text.place == "path" else set()
    if answer.status not in text.operation.statuses | routing:
        return f"the status {answer.status} is not declared"
    if answer.status >= 500:
        return "broken"
    if answer.status >= 400:
        problem = answer.headers["content-type"] == "application/problem+json"
        return None if problem else "no problem document"
    return None if kept(text, value, answer) else "not kept as it was sent"


def kept(text: Text, value: str, answer: Answer) -> bool:
    """A field of the body that the answer has too holds what was sent, or that without the space around it."""
    if text.place != "body" or len(text.path) != 1 or not answer.body:
        return True
    said = answer.json()
    if not isinstance(said, dict) or text.path[0] not in said:
        return True
    return said[text.path[0]] in (value, value.strip())


@pytest.mark.parametrize("nth", [5, pytest.param(1, marks=pytest.mark.slow)])
async def test_a_naughty_string_is_kept_or_refused_in_every_text(
    service: HttpService, schema: Schema, naughty_strings: list[str], nth: int
) -> None:
    """Every string; in the quick run each in a fifth of the places, in the slow one in all."""
    wrong = []
    for position, text in enumerate(schema.texts()):
        for value in naughty_strings[position % nth :: nth]:
            answer = await with_text(service, text, value)
            if found := fault(text, value, answer):
                wrong.append((str(text), value, found, answer.text[:300]))
    assert not wrong


@pytest.mark.parametrize("nth", [10, pytest.param(1, marks=pytest.mark.slow)])
async def test_a_naughty_question_reads_the_same_as_json_as_a_stream_and_later(
    service: HttpService, naughty_strings: list[str], nth: int
) -> None:
    for value in naughty_strings[::nth]:
        body = as_json({"question": value})
        asked = await send(service.app, "POST", "/v1/ask", key=ADMIN_KEY, headers=[JSON], body=body)
        if asked.status != 200:
            assert (asked.status, value.strip()) == (422, "")
            continue
        streamed = await send(service.app, "POST", "/v1/ask", key=ADMIN_KEY, headers=[JSON, EVENT_STREAM], body=body)
        read = await send(service.app, "GET", f"/v1/turns/{asked.json()['turn_id']}", key=ADMIN_KEY)
        assert read.body == asked.body
        # A line of a stream may break at what only some readers take for a line's end, so none is in it.
        assert len(streamed.text.splitlines()) == streamed.text.count("\n")
        last = events_of(streamed.text)[-1]
        assert last[1] == "done"
        assert value.strip() == asked.json()["question"] == msgspec.json.decode(last[2])["question"]


UNICODE: Final = {
    "NUL": "a\x00b",
    "a high surrogate": "a\ud800b",
    "a low surrogate": "a\udc00b",
    "surrogates the wrong way round": "\udc00\ud800",
    "composed": unicodedata.normalize("NFC", "é"),
    "decomposed": unicodedata.normalize("NFD", "é"),
    "compatibility forms": "ﬁ Ａ ①",
    "bidirectional overrides": "\u202eabc\u202c",
    "bidirectional isolates": "\u2066abc\u2069",
    "zero width": "a\u200b\u200c\u200d\ufeffb",
    "a byte order mark": "\ufeffa",
    "an emoji of four bytes": "🦜",
    "a family": "👩‍👩‍👧‍👦",
    "a flag": "🇺🇳",
    "10,000 combining marks": "a" + "\u0301" * 10_000,
    "right to left": "שלום עולם",
    "Arabic ligature": "ﷺ",
    "line and paragraph separators": "a\u2028b\u2029c",
    "next line": "a\u0085b",
    "control characters": "a\x01\x02\x1b[31m\x7fb",
    "private use": "\ue000\U000f0000",
    "non-characters": "\ufffe\uffff\U0010ffff",
    "tags": "\U000e0041\U000e007f",
    "only white space of every kind": "\u00a0\u1680\u2003\u3000",
}


@pytest.mark.parametrize("value", UNICODE.values(), ids=UNICODE)
async def test_any_unicode_is_kept_or_refused_in_every_text(service: HttpService, schema: Schema, value: str) -> None:
    unstorable = "\x00" in value or any("\ud800" <= one <= "\udfff" for one in value)
    wrong = []
    for text in schema.texts():
        if text.place == "header" and not value.isascii():
            continue
        answer = await with_text(service, text, value)
        found = fault(text, value, answer)
        if unstorable and text.place == "body" and answer.status not in (400, 422):
            found = "what cannot be stored was taken"
        if found:
            wrong.append((str(text), found, answer.text[:300]))
    assert not wrong


LIMITS: Final[dict[str, int]] = {"question": 4_000, "selected_text": 4_000, "query": 4_000}
"""Where the limit counts after trimming, so that no schema says it: api.md does."""


def limit_of(text: Text) -> int | None:
    return text.schema.get("maxLength", LIMITS.get(str(text.path[-1])))


async def test_no_length_of_a_text_is_cut_in_silence(service: HttpService, schema: Schema) -> None:
    """0, 1, the limit, one more, ten times: taken whole or refused with the status for it."""
    wrong: list[Any] = []
    for text in schema.texts():
        limit = limit_of(text)
        for length in (0, 1, *((limit, limit + 1, limit * 10) if limit else (10_000, 100_000))):
            answer = await with_text(service, text, "x" * length)
            found = fault(text, "x" * length, answer)
            if limit and length > limit and answer.status not in (400, 404, 413, 422):
                found = "longer than its limit, and taken"
            if found:
                wrong.append((str(text), length, found, answer.status, answer.text[:300]))
    assert not wrong


def arrays_in(schema: Schema, part: Any, at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    part = schema.resolved(part)
    if part.get("type") == "array":
        return [(at, part)]
    return [one for name, below in part.get("properties", {}).items() for one in arrays_in(schema, below, (*at, name))]


async def test_no_array_is_longer_than_its_limit(service: HttpService, schema: Schema) -> None:
    def body(operation: Operation, at: tuple[str, ...], items: list[Any]) -> bytes:
        value = operation.sample_body()
        inner = value
        for step in at[:-1]:
            inner = inner.setdefault(step, {})
        inner[at[-1]] = items
        return as_json(value)

    tried = 0
    for operation in schema.with_json_body():
        for at, part in arrays_in(schema, operation.body_schema):
            item = schema.sample(part["items"], {"collections": "collection"}.get(at[-1], ""))
            most = part.get("maxItems", 1_000)
            for length in (0, 1, most + 1, most * 2):
                answer = await send(
                    service.app, operation.method, operation.target(), key=ADMIN_KEY, headers=[JSON],
                    body=body(operation, at, [item] * length),
                )  # fmt: skip
                tried += 1
                assert answer.status < 500, (str(operation), at, length, answer.text)
                if length > part.get("maxItems", length) or length < part.get("minItems", 0):
                    assert answer.status in (413, 422), (str(operation), at, length, answer.text)
    assert tried > 8
