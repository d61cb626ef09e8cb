"""API keys over HTTP: issued once, listed without their secrets, revoked at once, and what each may do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, READER_KEY, HttpService

PATH = "/v1/admin/api-keys"


async def issue(service: HttpService, **grant: Any) -> dict[str, Any]:
    async with service.client(ADMIN_KEY) as admin:
        answer = await admin.post(PATH, json={"name": "a key", "scopes": ["ask"]} | grant)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_key_is_issued_used_listed_and_revoked(service: HttpService) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    async with service.client(ADMIN_KEY) as admin:
        grant = {"name": "Widget", "scopes": ["ask", "act_as"], "collections": ["docs"], "expires_at": until}
        answer = await admin.post(PATH, json=grant)
        issued = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"{PATH}/{UUID(issued['id'])}"
        assert answer.headers["cache-control"] == "no-store"
        assert list(issued) == [
            "id", "name", "tenant", "scopes", "collections", "created_at", "expires_at", "secret",
        ]  # fmt: skip
        secret = issued.pop("secret")
        assert (issued["scopes"], issued["collections"]) == (["act_as", "ask"], ["docs"])
        assert issued["tenant"] == issued["id"]

        listed, read = await admin.get(PATH), await admin.get(answer.headers["location"])
        assert listed.json() == {"items": [issued], "next_cursor": None}
        assert read.json() == issued
        assert secret not in listed.text + read.text

        async with service.client(secret) as holder:
            assert (await holder.post("/v1/ask", json={"question": QUESTION})).json()["status"] == "answered"
            revoked = await admin.delete(answer.headers["location"])
            assert (revoked.status_code, revoked.content) == (204, b"")
            refused = await holder.post("/v1/ask", json={"question": QUESTION})
        assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
        for again in (await admin.delete(answer.headers["location"]), await admin.get(answer.headers["location"])):
            assert (again.status_code, again.json()["code"]) == (404, "api_key_not_found")
        assert (await admin.get(PATH)).json()["items"] == []


async def test_keys_are_listed_page_by_page(service: HttpService) -> None:
    issued = [(await issue(service, name=str(number)))["id"] for number in range(3)]
    async with service.client(ADMIN_KEY) as admin:
        first = (await admin.get(PATH, params={"limit": 2})).json()
        second = (await admin.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [key["id"] for key in first["items"] + second["items"]] == issued[::-1]
    assert second["next_cursor"] is None


async def test_no_key_without_admin_sees_or_makes_keys(service: HttpService) -> None:
    target = await issue(service)
    for scopes in (["ask"], ["ingest"], ["act_as"], ["ask", "ingest", "act_as"]):
        secret = (await issue(service, scopes=scopes))["secret"]
        async with service.client(secret) as holder:
            answers = [
                await holder.post(PATH, json={"name": "mine", "scopes": ["admin"]}),
                await holder.get(PATH),
                await holder.get(f"{PATH}/{target['id']}"),
                await holder.delete(f"{PATH}/{target['id']}"),
            ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "scope_missing")] * 4


@pytest.mark.parametrize(
    ("grant", "status", "field"),
    [
        ({"scopes": []}, 422, "scopes"),
        ({"scopes": ["ask", "root"]}, 422, "scopes[1]"),
        ({"scopes": "ask"}, 400, "scopes"),
        ({"scopes": ["admin"], "collections": ["docs"]}, 422, "collections"),
        ({"collections": ["Docs"]}, 422, "collections"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, 422, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:00"}, 422, "expires_at"),
        ({"expires_at": "soon"}, 422, "expires_at"),
        ({"expires_at": 5}, 400, "expires_at"),
        ({"name": ""}, 422, "name"),
        ({"secret": "ibid_my-own-choice"}, 422, "secret"),
        ({"id": "01890b2f-0000-7000-8000-000000000000"}, 422, "id"),
    ],
)
async def test_a_grant_that_is_not_taken_says_which_field(
    service: HttpService, grant: dict[str, Any], status: int, field: str
) -> None:
    async with service.client(ADMIN_KEY) as admin:
        answer = await admin.post(PATH, json={"name": "a key", "scopes": ["ask"]} | grant)
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (status, [field])


class TestEndUsers:
    async def test_what_one_end_user_asks_another_does_not_see(self, service: HttpService) -> None:
        secret = (await issue(service, scopes=["ask", "act_as"]))["secret"]
        async with service.client(secret) as backend:
            asked = await backend.post("/v1/ask", json={"question": QUESTION}, headers={"Ibid-User": "ann"})
            turn = f"/v1/turns/{asked.json()['turn_id']}"
            read = {
                user: (await backend.get(turn, headers={"Ibid-User": user} if user else {})).status_code
                for user in ("ann", "bob", "", "Ann")
            }
        assert read == {"ann": 200, "bob": 404, "": 404, "Ann": 404}

    async def test_the_same_name_with_another_key_is_another_user_unless_they_share_a_tenant(
        self, service: HttpService
    ) -> None:
        keys = [
            (await issue(service, scopes=["ask", "act_as"], **grant))["secret"]
            for grant in ({"tenant": "acme"}, {"tenant": "acme"}, {})
        ]
        async with service.client(keys[0], **{"Ibid-User": "ann"}) as backend:
            turn_id = (await backend.post("/v1/ask", json={"question": QUESTION})).json()["turn_id"]
        seen = []
        for key in keys:
            async with service.client(key, **{"Ibid-User": "ann"}) as backend:
                seen.append((await backend.get(f"/v1/turns/{turn_id}")).status_code)
        assert seen == [200, 200, 404]

    async def test_a_key_without_act_as_is_told_so(self, service: HttpService) -> None:
        async with service.client(READER_KEY, **{"Ibid-User": "ann"}) as client:
            answer = await client.post("/v1/ask", json={"question": QUESTION})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert answer.json()["detail"] == "the key lacks the scope 'act_as'"

    @pytest.mark.parametrize(
        ("values", "status", "code"),
        [
            ([b""], 422, "blank"),
            ([b"x" * 129], 422, "too_long"),
            ([b"a\x01b"], 422, "forbidden_character"),
            ([b"\xff"], 400, "bad_request"),
            ([b"ann", b"bob"], 400, "bad_request"),
            (["ü".encode() * 128], 200, None),
        ],
    )
    async def test_the_header_is_one_id_of_at_most_128_characters(
        self, service: HttpService, values: list[bytes], status: int, code: str | None
    ) -> None:
        async with service.client(ADMIN_KEY) as admin:
            answer = await admin.get("/v1/me", headers=[(b"Ibid-User", value) for value in values])
        assert (answer.status_code, answer.json().get("code")) == (status, code)


class TestMe:
    async def test_a_caller_is_told_who_it_is(self, service: HttpService) -> None:
        issued = await issue(service, name="Widget", scopes=["ask", "act_as"], collections=["docs", "later"])
        async with service.client(issued["secret"], **{"Ibid-User": "ann"}) as client:
            me = (await client.get("/v1/me")).json()
        assert me == {
            "key_id": issued["id"],
            "name": "Widget",
            "tenant": issued["id"],
            "user": "ann",
            "scopes": ["act_as", "ask"],
            "collections": ["docs", "later"],
            "readable": ["docs"],
            "limits": {"requests_per_minute": 60_000},
        }

    async def test_the_admin_key_of_the_settings_has_no_id_and_no_limit(self, service: HttpService) -> None:
        async with service.client(ADMIN_KEY) as admin:
            me = (await admin.get("/v1/me")).json()
        assert (me["key_id"], me["collections"], me["user"]) == (None, None, None)
        assert me["readable"] == ["docs", "payroll"]

    async def test_a_key_that_may_read_nothing_is_told_that_too(self, service: HttpService) -> None:
        async with service.client((await issue(service, scopes=["act_as"]))["secret"]) as client:
            assert (await client.get("/v1/me")).json()["readable"] == []
