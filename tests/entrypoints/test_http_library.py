"""Documents in and out over HTTP: ingestions, listings, texts, forgetting, and who sees what."""

from uuid import UUID

from tests.entrypoints.http_service import ADMIN_KEY, LOADER_KEY, OTHER_KEY, QUESTION, READER_KEY, HttpService
from tests.story import PINNING


async def test_an_ingestion_is_accepted_followed_and_listed(service: HttpService) -> None:
    documents = [{"uri": "pinning.md", "content": PINNING, "format": "markdown", "metadata": {"lang": "en"}}]
    async with service.client(LOADER_KEY) as client:
        accepted = await client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents})
        listed = (await client.get("/v1/admin/ingestions")).json()
    body = accepted.json()
    assert accepted.status_code == 202
    assert accepted.headers["location"] == body["status_url"] == f"/v1/admin/ingestions/{UUID(body['id'])}"
    # The key sees its own alone, not the admin's.
    assert [one["id"] for one in listed["items"]] == [body["id"]]


async def test_a_finished_ingestion_counts_and_tells_of_each_document(service: HttpService) -> None:
    ingestion_id = await service.ingest({"pinning.md": "# Pinning\n\nNew words.", "fresh.md": "# Fresh\n\nWords."})
    async with service.client(ADMIN_KEY) as client:
        state = (await client.get(f"/v1/admin/ingestions/{ingestion_id}")).json()
        outcomes = (await client.get(f"/v1/admin/ingestions/{ingestion_id}/documents")).json()
    assert list(state) == [
        "id", "kind", "collection", "base_url", "prune", "status", "counts", "passages", "retries", "created_at",
        "finished_at", "plan", "source", "left_out", "embedded",
    ]  # fmt: skip
    assert state["embedded"] is None, "this embedder costs nothing"
    assert state["counts"] == {
        "total": 2, "added": 1, "updated": 1, "unchanged": 0, "removed": 0, "failed": 0, "cancelled": 0,
    }  # fmt: skip
    assert state["passages"] == 2
    assert state["finished_at"].endswith("Z")
    assert outcomes == {
        "items": [
            {"uri": "pinning.md", "outcome": "updated", "error": None, "passages": 1},
            {"uri": "fresh.md", "outcome": "added", "error": None, "passages": 1},
        ],
        "next_cursor": None,
    }


