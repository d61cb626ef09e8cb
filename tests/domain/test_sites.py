"""Where the files of small trees are published, and which of them are documents."""

from collections.abc import Mapping

import pytest

from domain.errors import OutOfRange
from domain.library.sites import (
    PLAIN,
    SitePlace,
    SiteTool,
    SiteTree,
    is_candidate,
    settings_to_read,
    site_tree,
)
from domain.library.urls import document_url

BASE = "https://site.example/docs/"


def read(files: Mapping[str, str]) -> SiteTree:
    names = [name for name in files if is_candidate(name)]
    return site_tree(names, {name: files[name].encode() for name in settings_to_read(names)})


def pages(files: Mapping[str, str], front: Mapping[str, object] | None = None) -> dict[str, str]:
    """The path of each document's page below the base, by its name; ``-`` for one that has none."""
    tree = read(files)
    found = {}
    for name in files:
        if is_candidate(name) and tree.is_document(name):
            url = document_url(BASE, name, front or {}, tree.place(name))
            found[name] = "-" if url is None else url.removeprefix(BASE)
    return found


def site(*names: str, versions: str | None = None) -> dict[str, str]:
    settings = {"docusaurus.config.js": "", **({} if versions is None else {"versions.json": versions})}
    return {**settings, **dict.fromkeys(names, "")}


def test_a_plain_folder_is_read_as_it_lies() -> None:
    files = dict.fromkeys(
        ("docs/a.md", "b.txt", "_p.mdx", "_s/x.md", ".h.md", "node_modules/p/R.md", "x.png", "versions.json"), ""
    )
    assert read(files) == PLAIN
    assert pages(files) == {"docs/a.md": "docs/a", "b.txt": "b.txt"}


def test_the_docs_folder_of_a_site_is_a_plain_folder() -> None:
    assert pages({"intro.md": "", "api/_category_.json": "{}", "api/index.md": ""}) == {
        "intro.md": "intro",
        "api/index.md": "api/",
    }


def test_of_a_docusaurus_site_the_pages_of_its_docs_are_documents() -> None:
    files = site(
        "docs/01-start/02-install.md",
        "docs/api/api.mdx",
        "docs/_part.mdx",
        "docs/_parts/x.md",
        "docs/sheet.pdf",
        "README.md",
        "blog/2024-01-01-news.md",
        "src/pages/about.md",
        "i18n/de/docusaurus-plugin-content-docs/current/intro.md",
        "versioned_docs/version-9/old.md",
    )
    assert pages(files) == {
        "docs/01-start/02-install.md": "start/install",
        "docs/api/api.mdx": "api/",
        "docs/sheet.pdf": "-",
    }


def test_the_last_version_is_at_the_root_the_others_under_their_names_and_the_next_under_next() -> None:
    files = site(
        "docs/intro.md",
        "versioned_docs/version-2.0/intro.md",
        "versioned_docs/version-1.0/guide/README.md",
        "versioned_docs/version-0.1/gone.md",
        versions='["2.0", "1.0"]',
    )
    assert pages(files) == {
        "docs/intro.md": "next/intro",
        "versioned_docs/version-2.0/intro.md": "intro",
        "versioned_docs/version-1.0/guide/README.md": "1.0/guide/",
    }


@pytest.mark.parametrize(
    ("front", "path"),
    [
        ({"slug": "/"}, "1.0/"),
        ({"slug": "/top"}, "1.0/top"),
        ({"slug": "other"}, "1.0/api/other"),
        ({"slug": "../up"}, "1.0/up"),
        ({"slug": "../../../out"}, "1.0/out"),
        ({"id": "renamed"}, "1.0/api/renamed"),
        ({"parse_number_prefixes": False}, "1.0/api/01-view"),
    ],
)
def test_front_matter_moves_a_page_within_its_version(front: dict[str, object], path: str) -> None:
    name = "versioned_docs/version-1.0/api/01-view.md"
    files = site(name, versions='["2.0", "1.0"]')
    assert pages(files, front) == {name: path}


