"""Collections over HTTP."""

from typing import Any

import pytest

from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, READER_KEY, HttpService

PATH = "/v1/admin/collections"
HANDBOOK = {
    "name": "handbook",
    "title": "Handbook",
    "description": "How we work",
    "visibility": "members",
    "language": "de",
    "instructions": "Be brief.",
    "verification": "redact",
    "trust": 9,
}


async def test_a_collection_is_made_read_changed_listed_and_deleted(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as admin:
        made = await admin.post(PATH, json=HANDBOOK)
        assert made.status_code == 201
        assert made.headers["location"] == f"{PATH}/handbook"
        body = made.json()
        assert list(body) == [*HANDBOOK, "documents", "index", "created_at"]
        assert {name: body[name] for name in HANDBOOK} == HANDBOOK
        assert body["documents"] == 0
        assert (await admin.get(made.headers["location"])).json() == body

        changed = await admin.patch(f"{PATH}/handbook", json={"title": "Manual", "trust": 0})
        assert changed.json() == body | {"title": "Manual", "trust": 0}
        assert (await admin.patch(f"{PATH}/handbook", json={})).json() == changed.json()

        listed = (await admin.get(PATH)).json()
        assert [one["name"] for one in listed["items"]] == ["handbook", "payroll", "docs"]
        assert [one["documents"] for one in listed["items"]] == [0, 1, 2]
        first = (await admin.get(PATH, params={"limit": 2})).json()
        rest = (await admin.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
        assert first["items"] + rest["items"] == listed["items"]

        deleted = await admin.delete(f"{PATH}/handbook")
        assert (deleted.status_code, deleted.content) == (204, b"")
        for answer in (
            await admin.get(f"{PATH}/handbook"),
            await admin.patch(f"{PATH}/handbook", json={}),
            await admin.delete(f"{PATH}/handbook"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "collection_not_found")


async def test_only_the_name_is_needed(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as admin:
        body = (await admin.post(PATH, json={"name": "notes"})).json()
    body.pop("created_at")
    assert body == {
        "name": "notes", "title": "notes", "description": "", "visibility": "private", "language": "en",
        "instructions": "", "verification": "flag", "trust": 5, "documents": 0, "index": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"name": "docs"}, 409, "collection_exists", None),
        ({}, 422, "out_of_range", "name"),
        ({"name": "No Slug"}, 422, "out_of_range", "name"),
        ({"name": "x" * 65}, 422, "out_of_range", "name"),
        ({"name": "n", "trust": 10}, 422, "out_of_range", "trust"),
        ({"name": "n", "trust": -1}, 422, "out_of_range", "trust"),
        ({"name": "n", "trust": "5"}, 400, "bad_request", "trust"),
        ({"name": "n", "visibility": "secret"}, 422, "out_of_range", "visibility"),
        ({"name": "n", "verification": "maybe"}, 422, "out_of_range", "verification"),
        ({"name": "n", "language": "english"}, 422, "out_of_range", "language"),
        ({"name": "n", "title": " "}, 422, "blank", "title"),
        ({"name": "n", "title": "x" * 501}, 422, "too_long", "title"),
        ({"name": "n", "description": "x" * 2_001}, 422, "too_long", "description"),
        ({"name": "n", "instructions": "x" * 4_001}, 422, "too_long", "instructions"),
        ({"name": "n", "instructions": "a\x00b"}, 422, "forbidden_character", "instructions"),
        ({"name": "n", "owner": "me"}, 422, "out_of_range", "owner"),
    ],
)
async def test_what_is_not_taken_says_why(
    service: HttpService, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    async with service.client(ADMIN_KEY) as admin:
        answer = await admin.post(PATH, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert [one["field"] for one in problem["errors"]] == ([field] if field else [])


@pytest.mark.parametrize("changes", [{"name": "other"}, {"created_at": "2020-01-01T00:00:00Z"}, {"documents": 0}])
async def test_what_a_collection_is_known_by_does_not_change(service: HttpService, changes: dict[str, Any]) -> None:
    async with service.client(ADMIN_KEY) as admin:
        assert (await admin.patch(f"{PATH}/docs", json=changes)).status_code == 422


async def test_a_language_with_documents_is_a_conflict_that_says_what_to_do(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as admin:
        answer = await admin.patch(f"{PATH}/docs", json={"language": "de"})
        again = await admin.patch(f"{PATH}/docs", json={"language": "en", "title": "Docs"})
    assert (answer.status_code, answer.json()["code"]) == (409, "collection_in_use")
    assert "delete the collection" in answer.json()["detail"]
    assert again.status_code == 200


@pytest.mark.parametrize("name", ["a%00b", "%ff", "Docs", "..%2fdocs", "x" * 300, "docs%20"])
async def test_a_path_that_is_no_name_is_not_found(service: HttpService, name: str) -> None:
    async with service.client(ADMIN_KEY) as admin:
        for answer in (
            await admin.get(f"{PATH}/{name}"),
            await admin.patch(f"{PATH}/{name}", json={"title": "T"}),
            await admin.delete(f"{PATH}/{name}"),
        ):
            assert answer.status_code == 404


async def test_a_deleted_collection_is_in_no_answer_and_its_turns_keep_what_they_showed(service: HttpService) -> None:
    async with service.client(READER_KEY) as reader, service.client(ADMIN_KEY) as admin:
        before = await reader.post("/v1/ask", json={"question": QUESTION})
        assert before.json()["evidence"]
        assert (await admin.delete(f"{PATH}/docs")).status_code == 204
        found = (await admin.post("/v1/search", json={"query": QUESTION, "limit": 50})).json()["passages"]
        assert {passage["document"]["collection"] for passage in found} == {"payroll"}
        assert (await reader.post("/v1/search", json={"query": QUESTION})).json()["passages"] == []
        assert (await reader.get("/v1/documents")).json()["items"] == []
        assert (await reader.get(f"/v1/turns/{before.json()['turn_id']}")).content == before.content
        named = await reader.post("/v1/ask", json={"question": QUESTION, "collections": ["docs"]})
        assert (named.status_code, named.json()["code"]) == (404, "collection_not_found")


async def test_visibility_is_honoured_from_the_next_request_on(service: HttpService) -> None:
    async with service.client(READER_KEY) as reader, service.client(ADMIN_KEY) as admin:
        readable = []
        for visibility in ("private", "members", "public", "private"):
            await admin.patch(f"{PATH}/payroll", json={"visibility": visibility})
            readable.append((await reader.get("/v1/me")).json()["readable"])
            found = (await reader.post("/v1/search", json={"query": "ledger heron", "limit": 50})).json()["passages"]
            assert ("payroll" in {one["document"]["collection"] for one in found}) is ("payroll" in readable[-1])
    assert readable == [["docs"], ["docs", "payroll"], ["docs", "payroll"], ["docs"]]


async def test_nobody_is_let_in_without_a_key_however_public_a_collection_is(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as admin, service.client(None) as stranger:
        await admin.patch(f"{PATH}/docs", json={"visibility": "public"})
        assert (await stranger.post("/v1/ask", json={"question": QUESTION})).status_code == 401
