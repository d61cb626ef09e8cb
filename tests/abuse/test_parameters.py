"""Numbers, ids and what narrows a search: values that are no numbers, no ids, or meant for somebody else's database."""

from typing import Any, Final

import pytest

from tests.abuse.bare_client import JSON, is_problem, send
from tests.abuse.schema_walk import MISSING_ID, Schema, as_json
from tests.entrypoints.http_service import ADMIN_KEY, READER_KEY, HttpService

NO_NUMBERS: Final = [
    b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1.5", b"-1", b"0", b"9223372036854775808",
    b"18446744073709551616", b"1" + b"0" * 400, b"1e-400", b"01", b"+1", b"1.", b".5", b"0x10", b'"6"', b"[6]",
    b"null", b"true",
]  # fmt: skip
"""None of these is a count of passages."""

NO_IDS: Final = [
    "", " ", "0", "null", "None", "not-an-id", MISSING_ID[:-1], MISSING_ID + "0", "g" * 36, "../../etc/passwd",
    "' OR 1=1 --", "%00", "{" + MISSING_ID, "urn:uuid:" + MISSING_ID + "0", "-1", "1e400", "NaN", "00000000" * 4 + "z",
    "🦜", "01890b2f\u20130000-7000-8000-000000000000",
]  # fmt: skip


async def ask(service: HttpService, raw: bytes, *, route: str = "/v1/search", key: str = ADMIN_KEY) -> Any:
    return await send(service.app, "POST", route, key=key, headers=[JSON], body=raw)


@pytest.mark.parametrize("number", NO_NUMBERS, ids=lambda raw: raw[:24].decode())
@pytest.mark.parametrize("field", [b"limit", b"top_k"])
async def test_what_is_no_count_is_refused(service: HttpService, field: bytes, number: bytes) -> None:
    route, text = ("/v1/search", b"query") if field == b"limit" else ("/v1/ask", b"question")
    answer = await ask(service, b'{"%b": "pin", "%b": %b}' % (text, field, number), route=route)
    assert answer.status in (400, 422), answer.text
    assert is_problem(answer)


@pytest.mark.parametrize("number", [b"6", b"6.0", b"6e0", b"60e-1", b"0.06E2"])
async def test_a_whole_number_may_be_written_as_any_json_number(service: HttpService, number: bytes) -> None:
    answer = await ask(service, b'{"query": "pin", "limit": %b}' % number)
    assert answer.status == 200, answer.text


async def test_only_the_number_at_fault_is_read_again(service: HttpService) -> None:
    answer = await ask(service, b'{"question": "pin?", "top_k": 6.0, "colour": 1}', route="/v1/ask")
    assert [one["field"] for one in answer.json()["errors"]] == ["colour"]
    answer = await ask(service, b'{"question": "pin?", "top_k": 21.0}', route="/v1/ask")
    assert [one["field"] for one in answer.json()["errors"]] == ["top_k"]


@pytest.mark.parametrize("value", NO_IDS)
async def test_what_is_no_id_is_refused_in_a_body_and_not_found_in_a_path(
    service: HttpService, schema: Schema, value: str
) -> None:
    answer = await ask(service, as_json({"question": "why?", "conversation_id": value}), route="/v1/ask")
    assert answer.status == 422, answer.text
    for operation in schema.operations():
        names = [one["name"] for one in operation.parameters("path") if one["schema"].get("format") == "uuid"]
        for name in names:
            body = as_json(operation.sample_body()) if operation.body_schema else b""
            answer = await send(
                service.app, operation.method, operation.target({name: value}), key=ADMIN_KEY, headers=[JSON], body=body
            )
            assert answer.status in (404, 405) or not value.strip(), (str(operation), answer.text)
            assert answer.status < 500


@pytest.mark.parametrize(
    "value", [MISSING_ID.upper(), MISSING_ID.replace("-", ""), "{" + MISSING_ID + "}", "urn:uuid:" + MISSING_ID]
)
async def test_another_spelling_of_a_missing_id_is_just_as_missing(
    service: HttpService, schema: Schema, value: str
) -> None:
    for operation in schema.operations():
        if operation.method == "GET" and "{turn_id}" in operation.path:
            answer = await send(service.app, "GET", operation.target({"turn_id": value}), key=ADMIN_KEY)
            assert answer.status == 404


NESTED: Final = b'{"query": "a", "filters": {"metadata": {"lang": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}}}"
CLAUSES: Final = b",".join(b'"k%d": "v"' % number for number in range(1_000))