def test_no_version_yet_leaves_the_docs_at_the_root() -> None:
    assert pages(site("docs/a.md", versions="[]")) == {"docs/a.md": "a"}


@pytest.mark.parametrize("versions", ["{}", "no json", '[""]', "[1]", '["a/b"]', "[" * 100_000])
def test_a_list_of_versions_that_is_none_is_refused(versions: str) -> None:
    with pytest.raises(OutOfRange, match=r"versions\.json"):
        read(site("docs/a.md", versions=versions))


def test_a_site_in_one_folder_of_an_archive_is_found_there_and_uris_stay_what_they_were() -> None:
    packed = {f"site-main/{name}": "" for name in site("docs/a.md", "README.md")}
    assert pages(packed) == {"site-main/docs/a.md": "a"}
    assert pages({**packed, "other/b.md": ""}) == {
        "site-main/docs/a.md": "site-main/docs/a",
        "site-main/README.md": "site-main/",
        "other/b.md": "other/b",
    }


def test_a_site_whose_docs_lie_elsewhere_loses_no_page() -> None:
    assert pages(site("content/a.md", "b.md")) == {"content/a.md": "content/a", "b.md": "b"}


def test_what_leads_out_of_a_site_is_kept_so_that_it_is_named() -> None:
    assert read(site("docs/a.md", "../out.md")).is_document("../out.md")


MKDOCS = {"docs/index.md": "", "docs/about.md": "", "docs/_b/README.md": "", "docs/x.pdf": "", "README.md": ""}


def test_mkdocs_gives_every_page_a_folder() -> None:
    assert pages({"mkdocs.yml": "site_name: X\nplugins: !!python/name:x.y\n", **MKDOCS}) == {
        "docs/index.md": "",
        "docs/about.md": "about/",
        "docs/_b/README.md": "_b/",
        "docs/x.pdf": "x.pdf",
    }


def test_mkdocs_without_directory_urls_gives_every_page_a_file() -> None:
    assert pages({"mkdocs.yml": "use_directory_urls: false  # offline\n", **MKDOCS}) == {
        "docs/index.md": "index.html",
        "docs/about.md": "about.html",
        "docs/_b/README.md": "_b/index.html",
        "docs/x.pdf": "x.pdf",
    }


@pytest.mark.parametrize(
    "line", ["docs_dir: content", "docs_dir: './content/' # ours", 'site_name: X\r\ndocs_dir: "content"\r']
)
def test_mkdocs_may_keep_its_pages_in_another_folder(line: str) -> None:
    assert pages({"mkdocs.yaml": f"{line}\n", "content/a.md": "", "docs/b.md": ""}) == {"content/a.md": "a/"}


@pytest.mark.parametrize("line", ["docs_dir: ../docs", "docs_dir: !ENV [DOCS, docs]", "docs_dir: ."])
def test_settings_that_say_nothing_usable_leave_the_pages_in(line: str) -> None:
    assert "docs/b.md" in pages({"mkdocs.yml": f"{line}\n", "docs/b.md": ""})


def test_a_front_matter_slug_moves_no_page_of_mkdocs() -> None:
    assert pages({"mkdocs.yml": "", "docs/01-a.md": ""}, {"slug": "/b"}) == {"docs/01-a.md": "01-a/"}


@pytest.mark.parametrize(
    "place",
    [SitePlace(SiteTool.DOCUSAURUS, "a/b.md", "1.0/"), SitePlace(SiteTool.MKDOCS, "a.md")],
)
def test_a_place_goes_with_a_document_as_metadata(place: SitePlace) -> None:
    assert SitePlace.of(place.as_metadata()) == place


@pytest.mark.parametrize(
    "metadata", [{}, {"site_tool": "hugo", "site_path": "a"}, {"site_tool": "mkdocs"}, {"site_tool": []}]
)
def test_metadata_that_says_no_place_gives_none(metadata: dict[str, object]) -> None:
    assert SitePlace.of(metadata) is None
