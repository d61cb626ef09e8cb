"""The API's description is committed, is the one that is served, and breaks no client of the last release."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest

from entrypoints.describe_api import described
from tests.api_changes import breaking_changes

DOCS: Final = Path(__file__).parents[1] / "docs"
ASK: Final = "/v1/ask"


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(described())
    return document


def test_the_committed_description_is_the_one_that_is_served(now: dict[str, Any]) -> None:
    committed = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    committed["info"]["version"] = now["info"]["version"]
    assert committed == now, "run `make openapi` and commit docs/openapi.json"


def test_no_client_of_the_last_release_breaks(now: dict[str, Any]) -> None:
    released = json.loads((DOCS / "openapi-released.json").read_text(encoding="utf-8"))
    assert breaking_changes(released, now) == []


def shape(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def remove_route(new: dict[str, Any]) -> None:
    del new["paths"]["/v1/search"]


def remove_field_of_an_answer(new: dict[str, Any]) -> None:
    del shape(new, "TurnBody")["properties"]["degraded"]


def retype_a_field_of_an_answer(new: dict[str, Any]) -> None:
    shape(new, "EvidenceBody")["properties"]["score"] = {"type": "string"}


def make_a_field_optional_in_an_answer(new: dict[str, Any]) -> None:
    shape(new, "ClaimBody")["required"].remove("verdict")


def let_an_answer_be_null(new: dict[str, Any]) -> None:
    shape(new, "TurnBody")["properties"]["answer"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def remove_a_field_of_a_request(new: dict[str, Any]) -> None:
    del shape(new, "AskBody")["properties"]["selected_text"]


def require_a_field_of_a_request(new: dict[str, Any]) -> None:
    shape(new, "AskBody")["required"].append("collections")


def shorten_a_limit(new: dict[str, Any]) -> None:
    shape(new, "AskBody")["properties"]["question"]["maxLength"] = 2_000


def raise_a_minimum(new: dict[str, Any]) -> None:
    shape(new, "AskBody")["properties"]["top_k"]["minimum"] = 2


def drop_a_word(new: dict[str, Any]) -> None:
    shape(new, "AskBody")["properties"]["on_disconnect"]["enum"].remove("cancel")


def require_a_parameter(new: dict[str, Any]) -> None:
    parameters = new["paths"]["/v1/documents"]["get"]["parameters"]
    parameters.append({"in": "query", "name": "tenant", "required": True, "schema": {"type": "string"}})


def drop_a_parameter(new: dict[str, Any]) -> None:
    parameters = new["paths"]["/v1/documents"]["get"]["parameters"]
    parameters[:] = [one for one in parameters if one["name"] != "uri"]


def drop_a_media_type(new: dict[str, Any]) -> None:
    del new["paths"][ASK]["post"]["responses"]["200"]["content"]["text/event-stream"]


def ask_for_a_key(new: dict[str, Any]) -> None:
    del new["paths"]["/health/ready"]["get"]["security"]


BREAKING = (
    remove_route, remove_field_of_an_answer, retype_a_field_of_an_answer, make_a_field_optional_in_an_answer,
    let_an_answer_be_null, remove_a_field_of_a_request, require_a_field_of_a_request, shorten_a_limit, raise_a_minimum,
    drop_a_word, require_a_parameter, drop_a_parameter, drop_a_media_type, ask_for_a_key,
)  # fmt: skip


@pytest.mark.parametrize("change", BREAKING, ids=lambda change: change.__name__)
def test_every_kind_of_breaking_change_is_found(now: dict[str, Any], change: Any) -> None:
    new = deepcopy(now)
    change(new)
    assert breaking_changes(now, new)


def test_what_is_added_breaks_nobody(now: dict[str, Any]) -> None:
    new = deepcopy(now)
    new["paths"]["/v1/new"] = new["paths"][ASK]
    shape(new, "AskBody")["properties"]["new"] = {"type": "string"}
    shape(new, "AskBody")["properties"]["question"]["maxLength"] = 8_000
    shape(new, "AskBody")["properties"]["on_disconnect"]["enum"].append("wait")
    shape(new, "TurnBody")["properties"]["new"] = {"type": "string"}
    new["paths"]["/v1/documents"]["get"]["parameters"].append(
        {"in": "query", "name": "new", "required": False, "schema": {"type": "string"}}
    )
    assert breaking_changes(now, new) == []
