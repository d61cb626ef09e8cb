"""Files and archives over HTTP, the honest and the hostile: a stated status each, and a document's failure its own."""

import gzip
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

import httpx
import pytest

from tests.archives import (
    a_bomb,
    a_gzip_bomb,
    a_tar_gz,
    a_zip,
    encrypted,
    many_entries,
    with_symlink,
    with_wrong_crc,
)
from tests.entrypoints.http_service import ADMIN_KEY, LOADER_KEY, READER_KEY, HttpService
from tests.story import PINNING, SNAPSHOTS

PATH = "/v1/admin/ingestions"
TREE = {"pinning.md": PINNING.encode(), "guide/snapshots.md": SNAPSHOTS.encode(), "logo.png": b"\x89PNG"}
Files: TypeAlias = Sequence[tuple[str, tuple[str, bytes]]]


def files(*sent: tuple[str, bytes]) -> Files:
    return [("files", one) for one in sent]


async def post(service: HttpService, sent: Files, *, key: str = ADMIN_KEY, **fields: str) -> httpx.Response:
    async with service.client(key) as client:
        return await client.post(PATH, data={"collection": "up", **fields}, files=sent)


async def ended(service: HttpService, answer: httpx.Response) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """An accepted ingestion at its end: its state, and outcome and error by uri."""
    assert answer.status_code == 202, answer.text
    state = await service.at_its_end(answer.headers["location"])
    async with service.client(ADMIN_KEY) as client:
        listed = (await client.get(answer.headers["location"] + "/documents?limit=100")).json()["items"]
    return state, {one["uri"]: (one["outcome"], one["error"]) for one in listed}


async def raw(service: HttpService, body: bytes, content_type: str, **headers: str) -> httpx.Response:
    async with service.client(ADMIN_KEY) as client:
        sent = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.post(PATH, content=body, headers=sent)


async def test_files_go_in_under_their_names(service: HttpService) -> None:
    sent = files(("pinning.md", PINNING.encode()), ("guide/more.html", b"<h1>More</h1><p>More words.</p>"))
    state, outcomes = await ended(service, await post(service, sent, base_url="https://x.test/"))
    assert (state["status"], state["base_url"]) == ("succeeded", "https://x.test/")
    assert outcomes == {"pinning.md": ("added", None), "guide/more.html": ("added", None)}
    assert state["passages"] >= 2


@pytest.mark.parametrize("name", ["docs.zip", "docs.tar.gz"])
async def test_a_tree_in_an_archive_goes_in_and_can_be_asked(service: HttpService, name: str) -> None:
    packed = a_zip(TREE) if name.endswith(".zip") else a_tar_gz(TREE)
    state, outcomes = await ended(service, await post(service, files((name, packed))))
    assert state["counts"]["added"] == 2
    assert set(outcomes) == {"pinning.md", "guide/snapshots.md"}
    async with service.client(ADMIN_KEY) as client:
        body = {"question": "For how long are snapshots kept?", "collections": ["up"]}
        turn = (await client.post("/v1/ask", json=body)).json()
    assert "seven days" in turn["answer"]


async def test_the_same_archive_again_changes_nothing_and_pruning_takes_out_what_it_lacks(service: HttpService) -> None:
    await ended(service, await post(service, files(("a.zip", a_zip(TREE)))))
    again, _ = await ended(service, await post(service, files(("a.zip", a_zip(TREE))), prune="false"))
    assert again["counts"]["unchanged"] == 2
    one = a_zip({"pinning.md": PINNING.encode()})
    pruned, outcomes = await ended(service, await post(service, files(("a.zip", one)), prune="true"))
    assert (pruned["counts"]["unchanged"], pruned["counts"]["removed"]) == (1, 1)
    assert outcomes["guide/snapshots.md"][0] == "removed"


