"""What of a folder goes in, under which uri, and what is said of the rest."""

import os
from pathlib import Path

import click
import pytest

from domain.library.model import Format
from entrypoints.terminal.documents import read_documents
from entrypoints.terminal.failures import CommandFailed


def write(root: Path, *names: str, content: bytes = b"text") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def uris(root: Path) -> list[str]:
    return [document.uri for document in read_documents(root).documents]


def reasons(root: Path) -> dict[str, str]:
    return {failure.uri: failure.reason for failure in read_documents(root).failed}


def test_a_folder_is_walked_in_sorted_order_and_uris_are_paths_below_it(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "a/z.mdx", "a/b/c.HTML", "a.txt", "old.htm", "long.markdown", "picture.png")
    assert uris(tmp_path) == ["a.txt", "a/b/c.HTML", "a/z.mdx", "b.md", "long.markdown", "old.htm"]


def test_a_file_name_decides_its_format(tmp_path: Path) -> None:
    write(tmp_path, "1.md", "2.mdx", "3.html", "4.txt", "5.MARKDOWN")
    formats = [document.format for document in read_documents(tmp_path).documents]
    assert formats == [Format.MARKDOWN, Format.MDX, Format.HTML, Format.TEXT, Format.MARKDOWN]


def test_hidden_files_packages_and_partials_stay_out(tmp_path: Path) -> None:
    write(tmp_path, "in.md", "_partial.mdx", "_snippets/x.md", ".hidden.md", ".git/x.md", "node_modules/p/README.md")
    assert uris(tmp_path) == ["in.md"]


def test_a_folder_that_is_named_itself_goes_in_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, "_docs/.cache/no.md", "_docs/yes.md")
    assert uris(tmp_path / "_docs") == ["yes.md"]


def test_a_single_file_goes_in_under_its_name(tmp_path: Path) -> None:
    write(tmp_path, "_a/_page.md")
    assert uris(tmp_path / "_a/_page.md") == ["_page.md"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    write(tmp_path, "a.md", content=b"\xef\xbb\xbf# Title")
    assert [document.content for document in read_documents(tmp_path).documents] == ["# Title"]


def test_a_file_that_is_not_utf8_fails_alone(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "latin.md", content=b"caf\xe9")
    write(tmp_path, "wide.md", content="hello".encode("utf-16"))
    assert uris(tmp_path) == ["good.md"]
    assert reasons(tmp_path) == {
        "latin.md": "it is not UTF-8 (byte 0xe9 at 3); save it as UTF-8",
        "wide.md": "it is UTF-16; save it as UTF-8",
    }


def test_what_the_service_would_refuse_fails_alone(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "nul.txt", content=b"a\x00b")
    write(tmp_path, "long.txt", content=b"x" * 8_000_001)
    with (tmp_path / "huge.txt").open("wb") as huge:
        huge.truncate(40_000_000)
    assert uris(tmp_path) == ["good.md"]
    assert set(reasons(tmp_path)) == {"nul.txt", "long.txt", "huge.txt"}


def test_two_files_with_one_uri_do_not_both_go_in(tmp_path: Path) -> None:
    write(tmp_path, "x.md", " x.md")  # the service trims a uri
    assert len(uris(tmp_path)) == 1
    assert len(reasons(tmp_path)) == 1


def test_what_is_no_regular_file_or_leads_nowhere_fails_and_does_not_block(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "broken.md").symlink_to("nowhere.md")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert uris(tmp_path) == ["good.md"]
    assert set(reasons(tmp_path)) == {"broken.md", "pipe.md"}


def test_a_name_that_is_not_utf8_is_shown_and_does_not_go_in(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("text")
    assert list(reasons(tmp_path)) == ["caf\ufffd.md"]


def test_a_folder_without_documents_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "picture.png")
    with pytest.raises(CommandFailed, match="no document below"):
        read_documents(tmp_path)


def test_a_path_that_is_not_there_or_no_document_is_bad_usage(tmp_path: Path) -> None:
    write(tmp_path, "picture.png")
    for path in (tmp_path / "nowhere", tmp_path / "picture.png"):
        with pytest.raises(click.UsageError):
            read_documents(path)
