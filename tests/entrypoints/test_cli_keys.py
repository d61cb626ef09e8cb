"""`ibid keys` against a service that answers in the contract's shapes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import main
from tests.scripted_service import KEY, ScriptedService, a_problem

KEY_ID = "0199c0de-0000-7000-8000-00000000000a"
PATH = "/v1/admin/api-keys"


def a_key(**changes: Any) -> dict[str, Any]:
    key: dict[str, Any] = {
        "id": KEY_ID,
        "name": "Widget",
        "tenant": KEY_ID,
        "scopes": ["act_as", "ask"],
        "collections": ["docs"],
        "created_at": "2026-11-21T00:00:00Z",
        "expires_at": None,
    }
    return key | changes


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    scripted = ScriptedService()
    with scripted.running():
        yield scripted


def keys(service: ScriptedService, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments], env={"IBID_URL": service.url, "IBID_API_KEY": KEY})


def test_a_new_keys_secret_is_all_of_the_output(service: ScriptedService) -> None:
    service.replies[f"POST {PATH}"] = (201, a_key(secret="ibid_new"))
    result = keys(service, "create", "Widget", "--scope", "ask", "--scope", "act_as", "--collection", "docs")
    assert (result.exit_code, result.stdout) == (0, "ibid_new\n")
    assert "act_as, ask; collections: docs; without end" in result.stderr
    assert "ibid_new" not in result.stderr
    assert service.bodies(f"POST {PATH}") == [{"name": "Widget", "scopes": ["ask", "act_as"], "collections": ["docs"]}]


def test_days_become_a_time_and_a_tenant_is_passed_on(service: ScriptedService) -> None:
    service.replies[f"POST {PATH}"] = (201, a_key(secret="ibid_new", tenant="acme"))
    result = keys(service, "create", "W", "--scope", "ask", "--days", "30", "--tenant", "acme", "--json")
    [body] = service.bodies(f"POST {PATH}")
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert body["tenant"] == "acme"
    assert json.loads(result.stdout)["secret"] == "ibid_new"


def test_every_page_of_keys_is_shown(service: ScriptedService) -> None:
    service.replies[f"GET {PATH}?limit=100"] = (200, {"items": [a_key()], "next_cursor": "c1"})
    older = a_key(
        id="0199c0de-0000-7000-8000-00000000000b", name="Old", collections=None, expires_at="2027-01-01T00:00:00Z"
    )
    service.replies[f"GET {PATH}?limit=100&cursor=c1"] = (200, {"items": [older], "next_cursor": None})
    result = keys(service, "list")
    assert result.stdout == (
        f"{KEY_ID}  Widget\n    act_as, ask; collections: docs; without end\n"
        f"{older['id']}  Old\n    act_as, ask; every collection, tenant: {KEY_ID}; until 2027-01-01T00:00:00Z\n"
    )
    assert json.loads(keys(service, "list", "--json").stdout) == {"items": [a_key(), older]}


def test_a_service_without_keys_says_so_beside_the_output(service: ScriptedService) -> None:
    service.replies[f"GET {PATH}?limit=100"] = (200, {"items": [], "next_cursor": None})
    result = keys(service, "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no keys" in result.stderr


def test_a_key_is_revoked_by_its_id(service: ScriptedService) -> None:
    service.replies[f"DELETE {PATH}/{KEY_ID}"] = (200, {})
    assert keys(service, "revoke", KEY_ID).stdout == f"Key {KEY_ID} opens nothing any more.\n"
    assert json.loads(keys(service, "revoke", KEY_ID, "--json").stdout) == {"revoked": KEY_ID}


def test_an_unknown_key_is_one_line_that_names_the_way_out(service: ScriptedService) -> None:
    service.replies[f"DELETE {PATH}/{KEY_ID}"] = (404, a_problem(404, "api_key_not_found", "no API key 'x'"))
    result = keys(service, "revoke", KEY_ID)
    assert (result.exit_code, result.stderr) == (
        1,
        "ibid: no API key 'x'; 'ibid keys list' shows those that there are\n",
    )


@pytest.mark.parametrize(
    "arguments", [["create", "x"], ["create", "x", "--scope", "root"], ["revoke", "x"], ["create"]]
)
def test_bad_usage_is_refused_before_anything_is_asked(service: ScriptedService, arguments: list[str]) -> None:
    assert keys(service, *arguments).exit_code == 2
    assert service.requests == []