async def test_a_file_that_cannot_be_read_fails_alone_and_says_why(service: HttpService) -> None:
    sent = files(
        ("good.md", b"# Good\n\nWords."),
        ("latin.md", b"caf\xe9"),
        ("report.pdf", b"%PDF-1.7"),
        ("nul.txt", b"a\x00b"),
        ("good.md", b"# Again\n\nWords."),
    )
    state, outcomes = await ended(service, await post(service, sent))
    assert state["status"] == "partial"
    assert state["counts"] | {"added": 1, "failed": 4} == state["counts"]
    assert "not UTF-8" in outcomes["latin.md"][1]
    assert "not a PDF" in outcomes["report.pdf"][1]
    assert "NUL" in outcomes["nul.txt"][1]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../out.md", "leads out"),
        ("..\\..\\out.md", "leads out"),
        ("/etc/out.md", "absolute"),
        ("C:/out.md", "absolute"),
        ("nul\x00.md", "characters"),
        ("a/" * 600 + "long.md", "1,207 characters"),
    ],
)
async def test_a_hostile_path_in_an_archive_costs_its_own_document(
    service: HttpService, name: str, reason: str
) -> None:
    packed = (
        [("t.tgz", a_tar_gz({name: b"# Out\n\nWords.", "good.md": b"# Good\n\nWords."}))] if "\x00" not in name else []
    )
    packed.append(("z.zip", a_zip({name: b"# Out\n\nWords.", "good.md": b"# Good\n\nWords."})))
    for archive in packed:
        state, outcomes = await ended(service, await post(service, files(archive)))
        assert state["status"] == "partial"
        [failed] = [error for outcome, error in outcomes.values() if outcome == "failed"]
        assert reason in failed
        assert all(len(uri) <= 1_000 for uri in outcomes)


@pytest.mark.parametrize("name", ["../../etc/out.md", "nul\x00.md", "/etc/passwd.md"])
async def test_a_hostile_file_name_costs_its_own_document(service: HttpService, name: str) -> None:
    body = _form(
        ("collection", None, b"up"), ("files", name, b"# Out\n\nWords."), ("files", "good.md", b"# Good\n\nHi.")
    )
    state, outcomes = await ended(service, await raw(service, body, "multipart/form-data; boundary=b"))
    assert state["status"] == "partial"
    assert outcomes["good.md"][0] == "added"


async def test_links_encrypted_and_damaged_entries_fail_alone(service: HttpService) -> None:
    for packed in (
        with_symlink("link.md", "/etc/passwd"),
        encrypted(a_zip({"secret.md": b"# Secret"})),
        with_wrong_crc(a_zip({"crc.md": b"# Sum"})),
    ):
        state, _ = await ended(service, await post(service, files(("a.zip", packed))))
        assert state["status"] == "failed"
    state, _ = await ended(
        service,
        await post(service, files(("a.tgz", a_tar_gz({"good.md": b"# Good\n\nHi."}, links={"l.md": "/etc/passwd"})))),
    )
    assert state["counts"] | {"added": 1, "failed": 2} == state["counts"]


@pytest.mark.parametrize(
    ("name", "packed", "status", "code"),
    [
        ("a.zip", a_bomb(), 413, "upload_too_large"),
        ("a.tar.gz", a_gzip_bomb(), 413, "upload_too_large"),
        ("a.zip", many_entries(20_001), 413, "upload_too_large"),
        ("a.zip", a_zip({"1.zip": a_zip({"2.zip": b"PK"})}), 422, "out_of_range"),
        ("a.zip", b"not a zip", 422, "archive_unreadable"),
        ("a.tar.gz", gzip.compress(b"not a tar" * 100), 422, "archive_unreadable"),
        ("a.tar.gz", a_tar_gz(TREE)[:-20], 422, "archive_unreadable"),
        ("a.zip", a_zip({}), 422, "out_of_range"),
    ],
    ids=["zip bomb", "gzip bomb", "entries", "nested", "no zip", "no tar", "cut off", "empty"],
)
async def test_an_archive_that_is_refused_whole_has_a_status_and_stores_nothing(
    refusing: HttpService, name: str, packed: bytes, status: int, code: str
) -> None:
    before = len(refusing.adapters.store().ingestions)
    answer = await post(refusing, files((name, packed)))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(refusing.adapters.store().ingestions) == before
    assert "up" not in refusing.adapters.store().collections


