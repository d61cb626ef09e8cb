"""Uploads and the archives in them, wherever the bytes are kept."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from adapters.uploads.upload import uploads_in_memory, uploads_on_disk
from domain.errors import ArchiveUnreadable, OutOfRange, UploadTooLarge
from domain.library.model import MAX_FILE_BYTES
from domain.library.ports import UploadedFile, UploadLimits, Uploads
from tests.archives import (
    a_bomb,
    a_gzip_bomb,
    a_tar_gz,
    a_tar_with_a_long_header,
    a_zip,
    encrypted,
    many_entries,
    with_symlink,
    with_wrong_crc,
)

PAGES = {"intro.md": b"# Intro\n\nHello.", "guide/deep/page.html": b"<p>Deep.</p>", "a.txt": b"plain"}
LIMITS = UploadLimits(files=5, size=20_000_000, entries=1_000, inflated=10_000_000, inflation=20)


@pytest.fixture(params=["memory", "disk"])
def uploads(request: pytest.FixtureRequest, tmp_path: Path) -> Uploads:
    return uploads_in_memory(LIMITS) if request.param == "memory" else uploads_on_disk(tmp_path, LIMITS)


async def taken(uploads: Uploads, sent: Mapping[str, bytes]) -> tuple[Sequence[UploadedFile], dict[str, bytes]]:
    """What is found in files that are sent in pieces, and the content of those that can be read."""
    async with uploads.receive() as upload:
        for name, content in sent.items():
            await upload.begin(name)
            for start in range(0, len(content), 70_000):
                await upload.write(content[start : start + 70_000])
        files = await upload.files()
        readable = [file for file in files if file.problem is None]
        contents = await upload.read(readable)
    return files, {file.name: content for file, content in zip(readable, contents, strict=True)}


async def problems(uploads: Uploads, name: str, packed: bytes) -> dict[str, str | None]:
    files, _ = await taken(uploads, {name: packed})
    return {file.name: file.problem for file in files}


async def test_files_come_back_byte_for_byte_in_their_order(uploads: Uploads) -> None:
    sent = {"b.md": b"x" * 300_000 + b"end", "a.bin": bytes(range(256)), "empty.txt": b""}
    files, contents = await taken(uploads, sent)
    assert [(file.name, file.size) for file in files] == [("b.md", 300_003), ("a.bin", 256), ("empty.txt", 0)]
    assert contents == sent


@pytest.mark.parametrize("name", ["docs.zip", "DOCS.ZIP", "docs.tar.gz", "docs.tgz"])
async def test_the_candidates_in_an_archive_are_its_files(uploads: Uploads, name: str) -> None:
    tree = {
        **PAGES,
        "logo.png": b"\x89PNG",
        "node_modules/p/README.md": b"no",
        "_built/page.html": b"no",
        ".git/x.md": b"no",
        "deep/er/versions.json": b"no",
    }
    found = {**PAGES, "_partial.md": b"part", "mkdocs.yml": b"site_name: x", "site/versions.json": b"[]"}
    tree |= found
    packed = a_zip(tree) if name.lower().endswith("zip") else a_tar_gz(tree)
    files, contents = await taken(uploads, {name: packed})
    assert {file.name for file in files} == set(found)
    assert all(file.packed for file in files)
    assert contents == found


async def test_an_archive_comes_alone(uploads: Uploads) -> None:
    for sent in ({"a.zip": a_zip(PAGES), "b.md": b"x"}, {"b.md": b"x", "a.zip": b""}, {"a.zip": b"", "b.tgz": b""}):
        with pytest.raises(OutOfRange, match="one archive"):
            await taken(uploads, sent)


async def test_an_upload_of_nothing_is_refused(uploads: Uploads) -> None:
    with pytest.raises(OutOfRange, match="at least one file"):
        await taken(uploads, {})


async def test_too_many_files_and_too_many_bytes_are_refused_as_they_come(uploads: Uploads) -> None:
    with pytest.raises(UploadTooLarge, match="more than 5 files"):
        await taken(uploads, {f"{number}.md": b"" for number in range(6)})
    async with uploads.receive() as upload:
        await upload.begin("long.md")
        for _ in range(20):
            await upload.write(bytes(1_000_000))
        with pytest.raises(UploadTooLarge, match="19 MB"):
            await upload.write(b"x")


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04" + b"x" * 100, b"\x1f\x8b" + b"x" * 100])
async def test_what_is_no_archive_is_refused_whatever_its_name(uploads: Uploads, name: str, content: bytes) -> None:
    with pytest.raises(ArchiveUnreadable):
        await taken(uploads, {name: content})


@pytest.mark.parametrize("cut", [1, 9, 300])
async def test_an_archive_that_was_cut_off_is_refused(uploads: Uploads, cut: int) -> None:
    pages = {f"{number}.md": str(number).encode() * 500 for number in range(40)}
    for name, packed in (("a.zip", a_zip(pages)), ("a.tgz", a_tar_gz(pages))):
        with pytest.raises(ArchiveUnreadable):
            await taken(uploads, {name: packed[:-cut]})


async def test_a_gzip_with_a_wrong_checksum_is_refused(uploads: Uploads) -> None:
    packed = bytearray(a_tar_gz(PAGES))
    packed[-8] ^= 0xFF
    with pytest.raises(ArchiveUnreadable):
        await taken(uploads, {"a.tgz": bytes(packed)})


@pytest.mark.parametrize(("name", "bomb"), [("a.zip", a_bomb()), ("a.tgz", a_gzip_bomb())], ids=["zip", "gzip"])
async def test_a_bomb_is_stopped(uploads: Uploads, name: str, bomb: bytes) -> None:
    with pytest.raises(UploadTooLarge, match=r"times its size|more than 9 MB"):
        await taken(uploads, {name: bomb})


async def test_what_grows_beyond_the_limit_is_stopped_whatever_its_ratio(uploads: Uploads) -> None:
    files = {f"{number}.md": (str(number).encode() + bytes(range(256))) * 8_000 for number in range(7)}
    packed = a_zip(files, method=0)
    assert len(packed) > 10_000_000
    with pytest.raises(UploadTooLarge, match="more than 9 MB"):
        await taken(uploads, {"a.zip": packed})


async def test_a_short_page_of_one_letter_is_no_bomb(uploads: Uploads) -> None:
    _, contents = await taken(uploads, {"a.zip": a_zip({"long.md": b"a" * 900_000})})
    assert len(contents["long.md"]) == 900_000


async def test_more_entries_than_are_taken_are_refused(uploads: Uploads) -> None:
    packed = many_entries(1_001)
    tar = a_tar_gz({f"{number}.png": b"" for number in range(1_001)})
    for name, archive in (("a.zip", packed), ("a.tgz", tar)):
        with pytest.raises(UploadTooLarge, match="more than 1,000 entries"):
            await taken(uploads, {name: archive})


async def test_a_header_of_megabytes_is_refused_before_it_is_read(uploads: Uploads) -> None:
    limits = UploadLimits(inflated=100_000_000)
    roomy = uploads_in_memory(limits)
    with pytest.raises(UploadTooLarge, match="longer than is taken"):
        await taken(roomy, {"a.tgz": a_tar_with_a_long_header()})


async def test_a_file_beyond_the_limit_in_an_archive_costs_itself_alone() -> None:
    roomy = uploads_in_memory(UploadLimits())
    packed = a_zip({"long.md": bytes(MAX_FILE_BYTES + 1), "good.md": b"x"}, method=0)

    found = await problems(roomy, "a.zip", packed)

    assert found["long.md"]
    assert "it has 32,000,001 bytes; split it" in found["long.md"]
    assert found["good.md"] is None


async def test_a_hostile_entry_costs_itself_alone(uploads: Uploads) -> None:
    assert await problems(uploads, "a.zip", with_symlink("link.md", "/etc/passwd")) == {
        "link.md": "it is a link or a device, not a file"
    }
    assert await problems(uploads, "a.tgz", a_tar_gz({"good.md": b"x"}, links={"link.md": "/etc/passwd"})) == {
        "good.md": None,
        "link.md": "it is a link or a device, not a file",
        "hard-link.md": "it is a link or a device, not a file",
    }
    assert await problems(uploads, "a.zip", encrypted(a_zip({"secret.md": b"x"}))) == {
        "secret.md": "it is encrypted; pack it without a password"
    }
    damaged = await problems(uploads, "a.zip", with_wrong_crc(a_zip({"first.md": b"x" * 99, "second.md": b"y"})))
    assert damaged == {"first.md": "it is damaged in the archive", "second.md": None}
    for method in (12, 14):
        assert "method" in str(await problems(uploads, "a.zip", a_zip({"odd.md": b"x"}, method=method)))


async def test_names_that_lead_out_are_told_as_they_are_and_nothing_is_written_there(
    uploads: Uploads, tmp_path: Path
) -> None:
    hostile = ["../out.md", "/etc/out.md", "a/../../out.md", "..\\out.md", "C:/out.md", "nul\x00.md"]
    found = await problems(uploads, "a.tgz", a_tar_gz({name: b"x" for name in hostile if "\x00" not in name}))
    assert list(found) == hostile[:-1]
    assert list(await problems(uploads, "a.zip", a_zip({"../out.md": b"x", "/etc/out.md": b"x"})))
    written = await asyncio.to_thread(lambda: list(tmp_path.parent.rglob("*out.md")))
    assert written == []


async def test_an_archive_in_an_archive_is_not_opened(uploads: Uploads) -> None:
    files, _ = await taken(uploads, {"a.zip": a_zip({"inner.zip": a_bomb(size=2_000_000), "page.md": b"x"})})
    assert [file.name for file in files] == ["page.md"]
