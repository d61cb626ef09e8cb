"""`ibid documents` against a service that answers in the contract's shapes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import main
from tests.scripted_service import KEY, ScriptedService, a_problem

ID = "0199c0de-0000-7000-8000-00000000000d"
OTHER = "0199c0de-0000-7000-8000-00000000000e"
PATH = "/v1/documents"


def a_document(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": ID,
        "collection": "docs",
        "uri": "guides/pinning.md",
        "title": "Pinning",
        "url": "https://x.test/guides/pinning",
        "peer_reviewed": None,
        "metadata": {"lang": "en"},
        "version": "abc",
        "created_at": "2026-11-21T00:00:00Z",
        "updated_at": "2026-11-22T00:00:00Z",
    }
    return document | changes


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    scripted = ScriptedService()
    with scripted.running():
        yield scripted


def documents(service: ScriptedService, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["documents", *arguments], env={"IBID_URL": service.url, "IBID_API_KEY": KEY})


def test_every_page_of_documents_is_shown(service: ScriptedService) -> None:
    other = a_document(id=OTHER, uri="b.md", title="Bells \x07 and\x1b[2J whistles")
    where = f"GET {PATH}?limit=100&collection=docs"
    service.replies[where] = (200, {"items": [a_document()], "next_cursor": "c1"})
    service.replies[f"{where}&cursor=c1"] = (200, {"items": [other], "next_cursor": None})
    result = documents(service, "list", "--collection", "docs")
    assert result.stdout.startswith(f"{ID}  docs  guides/pinning.md\n    Pinning\n{OTHER}  docs  b.md\n    Bells")
    assert "\x1b" not in result.stdout
    assert json.loads(documents(service, "list", "--collection", "docs", "--json").stdout) == {
        "items": [a_document(), other]
    }
    assert documents(service, "list", "--collection", "docs", "--limit", "1").stdout.count("docs") == 1


def test_no_document_is_said_beside_the_output(service: ScriptedService) -> None:
    service.replies[f"GET {PATH}?limit=100&uri=x.md"] = (200, {"items": [], "next_cursor": None})
    result = documents(service, "list", "--uri", "x.md")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no such document" in result.stderr


def test_a_document_is_shown_and_its_text_by_itself(service: ScriptedService) -> None:
    service.replies[f"GET {PATH}/{ID}"] = (200, a_document())
    service.replies[f"GET {PATH}/{ID}/text"] = (200, {"text": "Two equals signs.\n\nRanges float.", "version": "abc"})
    shown = documents(service, "show", ID).stdout
    for said in ("guides/pinning.md", "Pinning", "https://x.test/guides/pinning", "version abc", "lang: en"):
        assert said in shown
    assert json.loads(documents(service, "show", ID, "--json").stdout) == a_document()
    assert documents(service, "show", ID, "--text").stdout == "Two equals signs.\n\nRanges float.\n"


def test_documents_are_deleted_by_their_ids(service: ScriptedService) -> None:
    for one in (ID, OTHER):
        service.replies[f"DELETE {PATH}/{one}"] = (200, {})
    assert documents(service, "delete", ID).stdout == f"Document {ID} is gone.\n"
    assert json.loads(documents(service, "delete", ID, OTHER, "--json").stdout) == {"deleted": [ID, OTHER]}


def test_an_unknown_document_is_one_line_that_names_the_way_out(service: ScriptedService) -> None:
    service.replies[f"DELETE {PATH}/{ID}"] = (404, a_problem(404, "document_not_found", "no document 'x'"))
    result = documents(service, "delete", ID)
    assert (result.exit_code, result.stderr) == (
        1,
        "ibid: no document 'x'; 'ibid documents list' shows those that there are\n",
    )


@pytest.mark.parametrize("arguments", [["show", "x"], ["delete"], ["list", "--limit", "0"]])
def test_bad_usage_is_refused_before_anything_is_asked(service: ScriptedService, arguments: list[str]) -> None:
    assert documents(service, *arguments).exit_code == 2
    assert service.requests == []