async def test_more_files_than_are_taken_are_refused(service: HttpService) -> None:
    answer = await post(service, files(*((f"{number}.md", b"x") for number in range(1_001))))
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")


async def test_an_upload_that_is_announced_or_turns_out_too_long_is_cut_short(service: HttpService) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield _form(("collection", None, b"up"), ("files", "a.md", b""))[: -len(b"\r\n--b--\r\n")]
        while taken < 200:
            taken += 1
            yield bytes(1_000_000)

    async with service.client(ADMIN_KEY) as client:
        head = {"Content-Type": "multipart/form-data; boundary=b"}
        announced = await client.post(PATH, content=b"x", headers={**head, "Content-Length": "1000000000"})
        turned_out = await client.post(PATH, content=endless(), headers=head)
    assert [answer.status_code for answer in (announced, turned_out)] == [413, 413]
    assert taken < 75


def _form(*parts: tuple[str, str | None, bytes]) -> bytes:
    out = b""
    for name, filename, content in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        out += f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return out + b"--b--\r\n"


GOOD = _form(("collection", None, b"up"), ("files", "a.md", b"# A\n\nWords."))
FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (GOOD, "multipart/form-data", 400),
        (GOOD, "multipart/form-data; boundary=", 400),
        (GOOD, "multipart/form-data; boundary=other", 400),
        (GOOD[:-9], FORM, 400),
        (GOOD[:60], FORM, 400),
        (b"", FORM, 400),
        (b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n", FORM, 400),
        (b"--b\r\nnonsense\r\n\r\nx\r\n--b--\r\n", FORM, 400),
        (GOOD.replace(b"a.md", b"x" * 5_000 + b".md"), FORM, 413),
        (GOOD.replace(b"\r\n\r\n# A", b"\r\nContent-Length: 1073741824\r\n\r\n# A"), FORM, 400),
        (GOOD, "text/plain", 415),
        (GOOD, "application/zip", 415),
        (GOOD, "multipart/mixed; boundary=b", 415),
        (_form(("collection", None, b"up")), FORM, 422),
        (_form(("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"UP!"), ("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"up"), ("collection", None, b"up"), ("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"up"), ("colour", None, b"red"), ("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"up"), ("prune", None, b"perhaps"), ("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"up"), ("base_url", None, b"x.test"), ("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"\xff"), ("files", "a.md", b"# A")), FORM, 400),
        (_form(("collection", None, b"u" * 20_000), ("files", "a.md", b"# A")), FORM, 422),
        (_form(("collection", None, b"up"), ("files", "", b"")), FORM, 422),
        (b"null", "application/json", 400),
        (b'{"collection": "up", "source": {"type": "url", "location": "http://127.0.0.1/"}}', "application/json", 422),
    ],
)
async def test_a_body_that_is_no_upload_has_its_status(
    refusing: HttpService, body: bytes, content_type: str, status: int
) -> None:
    answer = await raw(refusing, body, content_type)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("coding", ["gzip", "gzip,gzip", "deflate", "br"])
async def test_a_compressed_body_is_not_unpacked(refusing: HttpService, coding: str) -> None:
    body = zlib.compress(GOOD) if coding == "deflate" else gzip.compress(gzip.compress(GOOD))
    assert (await raw(refusing, body, FORM, Content_Encoding=coding)).status_code == 415


async def test_an_upload_needs_the_scope_before_it_is_read(service: HttpService) -> None:
    assert (await post(service, files(("a.md", b"# A")), key=READER_KEY)).json()["code"] == "scope_missing"
    answer = await post(service, files(("a.md", b"# A\n\nWords.")), key=LOADER_KEY)
    assert answer.json()["code"] == "collection_not_found"
