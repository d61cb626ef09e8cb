"""Feedback on a turn over HTTP."""

from typing import Any

import httpx
import pytest

from tests.entrypoints.http_service import ADMIN_KEY, LOADER_KEY, OTHER_KEY, QUESTION, HttpService


async def a_turn(client: httpx.AsyncClient) -> str:
    return f"/v1/turns/{(await client.post('/v1/ask', json={'question': QUESTION})).json()['turn_id']}/feedback"


async def test_feedback_is_stored_and_later_feedback_takes_its_place(service: HttpService) -> None:
    async with service.client() as client:
        path = await a_turn(client)
        assert (await client.get(path)).json()["code"] == "feedback_not_found"
        body = {"rating": "down", "reasons": ["bad_citation", "wrong", "wrong"], "comment": "  Footnote 1.  "}
        first = await client.post(path, json=body)
        read = await client.get(path)
        second = await client.post(path, json={"rating": "up"})
        again = await client.get(path)

    assert (first.status_code, first.headers["location"]) == (201, path)
    assert list(first.json()) == ["turn_id", "rating", "reasons", "comment", "created_at", "updated_at"]
    assert first.json()["reasons"] == ["bad_citation", "wrong"]
    assert first.json()["comment"] == "Footnote 1."
    assert read.json() == first.json()
    assert second.status_code == 200
    assert (second.json()["rating"], second.json()["reasons"], second.json()["comment"]) == ("up", [], None)
    assert second.json()["created_at"] == first.json()["created_at"]
    assert again.json() == second.json()


async def test_feedback_is_the_owner_s_alone(service: HttpService) -> None:
    async with service.client() as client:
        path = await a_turn(client)
        await client.post(path, json={"rating": "up", "comment": "mine"})
    for key, status in ((OTHER_KEY, 404), (ADMIN_KEY, 404), (LOADER_KEY, 403)):
        async with service.client(key) as stranger:
            assert (await stranger.post(path, json={"rating": "down"})).status_code == status
            assert (await stranger.get(path)).status_code == status
    async with service.client() as client:
        assert (await client.get(path)).json()["comment"] == "mine"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "out_of_range", "rating"),
        ({"rating": "sideways"}, 422, "out_of_range", "rating"),
        ({"rating": 1}, 400, "bad_request", "rating"),
        ({"rating": "up", "reasons": ["ugly"]}, 422, "out_of_range", "reasons[0]"),
        ({"rating": "up", "reasons": ["wrong"] * 8}, 422, "out_of_range", "reasons"),
        ({"rating": "up", "comment": "x" * 2_001}, 422, "too_long", "comment"),
        ({"rating": "up", "comment": "a\x00"}, 422, "forbidden_character", "comment"),
        ({"rating": "up", "stars": 5}, 422, "out_of_range", "stars"),
    ],
)
async def test_what_is_no_feedback_is_refused(
    service: HttpService, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    async with service.client() as client:
        path = await a_turn(client)
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert (await client.get(path)).status_code == 404


async def test_the_longest_comment_and_a_blank_one_are_taken(service: HttpService) -> None:
    async with service.client() as client:
        path = await a_turn(client)
        assert (await client.post(path, json={"rating": "up", "comment": "🚪" * 2_000})).status_code == 201
        assert (await client.post(path, json={"rating": "up", "comment": "  "})).json()["comment"] is None
