"""Reindexing over HTTP: accepted, followed like an ingestion, seen on the collection, rolled back."""

import json
from typing import Any

from tests.entrypoints.http_service import ADMIN_KEY, HttpService

PATH = "/v1/admin/collections/docs"
QUERY = {"query": "How is an exact version written?", "collections": ["docs"], "limit": 5}


async def reindexed(service: HttpService, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    async with service.client(ADMIN_KEY) as admin:
        accepted = await admin.post(f"{PATH}/{path}", **({} if body is None else {"json": body}))
        assert accepted.status_code == 202, accepted.text
        assert accepted.headers["location"] == accepted.json()["status_url"]
        await service.ended(accepted.headers["location"])
        done: dict[str, Any] = (await admin.get(accepted.headers["location"])).json()
        return done


async def found(service: HttpService) -> Any:
    async with service.client() as client:
        answer = (await client.post("/v1/search", json=QUERY)).raise_for_status().json()
    assert answer["degraded"] == []
    return answer["passages"]


async def test_a_collection_is_reindexed_and_rolled_back(service: HttpService) -> None:
    before = await found(service)
    done = await reindexed(service, "reindex", {"chunk_chars": 200})
    assert (done["kind"], done["status"], done["collection"]) == ("reindex", "succeeded", "docs")
    assert (done["counts"]["updated"], done["counts"]["total"]) == (2, 2)
    async with service.client(ADMIN_KEY) as admin:
        assert (await admin.get(PATH)).json()["index"] == {
            "embedder": "hashed-words-256", "chunk_chars": 200, "generation": 2,
        }  # fmt: skip
        listed = (await admin.get("/v1/admin/ingestions")).json()["items"]
        assert [one["kind"] for one in listed] == ["reindex", "ingest", "ingest"]
        retried = await admin.post(f"/v1/admin/ingestions/{done['id']}/retry")
        assert (retried.status_code, retried.json()) == (200, done)
        events = await admin.get(f"/v1/admin/ingestions/{done['id']}/events")
        assert json.loads(events.text.split("event: done\ndata: ")[1].split("\n")[0])["kind"] == "reindex"
    assert max(len(one["text"]) for one in await found(service)) <= 200

    back = await reindexed(service, "rollback", None)
    assert (back["kind"], back["counts"]["total"]) == ("rollback", 0)
    assert await found(service) == before


async def test_what_is_refused_says_why(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as admin:
        for body, field in (({"chunk_chars": 199}, "chunk_chars"), ({"embedder": "unheard-of"}, "embedder")):
            answer = await admin.post(f"{PATH}/reindex", json=body)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
        assert "hashed-words-256" in answer.json()["errors"][0]["message"]
        answer = await admin.post(f"{PATH}/rollback")
        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_roll_back")
        service.adapters.queue().wake = lambda: None
        assert (await admin.post(f"{PATH}/reindex", json={})).status_code == 202
        answer = await admin.post(f"{PATH}/reindex", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "reindex_running")
