"""
Every route that is served, by every kind of caller, on its own, another's and a missing object.

A new route fails the first test until somebody has said here who may use it.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import httpx
import pytest

from domain.access.model import Scope
from entrypoints.asgi import ROUTED
from entrypoints.http.app import create_app
from tests.builders import an_api_key
from tests.entrypoints.http_service import ADMIN_KEY, QUESTION, HttpService
from tests.story import PINNING

ASK: Final = frozenset({"ask"})
READ: Final = frozenset({"ask", "ingest"})
INGEST: Final = frozenset({"ingest"})
ADMIN: Final[frozenset[str]] = frozenset()
ANY_KEY: Final = frozenset({"ask", "ingest", "act_as"})

FEEDBACK: Final = "POST /v1/turns/{turn_id}/feedback"
EXPIRED_SECRET: Final = "ibid_an-expired-key-of-this-test"
_PAGES: Final = {"collection": "mine", "documents": [{"uri": "a.md", "content": "# A\n\nWords.", "format": "markdown"}]}


@dataclass(frozen=True)
class Route:
    """``scopes``: any one of these opens it, and ``admin`` always does; None: it is open to all."""

    scopes: frozenset[str] | None
    body: Mapping[str, Any] | None = None
    of: Mapping[str, str] = field(default_factory=dict)
    """Fields of the body or the query that name an object, and of what kind it is."""


_CLASSIFIED: Final = {
    "GET /health/live": Route(None),
    "GET /health/ready": Route(None),
    "POST /v1/ask": Route(
        ASK, {"question": QUESTION}, of={"collections": "collection", "conversation_id": "conversation"}
    ),
    "POST /v1/search": Route(ASK, {"query": QUESTION}, of={"collections": "collection"}),
    "GET /v1/turns/{turn_id}": Route(ASK),
    "GET /v1/turns/{turn_id}/references": Route(ASK),
    "GET /v1/turns/{turn_id}/events": Route(ASK),
    "POST /v1/turns/{turn_id}/cancel": Route(ASK),
    FEEDBACK: Route(ASK, {"rating": "up"}),
    "GET /v1/turns/{turn_id}/feedback": Route(ASK),
    "GET /v1/conversations": Route(ASK),
    "POST /v1/conversations": Route(ASK, {}, of={"collections": "collection"}),
    "GET /v1/conversations/{conversation_id}": Route(ASK),
    "PATCH /v1/conversations/{conversation_id}": Route(ASK, {"title": "T"}, of={"collections": "collection"}),
    "DELETE /v1/conversations/{conversation_id}": Route(ASK),
    "GET /v1/conversations/{conversation_id}/turns": Route(ASK),
    "GET /v1/documents": Route(READ, of={"collection": "collection"}),
    "GET /v1/documents/{document_id}": Route(READ),
    "GET /v1/documents/{document_id}/text": Route(READ),
    "DELETE /v1/documents/{document_id}": Route(INGEST),
    "POST /v1/admin/ingestions": Route(INGEST, _PAGES, of={"collection": "collection"}),
    "POST /v1/admin/ingestions/plan": Route(INGEST, _PAGES, of={"collection": "collection"}),
    "GET /v1/admin/ingestions": Route(INGEST),
    "GET /v1/admin/ingestions/{ingestion_id}": Route(INGEST),
    "GET /v1/admin/ingestions/{ingestion_id}/documents": Route(INGEST),
    "GET /v1/admin/ingestions/{ingestion_id}/events": Route(INGEST),
    "POST /v1/admin/ingestions/{ingestion_id}/cancel": Route(INGEST),
    "POST /v1/admin/ingestions/{ingestion_id}/retry": Route(INGEST),
    "GET /v1/me": Route(ANY_KEY),
    "GET /v1/admin/api-keys": Route(ADMIN),
    "POST /v1/admin/api-keys": Route(ADMIN, {"name": "made", "scopes": ["ask"]}),
    "GET /v1/admin/api-keys/{key_id}": Route(ADMIN),
    "DELETE /v1/admin/api-keys/{key_id}": Route(ADMIN),
    "GET /v1/admin/collections": Route(ADMIN),
    "POST /v1/admin/collections": Route(ADMIN, {"name": "made"}),
    "GET /v1/admin/collections/{name}": Route(ADMIN),
    "PATCH /v1/admin/collections/{name}": Route(ADMIN, {"title": "T"}),
    "POST /v1/admin/collections/{name}/reindex": Route(ADMIN, {}),
    "POST /v1/admin/collections/{name}/reindex/plan": Route(ADMIN, {}),
    "POST /v1/admin/collections/{name}/rollback": Route(ADMIN),
    "DELETE /v1/admin/collections/{name}": Route(ADMIN),
    "GET /v1/admin/diagnostics": Route(ADMIN),
    "GET /v1/admin/quotas": Route(ADMIN),
}


def _served() -> set[str]:
    schema = create_app({name: lambda: None for name in ROUTED}, readiness=dict).openapi_schema.to_schema()
    return {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}


SERVED: Final = _served()
# A route may be classified before it is served, never the other way round.
ROUTES: Final = {name: route for name, route in _CLASSIFIED.items() if name in SERVED}

MISSING: Final = {
    "{turn_id}": "01890b2f-0000-7000-8000-000000000001",
    "{conversation_id}": "01890b2f-0000-7000-8000-000000000002",
    "{document_id}": "01890b2f-0000-7000-8000-000000000003",
    "{ingestion_id}": "01890b2f-0000-7000-8000-000000000004",
    "{key_id}": "01890b2f-0000-7000-8000-000000000005",
    "{name}": "nowhere",
}
_KINDS: Final = {"conversation": "{conversation_id}", "collection": "{name}"}
_PER_USER: Final = ("{turn_id}", "{conversation_id}", "{ingestion_id}")
"""What belongs to who asked; documents and collections belong to whoever they are granted to."""


class Walk:
    """Two tenants with a collection each; ``own`` are the objects that the first one's user ann has made."""

    def __init__(self, service: HttpService) -> None:
        self.service = service
        self.own: dict[str, str] = {}
        self.ann = ""
        self.stranger = ""

    async def prepare(self) -> None:
        await self.service.ingest({"theirs.md": "# Theirs\n\nOther words."}, collection="theirs")
        await self.service.ingest({"seed.md": "# Seed\n\nWords."}, collection="mine")
        self.ann = await self.a_key(["ask", "ingest", "act_as"], collections=["mine"])
        self.stranger = await self.a_key(["ask", "ingest", "act_as"], collections=["theirs"])
        async with self.as_ann() as ann:
            pages = [{"uri": "pinning.md", "content": PINNING, "format": "markdown"}]
            accepted = await ann.post("/v1/admin/ingestions", json={"collection": "mine", "documents": pages})
            await self.service.ended(accepted.headers["location"])
            turn = (await ann.post("/v1/ask", json={"question": QUESTION})).raise_for_status().json()
            wanted = {"collection": "mine", "uri": "pinning.md"}
            [document] = (await ann.get("/v1/documents", params=wanted)).json()["items"]
        self.own = {
            "{turn_id}": turn["turn_id"],
            "{conversation_id}": turn["conversation_id"],
            "{document_id}": document["id"],
            "{ingestion_id}": accepted.json()["id"],
            "{key_id}": await self.a_key_id(),
            "{name}": "mine",
        }
        if FEEDBACK in ROUTES:
            async with self.as_ann() as ann:
                (await self.send(ann, FEEDBACK, self.own)).raise_for_status()

    async def a_key(self, scopes: list[str], **grant: Any) -> str:
        async with self.service.client(ADMIN_KEY) as admin:
            answer = await admin.post("/v1/admin/api-keys", json={"name": "k", "scopes": scopes, **grant})
        return str(answer.raise_for_status().json()["secret"])

    async def a_key_id(self) -> str:
        async with self.service.client(ADMIN_KEY) as admin:
            return str((await admin.get("/v1/admin/api-keys", params={"limit": 1})).json()["items"][0]["id"])

    def as_ann(self) -> httpx.AsyncClient:
        return self.service.client(self.ann, **{"Ibid-User": "ann"})

    async def send(self, client: httpx.AsyncClient, name: str, ids: Mapping[str, str], **naming: str) -> httpx.Response:
        """``ids`` fill the path; ``naming`` puts ids into fields of the body, or of the query without one."""
        method, path = name.split(" ")
        path = re.sub(r"\{\w+\}", lambda match: ids[match[0]], path)
        route = ROUTES[name]
        fields = {key: [value] if key == "collections" else value for key, value in naming.items()}
        if route.body is None:
            return await client.request(method, path, params=fields or None)
        return await client.request(method, path, json={**route.body, **fields})