async def test_documents_are_listed_page_by_page_and_each_once(service: HttpService) -> None:
    seen, cursor = [], None
    async with service.client(ADMIN_KEY) as client:
        while True:
            params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/documents", params=params)).json()
            seen += [document["uri"] for document in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        narrowed = (await client.get("/v1/documents", params={"collection": "docs", "uri": "pinning.md"})).json()
    assert sorted(seen) == ["payroll.md", "pinning.md", "snapshots.md"]
    assert [document["uri"] for document in narrowed["items"]] == ["pinning.md"]


async def test_a_quote_stands_where_the_text_of_the_cited_version_has_it(service: HttpService) -> None:
    async with service.client() as client:
        turn = (await client.post("/v1/ask", json={"question": QUESTION})).json()
        cited = [
            (turn["evidence"][citation["evidence"] - 1], citation)
            for claim in turn["claims"]
            for citation in claim["citations"]
        ]
        assert cited
        for evidence, citation in cited:
            document = evidence["document"]
            kept = await client.get(f"/v1/documents/{document['id']}/text", params={"version": document["version"]})
            assert kept.json()["version"] == document["version"]
            text = kept.json()["text"]
            assert text[citation["quote_start"] : citation["quote_end"]] == citation["quote"]
            assert text[evidence["start"] : evidence["end"]] == evidence["text"]


async def test_a_forgotten_document_is_gone_everywhere_but_in_the_turn(service: HttpService) -> None:
    async with service.client() as client, service.client(ADMIN_KEY) as admin:
        before = await client.post("/v1/ask", json={"question": QUESTION})
        document_id = before.json()["evidence"][0]["document"]["id"]
        deleted = await admin.delete(f"/v1/documents/{document_id}")
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert (await admin.delete(f"/v1/documents/{document_id}")).status_code == 404
        assert (await client.get(f"/v1/documents/{document_id}")).json()["code"] == "document_not_found"
        gone = await client.get(f"/v1/documents/{document_id}/text", params={"version": "x"})
        found = (await client.post("/v1/search", json={"query": QUESTION, "limit": 50})).json()["passages"]
        after = await client.get(f"/v1/turns/{before.json()['turn_id']}")
    assert (gone.status_code, gone.json()["code"]) == (410, "document_version_gone")
    assert document_id not in [passage["document"]["id"] for passage in found]
    assert after.content == before.content


async def test_text_of_an_unknown_version_is_404(service: HttpService) -> None:
    async with service.client() as client:
        [document, *_] = (await client.get("/v1/documents")).json()["items"]
        answer = await client.get(f"/v1/documents/{document['id']}/text", params={"version": "nothing"})
        active = (await client.get(f"/v1/documents/{document['id']}/text")).json()
    assert (answer.status_code, answer.json()["code"]) == (404, "document_version_not_found")
    assert active["version"] == document["version"]


async def test_search_gives_evidence_and_raw_scores_to_operators_alone(service: HttpService) -> None:
    async with service.client() as client, service.client(ADMIN_KEY) as admin:
        body = {"query": QUESTION, "collections": ["docs"], "limit": 2, "rerank": False}
        found, with_scores = (await client.post("/v1/search", json=body)), (await admin.post("/v1/search", json=body))
    assert list(found.json()) == ["passages", "degraded", "timings_ms"]
    assert 1 <= len(found.json()["passages"]) <= 2
    assert all("scores" not in passage for passage in found.json()["passages"])
    scored = with_scores.json()["passages"]
    for passage in scored:
        assert list(passage.pop("scores")) == ["fused", "dense", "sparse"]
    assert scored == found.json()["passages"]
    assert not service.adapters.store().turns


async def test_a_limited_key_never_meets_another_collections_passage(service: HttpService) -> None:
    question = "What exact version of the payroll ledger is pinned, is it heron?"
    async with service.client(ADMIN_KEY) as admin, service.client(READER_KEY) as reader:
        [payroll] = (await admin.get("/v1/documents?collection=payroll")).json()["items"]
        seen = (await admin.post("/v1/search", json={"query": question, "limit": 50})).json()["passages"]
        assert "heron" in str(seen)

        answers = [
            await reader.post("/v1/ask", json={"question": question}),
            await reader.post("/v1/ask", json={"question": question}, headers={"Accept": "text/event-stream"}),
            await reader.post("/v1/search", json={"query": question, "limit": 50}),
            await reader.get("/v1/documents?limit=100"),
        ]
        assert all(answer.status_code == 200 for answer in answers)
        refusals = [
            await reader.post("/v1/ask", json={"question": question, "collections": ["payroll"]}),
            await reader.post("/v1/search", json={"query": question, "collections": ["docs", "payroll"]}),
            await reader.get("/v1/documents?collection=payroll"),
            await reader.get(f"/v1/documents/{payroll['id']}"),
            await reader.get(f"/v1/documents/{payroll['id']}/text?version={payroll['version']}"),
        ]
        no_such = await reader.get("/v1/documents?collection=nothing")
    assert "heron of" not in "".join(answer.text for answer in answers)
    assert not any(payroll["id"] in answer.text or "payroll.md" in answer.text for answer in answers)
    assert [answer.status_code for answer in refusals] == [404] * 5
    # What may not be seen and what is not there are told apart by nothing but the name that was asked for.
    assert refusals[2].json()["detail"].replace("payroll", "nothing") == no_such.json()["detail"]


async def test_an_ingestion_is_its_owners_and_the_admins(service: HttpService) -> None:
    ingestion_id = await service.ingest({"more.md": "# More\n\nWords."})
    async with service.client(LOADER_KEY) as loader, service.client(OTHER_KEY) as other:
        for path in (f"/v1/admin/ingestions/{ingestion_id}", f"/v1/admin/ingestions/{ingestion_id}/documents"):
            assert (await loader.get(path)).json()["code"] == "ingestion_not_found"
            assert (await other.get(path)).json()["code"] == "scope_missing"
