from typing import Any

import pytest

from domain.library.urls import document_url, section_url

BASE = "https://docs.example/guide/"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("intro.md", "intro"),
        ("api/view.mdx", "api/view"),
        ("index.md", ""),
        ("api/index.md", "api/"),
        ("api/README.md", "api/"),
        ("api/API.md", "api/"),
        ("01-start/02-install.md", "start/install"),
        ("1. First/3 - Third.md", "First/Third"),
        ("2024-01-15-news.md", "2024-01-15-news"),
        ("8.0-release.md", "8.0-release"),
        ("./a/../b.md", "b"),
        ("../../b.md", "b"),
        ("page.html", "page.html"),
        ("with space/ä.md", "with%20space/%C3%A4"),
        ("query?x#y.md", "query%3Fx%23y"),
    ],
)
def test_a_page_is_published_where_docusaurus_puts_it(uri: str, path: str) -> None:
    assert document_url(BASE, uri, {}) == BASE + path


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"slug": "/"}, ""),
        ({"slug": "/top"}, "top"),
        ({"slug": "other"}, "api/other"),
        ({"slug": "../up"}, "up"),
        ({"slug": "./own/"}, "api/own/"),
        ({"slug": 2024}, "api/2024"),
        ({"id": "renamed"}, "api/renamed"),
        ({"id": "renamed", "slug": "wins"}, "api/wins"),
        ({"parse_number_prefixes": False}, "api/01-view"),
    ],
)
def test_front_matter_moves_a_page(metadata: dict[str, Any], path: str) -> None:
    assert document_url(BASE, "api/01-view.md", metadata) == BASE + path


def test_an_id_does_not_rename_the_page_of_a_folder() -> None:
    assert document_url(BASE, "api/index.md", {"id": "overview"}) == BASE + "api/"


@pytest.mark.parametrize("uri", ["_partial.mdx", "api/_partial.md", "_drafts/page.md"])
def test_a_partial_has_no_page(uri: str) -> None:
    assert document_url(BASE, uri, {}) is None


def test_without_a_base_there_is_no_url() -> None:
    assert document_url(None, "a.md", {}) is None


def test_an_address_is_its_own_url() -> None:
    assert document_url(BASE, "https://other.example/x.md", {}) == "https://other.example/x.md"


def test_a_section_is_a_fragment_of_its_page() -> None:
    assert section_url("https://x/a", "exact-versions") == "https://x/a#exact-versions"
    assert section_url("https://x/a", "日本") == "https://x/a#日本"
    assert section_url("https://x/a", 'own id"') == "https://x/a#own%20id%22"
    assert section_url("https://x/a", None) == "https://x/a"
    assert section_url(None, "a") is None
