"""SQL, full-text, LIKE, JSON-path and filter syntax in every parameter: all of it is text, and does nothing else."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.tables import metadata
from tests.isolation.tenants import ADMIN_KEY, COMMONS, TENANTS, Tenants, three_tenants

STRINGS: Final = (
    # SQL: quotes, comments, stacked statements, unions, times and errors that would show
    "'", "''", '"', "`", "\\", "\\'", "';", "--", "/*", "*/", "#", "';--", "' --", "') --", "'))--",
    "' OR '1'='1", "' OR 1=1 --", "\" OR \"\"=\"", "1 OR 1=1",
    "' AND 1=0 UNION SELECT secret_sha256 FROM api_keys --",
    "'; DROP TABLE documents; --", "'; DELETE FROM api_keys; COMMIT; --",
    "'; UPDATE collections SET visibility='public'--",
    "' || (SELECT name FROM api_keys LIMIT 1) || '", "1; SELECT pg_sleep(5)", "' AND pg_sleep(5) IS NULL --",
    "(SELECT 1/0)", "' AND 1=CAST((SELECT version()) AS int) --", "$1", ":name", "%(name)s", "{0}", "${x}", "$$x$$",
    "U&'\\0027'", "E'\\x27'", "CHR(39)", "0x27", "NULL", "true", "admin'/*", "xp_cmdshell", "COPY x TO PROGRAM 'id'",
    # LIKE and regular expressions
    "%", "_", "%%", "[a-z]%", "\\%", ".*", "^", "(a+)+$",
    # full-text queries
    "a & b", "a | !b", "'a' <-> 'b'", "a:*", "!(", "& | !", ":*",
    # JSON paths and filters
    "$.secret", "$[*]", '{"must": []}', '{"key": "collection", "match": {"any": ["alba", "brio"]}}',
    '"] || true || ["', "metadata.owner", "__proto__", "collection",
)  # fmt: skip

Place: TypeAlias = Callable[[str], tuple[str, str, dict[str, Any]]]


def _in_path(template: str) -> Place:
    method, path = template.split(" ")
    return lambda text: (method, path.replace("{}", quote(text, safe="")), {})


def _in_query(path: str, name: str) -> Place:
    return lambda text: ("GET", path, {"params": {name: text}})


def _in_body(template: str, body: Callable[[str], Mapping[str, Any]]) -> Place:
    method, path = template.split(" ")
    return lambda text: (method, path, {"json": body(text)})


NO_ID: Final = "01890b2f-0000-7000-8000-000000000000"
SEARCH: Final = {"query": "ledger", "limit": 5}
DOCUMENT: Final = {"uri": "a.md", "content": "# A", "format": "markdown"}

CLOSED: Final[dict[str, Place]] = {
    "collection of a listing": _in_query("/v1/documents", "collection"),
    "collection of a question": _in_body("POST /v1/ask", lambda text: {"question": "ledger", "collections": [text]}),
    "collection of a search": _in_body("POST /v1/search", lambda text: SEARCH | {"collections": ["alba", text]}),
    "collection of an ingestion": _in_body(
        "POST /v1/admin/ingestions", lambda text: {"collection": text, "documents": [DOCUMENT]}
    ),
    "version of a text": _in_query(f"/v1/documents/{NO_ID}/text", "version"),
    "cursor of documents": _in_query("/v1/documents", "cursor"),
    "cursor of ingestions": _in_query("/v1/admin/ingestions", "cursor"),
    "limit": _in_query("/v1/documents", "limit"),
    "citation style": _in_body("POST /v1/ask", lambda text: {"question": "ledger", "citation_style": text}),
    "turn": _in_path("GET /v1/turns/{}"),
    "turns of a conversation": _in_path("GET /v1/conversations/{}/turns"),
    "document": _in_path("GET /v1/documents/{}"),
    "conversation of a question": _in_body(
        "POST /v1/ask", lambda text: {"question": "ledger", "conversation_id": text}
    ),
}
"""Where nothing but what is there is taken, so that each of the strings is refused."""

OPEN: Final[dict[str, Place]] = {
    "question": _in_body("POST /v1/search", lambda text: SEARCH | {"query": text}),
    "prefix": _in_body("POST /v1/search", lambda text: SEARCH | {"filters": {"uri_prefix": text}}),
    "metadata value": _in_body("POST /v1/search", lambda text: SEARCH | {"filters": {"metadata": {"owner": text}}}),
    "metadata name": _in_body("POST /v1/search", lambda text: SEARCH | {"filters": {"metadata": {text: "alba"}}}),
    "uri of a listing": _in_query("/v1/documents", "uri"),
}
"""Where any text is taken, as text: none of the strings is a prefix, a value, a name or a uri of what is there."""

ADMINISTERED: Final[dict[str, Place]] = {
    "collection read": _in_path("GET /v1/admin/collections/{}"),
    "collection deleted": _in_path("DELETE /v1/admin/collections/{}"),
    "name of a collection": _in_body("POST /v1/admin/collections", lambda text: {"name": text + " "}),
    "language of a collection": _in_body("PATCH /v1/admin/collections/commons", lambda text: {"language": text}),
    "cursor of collections": _in_query("/v1/admin/collections", "cursor"),
    "cursor of keys": _in_query("/v1/admin/api-keys", "cursor"),
    "tenant of a key": _in_body(
        "POST /v1/admin/api-keys", lambda text: {"name": "k", "scopes": ["ask"], "tenant": text + " "}
    ),
    "key": _in_path("DELETE /v1/admin/api-keys/{}"),
}


@pytest.fixture
async def tenants(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[Tenants]:
    async with three_tenants(engine, tmp_path / "index") as running:
        yield running


async def rows(engine: AsyncEngine) -> dict[str, int]:
    """How many each table has; turns and conversations come with every question."""
    async with engine.connect() as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
            if table.name not in ("turns", "conversations", "turn_versions", "rate_windows")
        }


async def sent(client: httpx.AsyncClient, place: Place, text: str) -> httpx.Response:
    method, path, rest = place(text)
    return await client.request(method, path, **rest)


def test_there_are_sixty_strings_and_more() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 60


async def test_where_only_what_is_there_is_taken_every_string_is_refused(tenants: Tenants, engine: AsyncEngine) -> None:
    before = await rows(engine)
    async with tenants.client(tenants.keys["alba"]) as client:
        for name, place in CLOSED.items():
            for text in STRINGS:
                answer = await sent(client, place, text)
                assert answer.status_code in (400, 404, 422), (name, text, answer.text)
    async with tenants.client(ADMIN_KEY) as admin:
        for name, place in ADMINISTERED.items():
            for text in STRINGS:
                answer = await sent(admin, place, text)
                assert answer.status_code in (400, 404, 405, 409, 422), (name, text, answer.text)
    assert await rows(engine) == before


async def test_where_any_text_is_taken_every_string_is_just_that(tenants: Tenants, engine: AsyncEngine) -> None:
    before = await rows(engine)
    allowed = {"alba", COMMONS}
    async with tenants.client(tenants.keys["alba"]) as client:
        for name, place in OPEN.items():
            for text in STRINGS:
                answer = await sent(client, place, text)
                assert answer.status_code == 200, (name, text, answer.text)
                found = answer.json().get("passages", answer.json().get("items"))
                collections = {one.get("document", one)["collection"] for one in found}
                assert collections <= allowed, (name, text)
                if name != "question":
                    assert found == [], (name, text)
    assert await rows(engine) == before


async def test_an_end_user_is_text_too(tenants: Tenants, engine: AsyncEngine) -> None:
    before = await rows(engine)
    for text in STRINGS:
        async with tenants.client(tenants.keys["alba"], text) as client:
            answer = await client.get(f"/v1/turns/{tenants.owned['alba'].ids['turn']}")
            assert answer.status_code == 404, text
            assert (await client.get("/v1/me")).json()["user"] == text
    assert await rows(engine) == before


async def test_texts_that_are_kept_are_kept_to_the_letter(tenants: Tenants) -> None:
    async with tenants.client(ADMIN_KEY) as admin:
        for text in STRINGS:
            changes = {"title": text, "description": text, "instructions": text}
            kept = (await admin.patch(f"/v1/admin/collections/{TENANTS[0]}", json=changes)).json()
            assert {name: kept[name] for name in changes} == changes
            others = (await admin.get("/v1/admin/collections", params={"limit": 100})).json()["items"]
            assert [one["name"] for one in others if one["title"] == text] == [TENANTS[0]]
