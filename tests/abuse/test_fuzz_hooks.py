"""Which 404 says that the thing of the path is missing, and which speaks of something that the body names."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

from tests.abuse.fuzz_hooks import filter_failure, is_blank_to_python_alone, speaks_of_another


@pytest.mark.parametrize(
    ("path", "problem", "another"),
    [
        ("/v1/conversations/{conversation_id}", {"code": "collection_not_found"}, True),
        ("/v1/conversations/{conversation_id}", {"code": "conversation_not_found"}, False),
        ("/v1/conversations/{conversation_id}", {"code": "not_found"}, False),
        ("/v1/conversations/{conversation_id}", {"detail": "no code"}, False),
        ("/v1/conversations/{conversation_id}", ["not a problem"], False),
        ("/v1/admin/collections/{name}", {"code": "collection_not_found"}, False),
        ("/v1/admin/api-keys/{key_id}", {"code": "api_key_not_found"}, False),
        ("/v1/admin/ingestions/{ingestion_id}/retry", {"code": "ingestion_not_found"}, False),
        ("/v1/admin/ingestions/{ingestion_id}/retry", {"code": "collection_not_found"}, True),
    ],
)
def test_a_404_is_about_the_path_unless_its_code_names_another_kind(path: str, problem: object, another: bool) -> None:
    assert speaks_of_another(path, problem) is another


def test_only_the_check_for_what_was_just_made_is_told_so() -> None:
    made, patch = "POST /v1/conversations", "PATCH /v1/conversations/{conversation_id}"
    unavailable = EnsureResourceAvailability(
        operation=patch, message="404", created_with=made, not_available_with=patch
    )
    assert _kept(unavailable, b"collections")
    assert _kept(unavailable, json.dumps({"code": "conversation_not_found"}).encode())
    assert not _kept(unavailable, json.dumps({"code": "collection_not_found"}).encode())
    assert _kept(
        Failure(operation=patch, title="t", message="m"), json.dumps({"code": "collection_not_found"}).encode()
    )


def test_a_whole_number_written_with_a_fraction_is_refused_with_reason_and_nothing_else_is() -> None:
    refused = RejectedPositiveData(
        operation="POST /v1/search", message="400", status_code=400, allowed_statuses=["2xx"]
    )
    problem = json.dumps({"code": "bad_request", "errors": [{"field": "top_k", "message": "must be int, not float"}]})
    assert not _kept(refused, problem.encode(), {"top_k": 5.0})
    assert _kept(refused, problem.encode(), {"top_k": 5})
    assert _kept(refused, problem.replace("not float", "not str").encode(), {"top_k": 5.0})
    assert _kept(refused, json.dumps({"code": "bad_request"}).encode(), {"top_k": 5.0})


def _kept(failure: Failure, body: bytes, sent: object = None) -> bool:
    operation = SimpleNamespace(path="/v1/conversations/{conversation_id}")
    case = SimpleNamespace(operation=operation, body=sent)
    return bool(
        filter_failure(cast("Any", None), failure, cast("Any", case), cast("Any", SimpleNamespace(content=body)))
    )


@pytest.mark.parametrize(
    ("body", "blank"),
    [
        ({"title": "\x85"}, True),
        ({"documents": [{"uri": " \x1f"}]}, True),
        ({"title": " "}, False),
        ({"title": "\x85a"}, False),
        ({"title": ""}, False),
        (None, False),
    ],
)
def test_a_text_is_blank_to_python_alone_by_what_only_python_trims(body: object, blank: bool) -> None:
    assert is_blank_to_python_alone(body) is blank
