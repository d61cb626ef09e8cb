"""GET /v1/turns/{id}/references: the bibliography of an answer for other programs."""

import pytest

from tests.entrypoints.http_service import OTHER_KEY, QUESTION, HttpService


async def test_references_come_in_every_format_whatever_style_was_asked_in(service: HttpService) -> None:
    async with service.client() as client:
        turn = (await client.post("/v1/ask", json={"question": QUESTION, "citation_style": "ieee"})).json()
        path = f"/v1/turns/{turn['turn_id']}/references"
        as_bibtex = await client.get(path)
        as_csl = await client.get(path, params={"format": "csl"})
        as_apa = await client.get(path, params={"format": "apa"})
    assert as_bibtex.headers["content-type"] == "application/x-bibtex; charset=utf-8"
    assert as_bibtex.text.count("@misc{") == len(turn["references"]) > 0
    assert as_csl.headers["content-type"] == "application/vnd.citationstyles.csl+json"
    assert as_csl.json() == [reference["csl"] for reference in turn["references"]]
    assert as_apa.headers["content-type"] == "text/plain; charset=utf-8"
    assert len(as_apa.text.splitlines()) == len(turn["references"])


@pytest.mark.parametrize("form", ["", "ris", "APA"])
async def test_an_unknown_format_is_refused(service: HttpService, form: str) -> None:
    async with service.client() as client:
        turn = (await client.post("/v1/ask", json={"question": QUESTION})).json()
        refused = await client.get(f"/v1/turns/{turn['turn_id']}/references", params={"format": form})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "format")


async def test_references_are_their_owner_s_alone(service: HttpService) -> None:
    async with service.client() as client:
        turn = (await client.post("/v1/ask", json={"question": QUESTION})).json()
    async with service.client(OTHER_KEY) as stranger:
        assert (await stranger.get(f"/v1/turns/{turn['turn_id']}/references")).status_code == 404
