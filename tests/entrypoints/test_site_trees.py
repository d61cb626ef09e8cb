"""One tree of a site by both ways in: read from a folder and sent, or uploaded as an archive."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from entrypoints.terminal.documents import read_documents
from entrypoints.terminal.failures import CommandFailed
from tests.archives import a_tar_gz, a_zip
from tests.entrypoints.http_service import ADMIN_KEY, HttpService
from tests.entrypoints.test_http_uploads import PATH, ended, files, post

BASE = "https://site.example/docs/"
DOCUSAURUS = {
    "docusaurus.config.ts": b"export default {};",
    "versions.json": b'["2.0", "1.0"]',
    "README.md": b"# Not of the site",
    "docs/guide/01-start.md": b"---\nslug: begin\n---\n\nimport P from '@site/docs/_part.mdx';\n\n# Start\n\n<P />",
    "docs/_part.mdx": b"import More from './_more.md'\n\nThe next start.\n\n<More />",
    "docs/_more.md": b"And more.",
    "versioned_docs/version-2.0/guide/start.md": b"# Start\n\nThe start of two.",
    "versioned_docs/version-1.0/start.md": b"---\nslug: /\n---\n\n# Start\n\nThe start of one.",
}
DOCUSAURUS_URLS = {
    "docs/guide/01-start.md": BASE + "next/guide/begin",
    "versioned_docs/version-2.0/guide/start.md": BASE + "guide/start",
    "versioned_docs/version-1.0/start.md": BASE + "1.0/",
}
MKDOCS = {
    "mkdocs.yml": b"site_name: X\n",
    "README.md": b"# Not of the site",
    "docs/index.md": b"# Home\n\nThe first page.",
    "docs/_more/some.md": b"# Some\n\nThe second page.",
}
MKDOCS_URLS = {"docs/index.md": BASE, "docs/_more/some.md": BASE + "_more/some/"}
PLAIN = {"a.md": b"# A\n\nWords.", "b/index.md": b"# B\n\nMore words.", "_c.md": b"A part.", "versions.json": b"{}"}
PLAIN_URLS = {"a.md": BASE + "a", "b/index.md": BASE + "b/"}


async def urls(service: HttpService, collection: str) -> dict[str, str]:
    async with service.client(ADMIN_KEY) as client:
        listed = (await client.get(f"/v1/documents?collection={collection}")).json()["items"]
    return {one["uri"]: one["url"] for one in listed}


def write(tree: Mapping[str, bytes], root: Path) -> None:
    for name, content in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [(DOCUSAURUS, DOCUSAURUS_URLS), (MKDOCS, MKDOCS_URLS), (PLAIN, PLAIN_URLS)],
    ids=["docusaurus", "mkdocs", "plain"],
)
async def test_a_folder_and_an_archive_of_it_give_the_same_documents(
    service: HttpService, tmp_path: Path, tree: Mapping[str, bytes], expected: Mapping[str, str]
) -> None:
    write(tree, tmp_path)
    read = read_documents(tmp_path)
    assert not read.failed
    assert all("<P />" not in one.content for one in read.documents)
    documents: list[dict[str, Any]] = [
        {"uri": one.uri, "content": one.content, "format": one.format.value, "metadata": dict(one.metadata)}
        for one in read.documents
    ]
    async with service.client(ADMIN_KEY) as client:
        body = {"collection": "up", "base_url": BASE, "documents": documents}
        await ended(service, await client.post(PATH, json=body))
    assert await urls(service, "up") == expected
    for name, packed in (("a.zip", a_zip(tree)), ("a.tar.gz", a_tar_gz(tree))):
        state, _ = await ended(service, await post(service, files((name, packed)), base_url=BASE))
        assert state["counts"]["unchanged"] == state["counts"]["total"] == len(expected)


async def test_settings_that_cannot_be_read_are_refused_by_both(service: HttpService, tmp_path: Path) -> None:
    tree = {**DOCUSAURUS, "versions.json": b"{}"}
    write(tree, tmp_path)
    with pytest.raises(CommandFailed, match=r"versions\.json"):
        read_documents(tmp_path)
    answer = await post(service, files(("a.zip", a_zip(tree))))
    assert answer.status_code == 422
    assert "versions.json" in answer.text