@pytest.fixture
async def walk() -> AsyncIterator[Walk]:
    async with prepared_walk() as walk:
        yield walk


@asynccontextmanager
async def prepared_walk() -> AsyncIterator[Walk]:
    async with HttpService().running() as service:
        walk = Walk(service)
        await walk.prepare()
        yield walk


def guarded() -> list[str]:
    return [name for name, route in ROUTES.items() if route.scopes is not None]


def addressed() -> list[str]:
    return [name for name in guarded() if "{" in name]


async def test_every_route_is_classified_here(service: HttpService) -> None:
    async with service.client(None) as client:
        paths = (await client.get("/schema")).json()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert served - set(ROUTES) == set(), "say in ROUTES who may use these"
    assert served == SERVED
    assert {part for name in ROUTES for part in re.findall(r"\{\w+\}", name)} <= set(MISSING)


async def test_without_a_valid_key_every_route_is_closed_that_is_not_open_to_all(walk: Walk) -> None:
    revoked = await walk.a_key(["admin"])
    async with walk.service.client(ADMIN_KEY) as admin:
        await admin.delete(f"/v1/admin/api-keys/{await walk.a_key_id()}")
    expired = an_api_key(
        secret_sha256=sha256(EXPIRED_SECRET.encode()).digest(),
        scopes=frozenset(Scope),
        expires_at=datetime.now(UTC) - timedelta(seconds=1),
    )
    walk.service.adapters.store().api_keys[expired.id] = expired
    outsiders = {
        "no key": {},
        "a made-up key": {"Authorization": "Bearer ibid_made-up"},
        "a revoked key": {"Authorization": f"Bearer {revoked}"},
        "an expired key": {"Authorization": f"Bearer {EXPIRED_SECRET}"},
        "the hash of a key": {"Authorization": f"Bearer {expired.secret_sha256.hex()}"},
        "another scheme": {"Authorization": f"Basic {walk.ann}"},
        "a user alone": {"Ibid-User": "ann"},
    }
    seen = set()
    for who, headers in outsiders.items():
        async with walk.service.client(None, **headers) as client:
            for name, route in ROUTES.items():
                answer = await walk.send(client, name, walk.own)
                if route.scopes is None:
                    assert answer.status_code == 200, (who, name)
                else:
                    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), (who, name)
                    seen.add(answer.json()["detail"])
    assert len(seen) == 1, "which of them it was is not told"


