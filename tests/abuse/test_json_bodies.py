"""Bytes that are no JSON, or strange JSON, to every route that takes JSON."""

from pathlib import Path

import msgspec
import pytest

from tests.abuse.bare_client import JSON, Answer, is_problem, send
from tests.abuse.schema_walk import Operation, Schema
from tests.entrypoints.http_service import ADMIN_KEY, HttpService

TOO_DEEP = 20_000


def is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


async def post(service: HttpService, operation: Operation, raw: bytes) -> Answer:
    return await send(service.app, operation.method, operation.target(), key=ADMIN_KEY, headers=[JSON], body=raw)


async def test_every_route_s_sample_body_is_taken(service: HttpService, schema: Schema) -> None:
    """Else the suites below would try nothing but the refusal of a field that they are not about."""
    operations = schema.with_json_body()
    assert {"POST /v1/ask", "POST /v1/search", "POST /v1/admin/ingestions"} <= {str(one) for one in operations}
    refused = []
    for operation in operations:
        answer = await post(service, operation, msgspec.json.encode(operation.sample_body()))
        # A missing object and a name that is taken are found after the body has been read.
        if answer.status >= 400 and answer.status not in (404, 409):
            refused.append((str(operation), answer.status, answer.text))
    assert not refused, "give the field a good value in schema_walk.SAMPLES"


async def test_the_json_test_suite_gets_its_status_from_every_route(
    service: HttpService, schema: Schema, json_files: list[Path]
) -> None:
    wrong = []
    for operation in schema.with_json_body():
        for file in json_files:
            answer = await post(service, operation, file.read_bytes())
            # 409: the reindex that another empty object began may be running still.
            taken = (400,) if file.name.startswith("n_") else (200, 201, 202, 204, 400, 404, 409, 422)
            if answer.status not in taken or (answer.status >= 400 and not is_problem(answer)):
                wrong.append((str(operation), file.name, answer.status, answer.text))
    assert not wrong


async def test_the_json_test_suite_in_the_place_of_a_value(
    service: HttpService, schema: Schema, json_files: list[Path]
) -> None:
    """The same bytes inside an otherwise good body: as the first of its fields."""
    wrong = []
    for operation in schema.with_json_body():
        sample = operation.sample_body()
        names = sorted(schema.resolved(operation.body_schema)["properties"])
        for position, file in enumerate(json_files):
            name = names[position % len(names)]
            rest = msgspec.json.encode({key: value for key, value in sample.items() if key != name})[1:-1]
            raw = b'{"%b":%b%b}' % (name.encode(), file.read_bytes(), b"," + rest if rest else b"")
            answer = await post(service, operation, raw)
            # RFC 8259 allows half a surrogate pair; here it is a value refused, not a fault of syntax.
            taken = (200, 201, 202, 204, 400, 404, 409, 422) if is_json(raw) else (400, 422)
            if answer.status not in taken or (answer.status >= 400 and not is_problem(answer)):
                wrong.append((str(operation), file.name, answer.status, answer.text))
    assert not wrong


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\xff\xfe",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"null garbage",
        b"{}{}",
        b"[" * 100_000,
        b'{"sample":' * TOO_DEEP + b"1" + b"}" * TOO_DEEP,
        b'{"sample":"\xe9"}',
        b'{"sample":"\xed\xa0\x80"}',
        b'{"sample":"\xc0\x80"}',
        b'{"sample":"\xf4\x90\x80\x80"}',
        b'{"sample":NaN}',
        b'{"sample":Infinity}',
        b'{"sample":1,}',
        b'{"sample":0x10}',
        b'{"sample":"\x00"}',
        b"--x\r\n",
        b"sample=1",
    ],
    ids=lambda raw: repr(raw[:24]),
)
async def test_what_is_no_json_is_400_everywhere(service: HttpService, schema: Schema, raw: bytes) -> None:
    for operation in schema.with_json_body():
        answer = await post(service, operation, raw)
        # A small route may refuse the length before it looks inside.
        assert answer.status == 400 or (answer.status == 413 and len(raw) > 200_000), (str(operation), answer.text)
        assert is_problem(answer)


@pytest.mark.parametrize("value", [None, True, 1, "text", [], [{}]], ids=repr)
async def test_json_of_another_type_is_400_everywhere(service: HttpService, schema: Schema, value: object) -> None:
    for operation in schema.with_json_body():
        answer = await post(service, operation, msgspec.json.encode(value))
        assert answer.status == 400, (str(operation), answer.text)


async def test_a_field_that_nobody_knows_is_422_everywhere(service: HttpService, schema: Schema) -> None:
    for operation in schema.with_json_body():
        for name in ("colour", "Question", "__proto__", "", " "):
            answer = await post(service, operation, msgspec.json.encode({**operation.sample_body(), name: 1}))
            assert answer.status == 422, (str(operation), name, answer.text)
            assert name in answer.json()["errors"][0]["field"]


async def test_half_a_surrogate_pair_is_422_and_a_nul_too(service: HttpService, schema: Schema) -> None:
    """PostgreSQL's text has no form for either."""
    wrong = []
    for text in schema.texts():
        if text.place != "body":
            continue
        for escape in (b"\\ud800", b"\\u0000", b"a\\udc00b", b"\\uDBFF\\uD800"):
            raw = msgspec.json.encode(text.body_with("@@")).replace(b"@@", escape)
            answer = await post(service, text.operation, raw)
            # An address, an id or a word of a list may be refused for its form first.
            if answer.status not in (400, 422) or (answer.status == 400 and "not JSON" in answer.text):
                wrong.append((str(text), escape, answer.status, answer.text))
    assert not wrong


async def test_an_escaped_backslash_before_u0000_is_no_nul(service: HttpService) -> None:
    body = rb'{"question": "what is \\u0000?"}'
    answer = await send(service.app, "POST", "/v1/ask", key=ADMIN_KEY, headers=[JSON], body=body)
    assert (answer.status, answer.json()["question"]) == (200, r"what is \u0000?")


async def test_the_last_of_two_equal_names_counts(service: HttpService) -> None:
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    body = b'{"question": "", "question": "why?"}'
    answer = await send(service.app, "POST", "/v1/ask", key=ADMIN_KEY, headers=headers, body=body)
    assert (answer.status, answer.json()["question"]) == (200, "why?")
