"""Requests that no client library would send, over real sockets to the real server."""

from collections.abc import Iterator
from typing import Final

import msgspec
import pytest

from tests.abuse.raw_server import RawServer, replies, request, served
from tests.entrypoints.http_service import ADMIN_KEY, READER_KEY, HttpService

BODY: Final = b'{"query": "pin"}'
LENGTH: Final = f"Content-Length: {len(BODY)}"
TYPE: Final = "Content-Type: application/json"
AUTH: Final = f"Authorization: Bearer {READER_KEY}"


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with served(HttpService()) as running:
        yield running


def search(*headers: str, body: bytes = BODY) -> bytes:
    return request("/v1/search", TYPE, *headers, method="POST", key=ADMIN_KEY, body=body)


REFUSED: Final[dict[str, tuple[bytes, set[int]]]] = {
    "a header of 100 kB": (request("/v1/documents", "X-Long: " + "x" * 100_000, key=READER_KEY), {431}),
    "5,000 headers": (request("/v1/documents", *(f"X-{n}: a" for n in range(5_000)), key=READER_KEY), {431}),
    "a target of 100 kB": (request("/v1/documents?uri=" + "a" * 100_000, key=READER_KEY), {431}),
    "a method of 100 kB": (request(method="G" * 100_000), {400}),
    "two Authorization headers": (request("/v1/documents", AUTH, key=READER_KEY), {400}),
    "a good key and a bad one": (request("/v1/documents", "Authorization: Bearer x", key=READER_KEY), {400}),
    "two keys in one header": (request("/v1/documents", f"{AUTH}, Bearer {ADMIN_KEY}"), {401}),
    "a folded header": (request("/v1/documents", "X-A: a\r\n b", key=READER_KEY), {200, 400}),
    "two lengths that differ": (search(LENGTH, "Content-Length: 3"), {400}),
    "two lengths that agree": (search(LENGTH, LENGTH), {400}),
    "two lengths in one header": (search(f"Content-Length: {len(BODY)}, {len(BODY)}"), {400}),
    "a negative length": (search("Content-Length: -1"), {400}),
    "a length with a sign": (search(f"Content-Length: +{len(BODY)}"), {400}),
    "a length in hexadecimal": (search("Content-Length: 0x10"), {400}),
    "a length beyond 64 bits": (search("Content-Length: 99999999999999999999999"), {400}),
    "a length of 1 TB": (search("Content-Length: 1099511627776"), {413}),
    "a length and chunks": (search(LENGTH, "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), {400}),
    "chunks and a length": (search("Transfer-Encoding: chunked", LENGTH, body=b"0\r\n\r\n"), {400}),
    "chunked twice": (search("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), {400}),
    "chunked, then not": (search("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), {400}),
    "a misspelled coding": (search("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), {400}),
    "a chunk longer than it says": (search("Transfer-Encoding: chunked", body=b"2\r\n{}}}\r\n0\r\n\r\n"), {400}),
    "a chunk of no number": (search("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), {400}),
    "a space before the colon": (search("Content-Length : 16"), {400}),
    "a name with a space": (search("X Y: 1", LENGTH), {400}),
    "a name with a NUL": (search("X\0Y: 1", LENGTH), {400}),
    "a value with a NUL": (search("X-Y: a\0b", LENGTH), {400}),
    "a line end in a value": (search("X-Y: a\rb", LENGTH), {400}),
    "no Host": (request(key=READER_KEY, host=()), {400}),
    "two Hosts": (request(key=READER_KEY, host=("a", "b")), {400}),
    "an empty Host": (request(key=READER_KEY, host=("",)), {400}),
    "a path in the Host": (request(key=READER_KEY, host=("ibid.test/v1/ask?x=",)), {400}),
    "user and password in the Host": (request(key=READER_KEY, host=("a@b",)), {400}),
    "a space in the Host": (request(key=READER_KEY, host=("a b",)), {400}),
    "a port that is none": (request(key=READER_KEY, host=("ibid.test:http",)), {400}),
    "an asterisk": (request("*", method="OPTIONS", key=READER_KEY), {404}),
    "a connection to elsewhere": (request("10.0.0.1:443", method="CONNECT", key=READER_KEY), {400, 404, 405}),
    "TRACE": (request(method="TRACE", key=READER_KEY), {405}),
    "a version that is none": (request(version="9.9"), {400}),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, {400}),
    "bytes": (bytes(range(256)), {400}),
    "bare line feeds": (b"GET /v1/documents HTTP/1.1\nHost: a\n\n", {400, 401}),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "statuses"), REFUSED.values(), ids=REFUSED)
async def test_what_no_client_would_send_is_refused_once_and_closed(
    server: RawServer, raw: bytes, statuses: set[int]
) -> None:
    answers = replies(await server.exchange(raw))
    assert [one.status for one in answers][:1] in [[status] for status in statuses], answers
    assert len(answers) == 1, "a second answer would be to a request smuggled in the first"
    if answers[0].status >= 400:
        assert answers[0].headers["content-type"] == "application/problem+json"
        assert answers[0].headers["x-request-id"]
        assert answers[0].headers["x-content-type-options"] == "nosniff"
        assert msgspec.json.decode(answers[0].body)["status"] == answers[0].status


TARGETS: Final = {
    "absolute": ("http://ibid.test/v1/documents", 401),
    "absolute, of another host": ("http://evil.test/v1/documents", 401),
    "absolute, an open path as host": ("http://health/v1/documents", 401),
    "two slashes first": ("//v1/documents", 401),
    "two slashes first, as a host": ("//health/live/../../v1/documents", 404),
    "two slashes within": ("/v1//documents", 401),
    "a slash at the end": ("/v1/documents/", 401),
    "dots": ("/health/../v1/documents", 404),
    "dots out of the root": ("/../../v1/documents", 404),
    "encoded dots": ("/health/%2e%2e/v1/documents", 404),
    "encoded dots in capitals": ("/health/%2E%2E/v1/documents", 404),
    "dots encoded twice": ("/health/%252e%252e/v1/documents", 404),
    "an encoded slash": ("/v1%2fdocuments", 401),
    "a slash encoded twice": ("/v1%252fdocuments", 404),
    "a backslash": ("/v1\\documents", 404),
    "an encoded backslash": ("/v1%5cdocuments", 404),
    "parameters of a segment": ("/v1/documents;open=1", 404),
    "parameters of the first segment": ("/v1;x/documents", 404),
    "a NUL at the end": ("/v1/documents%00", 404),
    "a line end": ("/v1/documents%0d%0aX:%20y", 404),
    "a suffix of an open path": ("/v1/documents/health/live", 404),
    "a query that looks like a path": ("/v1/documents?/health/live", 401),
    "a fragment": ("/v1/documents#/health/live", 401),
    "other case": ("/V1/Documents", 404),
    "an encoded letter": ("/v1/%64ocuments", 401),
    "bytes that are no UTF-8": ("/v1/documents%ff", 404),
    "an overlong slash": ("/v1%c0%afdocuments", 404),
}


@pytest.mark.parametrize(("target", "status"), TARGETS.values(), ids=TARGETS)
async def test_no_spelling_of_a_target_is_routed_without_its_key(server: RawServer, target: str, status: int) -> None:
    """Without a key: what leads to the listing asks for one, and everything else leads nowhere."""
    [answer] = replies(await server.exchange(request(target)))
    assert answer.status == status, answer.body


async def test_a_host_of_any_good_form_is_served(server: RawServer) -> None:
    for host in ("ibid.test", "ibid.test:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST", "a_b-c.test."):
        [answer] = replies(await server.exchange(request("/health/live", host=(host,))))
        assert answer.status == 200, host


async def test_a_client_of_http_1_0_needs_no_host(server: RawServer) -> None:
    [answer] = replies(await server.exchange(request("/health/live", host=(), version="1.0")))
    assert answer.status == 200


async def test_a_forwarded_header_of_anybody_changes_nothing(server: RawServer) -> None:
    forged = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test", "Forwarded: for=x")
    [answer] = replies(await server.exchange(request("/schema", *forged)))
    assert answer.status == 200
    assert b"evil.test" not in answer.body + str(answer.headers).encode()


async def test_a_host_is_never_taken_from_a_forwarded_header(server: RawServer) -> None:
    [answer] = replies(await server.exchange(request("/health/live", "X-Forwarded-Host: ibid.test", host=())))
    assert answer.status == 400


async def test_requests_in_one_write_are_answered_in_their_order(server: RawServer) -> None:
    first = request("/health/live").replace(b"Connection: close\r\n", b"")
    answers = replies(await server.exchange(first + first + request("/nowhere")))
    assert [one.status for one in answers] == [200, 200, 404]


async def test_the_server_is_as_well_as_before(server: RawServer) -> None:
    [answer] = replies(await server.exchange(search(LENGTH)))
    assert (answer.status, msgspec.json.decode(answer.body)["passages"]) == (200, [])