REFUSED_SEARCHES: Final = {
    "no text": b'{"query": ""}',
    "blank": b'{"query": " \\t\\n"}',
    "missing": b"{}",
    "a list for a text": b'{"query": ["a"]}',
    "limit 0": b'{"query": "a", "limit": 0}',
    "limit -1": b'{"query": "a", "limit": -1}',
    "limit 51": b'{"query": "a", "limit": 51}',
    "limit 10^9": b'{"query": "a", "limit": 1000000000}',
    "rerank as text": b'{"query": "a", "rerank": "yes"}',
    "rerank as number": b'{"query": "a", "rerank": 1}',
    "an unknown field": b'{"query": "a", "offset": 1}',
    "k of another product": b'{"query": "a", "k": 5}',
    "scores asked for": b'{"query": "a", "with_payload": true}',
    "no collection": b'{"query": "a", "collections": []}',
    "a blank collection": b'{"query": "a", "collections": [""]}',
    "a number as collection": b'{"query": "a", "collections": [1]}',
    "101 collections": b'{"query": "a", "collections": [%b]}' % b",".join(b'"c%d"' % number for number in range(101)),
    "filters as a list": b'{"query": "a", "filters": []}',
    "filters as a text": b'{"query": "a", "filters": "lang = en"}',
    "an unknown filter": b'{"query": "a", "filters": {"author": "x"}}',
    "must": b'{"query": "a", "filters": {"must": [{"key": "tenant", "match": {"value": "x"}}]}}',
    "must_not": b'{"query": "a", "filters": {"must_not": []}}',
    "should": b'{"query": "a", "filters": {"should": []}}',
    "has_id": b'{"query": "a", "filters": {"has_id": ["x"]}}',
    "$or": b'{"query": "a", "filters": {"$or": [{"a": 1}]}}',
    "$where": b'{"query": "a", "filters": {"metadata": {"$where": {"a": 1}}}}',
    "1,000 clauses": b'{"query": "a", "filters": {"metadata": {%b}}}' % CLAUSES,
    "nested 100 deep": NESTED,
    "a list as clause": b'{"query": "a", "filters": {"metadata": {"lang": ["en", "de"]}}}',
    "a number as clause": b'{"query": "a", "filters": {"metadata": {"lang": 1}}}',
    "null as clause": b'{"query": "a", "filters": {"metadata": {"lang": null}}}',
    "an object as clause": b'{"query": "a", "filters": {"metadata": {"lang": {"gte": 0}}}}',
    "a long name": b'{"query": "a", "filters": {"metadata": {"%b": "x"}}}' % (b"k" * 1_001),
    "a long clause": b'{"query": "a", "filters": {"metadata": {"lang": "%b"}}}' % (b"v" * 1_001),
    "an empty prefix": b'{"query": "a", "filters": {"uri_prefix": ""}}',
    "a long prefix": b'{"query": "a", "filters": {"uri_prefix": "%b"}}' % (b"p" * 1_001),
    "a list as prefix": b'{"query": "a", "filters": {"uri_prefix": ["p"]}}',
    "reviewed as text": b'{"query": "a", "filters": {"peer_reviewed_only": "true"}}',
    "reviewed as null": b'{"query": "a", "filters": {"peer_reviewed_only": null}}',
    "a query of 4,001 characters": b'{"query": "%b"}' % (b"q" * 4_001),
}  # fmt: skip


@pytest.mark.parametrize("raw", REFUSED_SEARCHES.values(), ids=REFUSED_SEARCHES)
async def test_a_search_that_is_not_one_of_ours_is_refused(service: HttpService, raw: bytes) -> None:
    for route in ("/v1/search", "/v1/ask"):
        body = raw if route == "/v1/search" else raw.replace(b'"query"', b'"question"').replace(b'"limit"', b'"top_k"')
        answer = await ask(service, body, route=route)
        assert answer.status in (400, 422), answer.text
        assert is_problem(answer)
        assert answer.json()["errors"]


SMUGGLED: Final = [
    '{"must": []}', '{"key": "collection", "match": {"value": "payroll"}}', "*", ".*", "^", "%", "_", "%' OR '1'='1",
    "'; DROP TABLE passages; --", "docs\" OR 1=1", "a:* | b:*", "!docs", "(((", "\\", "${jndi:ldap://x}", "{{7*7}}",
    "\u200bdocs", "DOCS", "docs ", "payroll",
]  # fmt: skip


@pytest.mark.parametrize("value", SMUGGLED)
async def test_a_filter_is_a_plain_text_and_opens_nothing(service: HttpService, value: str) -> None:
    """``payroll`` is there, and not this reader's: no spelling of a filter finds a passage of it."""

    async def found(**narrowed: Any) -> Any:
        return await ask(service, as_json({"query": "payroll ledger heron", **narrowed}), key=READER_KEY)

    for filters in ({"uri_prefix": value}, {"metadata": {"lang": value}}, {"metadata": {value: "en"}}):
        answer = await found(filters=filters)
        assert (answer.status, answer.json()["passages"]) == (200, []), (filters, answer.text)
    assert (await found(collections=[value])).status == 404