@pytest.mark.parametrize("scope", ["ask", "ingest", "act_as", "admin"])
async def test_a_key_opens_what_its_scope_opens_and_nothing_else(walk: Walk, scope: str) -> None:
    secret = await walk.a_key([scope], **({} if scope == "admin" else {"collections": ["mine"]}))
    async with walk.service.client(secret) as client:
        for name in guarded():
            answer = await walk.send(client, name, MISSING)
            allowed = scope == "admin" or scope in (ROUTES[name].scopes or ())
            if allowed:
                assert answer.status_code not in (401, 403), (name, answer.text)
                assert answer.status_code < 500, (name, answer.text)
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), name


async def test_every_route_refuses_a_user_from_a_key_that_may_not_name_one(walk: Walk) -> None:
    secret = await walk.a_key(["ask", "ingest"])
    async with walk.service.client(secret, **{"Ibid-User": "ann"}) as client:
        for name in guarded():
            answer = await walk.send(client, name, walk.own)
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), name


async def test_anothers_object_answers_exactly_as_a_missing_one_and_stays_as_it_is(walk: Walk) -> None:
    before = await own_objects(walk)
    others = {
        "another tenant's key": walk.service.client(walk.stranger),
        "another tenant's user of the same name": walk.service.client(walk.stranger, **{"Ibid-User": "ann"}),
        "another user": walk.service.client(walk.ann, **{"Ibid-User": "bob"}),
        "the key itself": walk.service.client(walk.ann),
    }
    for who, client in others.items():
        async with client:
            for name in addressed():
                if ROUTES[name].scopes == ADMIN:
                    continue
                shared = not any(part in name for part in _PER_USER)
                if shared and "tenant" not in who:
                    continue
                theirs = await walk.send(client, name, walk.own)
                missing = await walk.send(client, name, MISSING)
                assert theirs.status_code == 404, (who, name, theirs.text)
                assert alike(theirs, walk.own) == alike(missing, MISSING), (who, name)
    assert await own_objects(walk) == before


async def test_naming_anothers_object_in_a_request_is_naming_a_missing_one(walk: Walk) -> None:
    async with walk.service.client(walk.stranger, **{"Ibid-User": "ann"}) as client:
        for name, route in ROUTES.items():
            for place, kind in route.of.items():
                part = _KINDS[kind]
                theirs = await walk.send(client, name, walk.own, **{place: walk.own[part]})
                missing = await walk.send(client, name, MISSING, **{place: MISSING[part]})
                assert theirs.status_code == 404, (name, place, theirs.text)
                assert alike(theirs, walk.own) == alike(missing, MISSING), (name, place)


async def test_ones_own_objects_are_there(walk: Walk) -> None:
    async with walk.as_ann() as ann, walk.service.client(ADMIN_KEY) as admin:
        for name in sorted(addressed(), key=lambda name: (name.startswith("DELETE"), "{name}" in name)):
            client = admin if ROUTES[name].scopes == ADMIN else ann
            answer = await walk.send(client, name, walk.own)
            assert answer.status_code < 300 or answer.status_code == 409, (name, answer.text)


async def own_objects(walk: Walk) -> list[bytes]:
    reads = [name for name in addressed() if name.startswith("GET") and ROUTES[name].scopes != ADMIN]
    async with walk.as_ann() as ann:
        answers = [await walk.send(ann, name, walk.own) for name in reads]
    assert all(answer.status_code == 200 for answer in answers)
    return [answer.content for answer in answers]


def alike(answer: httpx.Response, ids: Mapping[str, str]) -> tuple[Any, ...]:
    """An answer without what was asked for: its status, headers that tell something, and body."""
    text = answer.text
    for part, value in ids.items():
        text = text.replace(value, part)
    passing = re.compile("x-request-id|ratelimit|content-length")
    headers = {name: value for name, value in answer.headers.items() if not passing.match(name)}
    return answer.status_code, headers, text
