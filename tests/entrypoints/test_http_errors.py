"""Whatever goes wrong, the answer is a problem document with the right status, and it tells no secret."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from domain import errors
from domain.errors import IbidError, NotAuthenticated, PortRefused, PortReplyInvalid, PortUnavailable
from entrypoints.http.errors import TABLE, headers_of, problem_of
from tests.entrypoints.http_service import (
    ADMIN_KEY,
    KEYS,
    LOADER_KEY,
    QUESTION,
    READER_KEY,
    HttpService,
    ScriptedWriter,
    a_service,
)

UNKNOWN_ID = "01890b2f-0000-7000-8000-000000000000"
PROBLEM_FIELDS = ["type", "title", "status", "detail", "instance", "code", "errors"]
GUARDED = [
    ("POST", "/v1/ask"), ("POST", "/v1/search"), ("GET", f"/v1/turns/{UNKNOWN_ID}"),
    ("GET", f"/v1/turns/{UNKNOWN_ID}/events"), ("POST", f"/v1/turns/{UNKNOWN_ID}/cancel"),
    ("GET", f"/v1/turns/{UNKNOWN_ID}/feedback"), ("POST", f"/v1/turns/{UNKNOWN_ID}/feedback"),
    ("GET", "/v1/conversations"), ("POST", "/v1/conversations"), ("GET", f"/v1/conversations/{UNKNOWN_ID}"),
    ("PATCH", f"/v1/conversations/{UNKNOWN_ID}"), ("DELETE", f"/v1/conversations/{UNKNOWN_ID}"),
    ("GET", f"/v1/conversations/{UNKNOWN_ID}/turns"), ("GET", "/v1/documents"), ("GET", f"/v1/documents/{UNKNOWN_ID}"),
    ("DELETE", f"/v1/documents/{UNKNOWN_ID}"), ("GET", f"/v1/documents/{UNKNOWN_ID}/text"),
    ("POST", "/v1/admin/ingestions"), ("GET", "/v1/admin/ingestions"), ("GET", f"/v1/admin/ingestions/{UNKNOWN_ID}"),
    ("GET", f"/v1/admin/ingestions/{UNKNOWN_ID}/documents"),
]  # fmt: skip


def leaves(of: type[IbidError]) -> Iterator[type[IbidError]]:
    children = of.__subclasses__()
    if not children:
        yield of
    for child in children:
        yield from leaves(child)


def test_every_error_raised_on_purpose_has_a_row() -> None:
    known = [leaf for leaf in leaves(IbidError) if leaf.__module__ == errors.__name__]
    assert len(known) > 10
    assert not [leaf.__name__ for leaf in known if leaf not in TABLE]


def test_codes_are_distinct_words() -> None:
    codes = [row.code for row in TABLE.values()]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() for code in codes)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (PortUnavailable("index", retry_after_s=0.2), 503, "1"),
        (PortUnavailable("index"), 503, "5"),
        (PortRefused("embedder", "the key was refused"), 503, "5"),
        (PortReplyInvalid("embedder", "too few vectors"), 503, "5"),
    ],
)
def test_a_failed_port_says_when_to_come_back(error: IbidError, status: int, retry_after: str) -> None:
    assert problem_of(error, instance="/v1/search").status == status
    assert headers_of(error) == {"Retry-After": retry_after}


def test_an_unknown_credential_says_which_scheme_is_spoken() -> None:
    assert headers_of(NotAuthenticated()) == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_every_route_but_health_and_schema_asks_for_a_key(refusing: HttpService, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {READER_KEY}"}):
        async with refusing.client(None, **headers) as client:
            # No JSON on purpose: a stranger is turned away before the body is looked at.
            answer = await client.request(method, path, content=b"{", headers={"Content-Type": "application/json"})
        assert_problem(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["//v1/ask", "/v1/ask/", "/v1//ask", "/v1/./ask", "/v1/ask;x=1"])
async def test_no_spelling_of_a_path_gets_around_the_key(refusing: HttpService, path: str) -> None:
    async with refusing.client(None) as client:
        answer = await client.post(path, json={"question": QUESTION})
    assert answer.status_code in (401, 404)


async def test_two_authorization_headers_are_refused(service: HttpService) -> None:
    async with service.client(None) as client:
        headers = [("Authorization", f"Bearer {READER_KEY}"), ("Authorization", f"Bearer {ADMIN_KEY}")]
        answer = await client.get("/v1/documents", headers=headers)
    assert_problem(answer, 400, "bad_request")


async def test_what_is_not_served_is_a_problem_too(service: HttpService) -> None:
    async with service.client() as client:
        assert_problem(await client.get("/nowhere"), 404, "not_found")
        assert_problem(await client.get("/schema/swagger"), 404, "not_found")
        assert_problem(await client.get("/v1/turns/not-an-id"), 404, "not_found")
        assert_problem(await client.get(f"/v1/turns/{UNKNOWN_ID}"), 404, "turn_not_found")
        refused = await client.put("/v1/documents", json={})
    assert_problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_head_is_get_without_its_body_and_options_names_the_methods(service: HttpService) -> None:
    async with service.client() as client:
        got, headed = await client.get("/v1/documents"), await client.head("/v1/documents")
        asked = await client.options("/v1/ask")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == got.headers["content-length"]
    assert (asked.status_code, asked.headers["allow"]) == (204, "OPTIONS, POST")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "out_of_range", "question"),
        ({"question": "   "}, 422, "blank", "question"),
        ({"question": "x" * 4_001}, 422, "too_long", "question"),
        ({"question": 7}, 400, "bad_request", "question"),
        ({"question": None}, 400, "bad_request", "question"),
        ([], 400, "bad_request", ""),
        ({"question": QUESTION, "colour": "red"}, 422, "out_of_range", "colour"),
        ({"question": QUESTION, "filters": {"k": 1}}, 422, "out_of_range", "filters.k"),
        ({"question": QUESTION, "filters": {"metadata": {"lang": 1}}}, 400, "bad_request", "filters.metadata"),
        ({"question": QUESTION, "filters": {"metadata": {str(n): "" for n in range(1_000)}}}, 422, "out_of_range",
         "filters.metadata"),
        ({"question": QUESTION, "top_k": 0}, 422, "out_of_range", "top_k"),
        ({"question": QUESTION, "top_k": 21}, 422, "out_of_range", "top_k"),
        ({"question": QUESTION, "top_k": 10**30}, 422, "out_of_range", "top_k"),
        ({"question": QUESTION, "top_k": 1.5}, 422, "out_of_range", "top_k"),
        ({"question": QUESTION, "top_k": "6"}, 400, "bad_request", "top_k"),
        ({"question": QUESTION, "verification": "maybe"}, 422, "out_of_range", "verification"),
        ({"question": QUESTION, "on_disconnect": "explode"}, 422, "out_of_range", "on_disconnect"),
        ({"question": QUESTION, "citation_style": "comic"}, 422, "out_of_range", "citation_style"),
        ({"question": QUESTION, "conversation_id": "zz"}, 422, "out_of_range", "conversation_id"),
        ({"question": QUESTION, "collections": []}, 422, "out_of_range", "collections"),
        ({"question": QUESTION, "selected_text": ""}, 422, "blank", "selected_text"),
        ({"question": "nul \x00 in it"}, 422, "forbidden_character", "question"),
        ({"question": "half \ud800 a pair"}, 422, "forbidden_character", "question"),
        ({"question": QUESTION, "filters": {"metadata": {"a\x00": "b"}}}, 422, "forbidden_character",
         "filters.metadata"),
    ],
)  # fmt: skip
async def test_a_question_that_is_refused_names_the_field(
    refusing: HttpService, body: Any, status: int, code: str, field: str
) -> None:
    async with refusing.client() as client:
        # With escapes, because a lone surrogate has no UTF-8 form.
        raw = json.dumps(body).encode()
        answer = await client.post("/v1/ask", content=raw, headers={"Content-Type": "application/json"})
        stored = refusing.adapters.store().turns
    assert_problem(answer, status, code)
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert not stored


async def test_a_refused_document_is_named_by_its_place(service: HttpService) -> None:
    good = {"uri": "a.md", "content": "# A", "format": "markdown"}
    bad: list[tuple[dict[str, Any], str]] = [
        ({**good, "uri": " "}, "documents[1].uri"),
        (good, "documents[1].uri"),
        ({**good, "uri": "b", "url": "javascript:alert(1)"}, "documents[1].url"),
        ({**good, "uri": "b", "format": "xlsx"}, "documents[1].format"),
        ({**good, "uri": "b", "format": "docx"}, "documents[1].content"),
        ({**good, "uri": "b", "metadata": {"deep": ["a\x00"]}}, "documents[1].metadata.deep[0]"),
        ({"uri": "b", "format": "text"}, "documents[1].content"),
    ]
    async with service.client(LOADER_KEY) as client:
        for document, field in bad:
            answer = await client.post(
                "/v1/admin/ingestions", json={"collection": "docs", "documents": [good, document]}
            )
            assert answer.status_code == 422
            assert [one["field"] for one in answer.json()["errors"]] == [field]


async def test_another_content_type_is_415(service: HttpService) -> None:
    async with service.client() as client:
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await client.post("/v1/ask", content=b"{}", headers={"Content-Type": content_type})
            assert_problem(answer, 415, "unsupported_media_type")


async def test_a_body_beyond_the_limit_is_413(service: HttpService) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", json={"question": "x" * 300_000})
    assert_problem(answer, 413, "too_large")


async def test_an_empty_body_is_400(service: HttpService) -> None:
    async with service.client() as client:
        answer = await client.post("/v1/ask", content=b"", headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "bad_request")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=abc", "limit=1.5", "limit=", "uri=a%00b"])
async def test_a_bad_parameter_is_422_and_named(refusing: HttpService, query: str) -> None:
    async with refusing.client() as client:
        answer = await client.get(f"/v1/documents?{query}")
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize("cursor", ["nonsense", "%00", "%F0%9F%98%80", "bm9uc2Vuc2U=", "' OR 1=1"])
async def test_a_cursor_that_was_not_given_out_is_400(refusing: HttpService, cursor: str) -> None:
    async with refusing.client(ADMIN_KEY) as client:
        for path in ("/v1/documents", "/v1/admin/ingestions"):
            assert_problem(await client.get(f"{path}?cursor={cursor}"), 400, "bad_cursor")


async def test_scopes_are_asked_for(service: HttpService) -> None:
    async with service.client(READER_KEY) as reader, service.client(LOADER_KEY) as loader:
        assert_problem(await reader.get("/v1/admin/ingestions"), 403, "scope_missing")
        assert_problem(await reader.delete(f"/v1/documents/{UNKNOWN_ID}"), 403, "scope_missing")
        assert_problem(await loader.post("/v1/ask", json={"question": QUESTION}), 403, "scope_missing")
        documents = [{"uri": "a", "content": "a", "format": "text"}]
        answer = await loader.post("/v1/admin/ingestions", json={"collection": "new", "documents": documents})
        assert_problem(answer, 404, "collection_not_found")


async def test_a_request_id_is_taken_or_made_and_always_returned(service: HttpService) -> None:
    async with service.client() as client:
        assert (await client.get("/nowhere", headers={"X-Request-Id": "abc 1"})).headers["x-request-id"] == "abc 1"
        for refused in ("", "x" * 129, "tab\there"):
            made = (await client.get("/v1/documents", headers={"X-Request-Id": refused})).headers["x-request-id"]
            assert made != refused
            assert len(made) == 36


async def test_one_line_a_request_tells_its_route_and_no_more(
    service: HttpService, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ibid.request"):
        async with service.client() as client:
            await client.get("/v1/documents?uri=hush", headers={"X-Request-Id": "r1", "Cookie": "hush"})
            await client.post("/v1/ask", json={"question": "hush?"}, headers={"Accept": "text/event-stream"})
    told = [
        {name: getattr(record, name) for name in ("method", "route", "status", "principal")}
        for record in caplog.records
        if record.message == "request"
    ]
    assert told == [
        {"method": "GET", "route": "/v1/documents", "status": 200, "principal": "reader"},
        {"method": "POST", "route": "/v1/ask", "status": 200, "principal": "reader"},
    ]
    assert caplog.records[0].__dict__["request_id"] == "r1"
    assert "hush" not in str([vars(record) for record in caplog.records])


async def test_a_bug_is_logged_once_and_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with a_service(ScriptedWriter()) as service, service.client() as client:
        # What a bug is: something the code took for granted is not there.
        service.adapters.store().collections = None  # type: ignore[assignment]
        answer = await client.get("/v1/documents")
    assert_problem(answer, 500, "internal_error")
    assert "NoneType" not in answer.text
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_no_key_is_in_any_log_error_or_schema(service: HttpService, caplog: pytest.LogCaptureFixture) -> None:
    said = ""
    with caplog.at_level(logging.DEBUG):
        for key in (*KEYS, "ibid_wrong_0123456789abcdef"):
            async with service.client(key) as client:
                for method, path in (*GUARDED, ("GET", "/schema"), ("GET", "/docs"), ("GET", "/health/ready")):
                    answer = await client.request(method, path, json={"question": QUESTION})
                    said += answer.text + str(answer.headers)
                    assert answer.status_code < 500
    said += "".join(str(vars(record)) for record in caplog.records)
    assert not [key for key in (*KEYS, "ibid_wrong_0123456789abcdef") if key in said]


async def test_json_is_never_taken_for_a_page(service: HttpService) -> None:
    async with service.client() as client:
        for answer in (await client.get("/v1/documents"), await client.get("/nowhere")):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert list(problem) == PROBLEM_FIELDS
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/")
