"""The OpenAPI document says what is served, no more and no less, and health answers without a key."""

from collections.abc import Mapping
from typing import Any

from litestar import Litestar

from entrypoints.asgi import ROUTED
from entrypoints.http.app import create_app
from tests.entrypoints.http_service import KEYS, HttpService

SERVED = {
    "POST /v1/ask",
    "POST /v1/search",
    "GET /v1/turns/{turn_id}",
    "GET /v1/turns/{turn_id}/events",
    "POST /v1/turns/{turn_id}/cancel",
    "GET /v1/turns/{turn_id}/feedback",
    "POST /v1/turns/{turn_id}/feedback",
    "GET /v1/conversations",
    "POST /v1/conversations",
    "GET /v1/conversations/{conversation_id}",
    "PATCH /v1/conversations/{conversation_id}",
    "DELETE /v1/conversations/{conversation_id}",
    "GET /v1/conversations/{conversation_id}/turns",
    "POST /v1/admin/ingestions",
    "GET /v1/admin/ingestions",
    "GET /v1/admin/ingestions/{ingestion_id}",
    "GET /v1/admin/ingestions/{ingestion_id}/documents",
    "GET /v1/admin/ingestions/{ingestion_id}/events",
    "POST /v1/admin/ingestions/{ingestion_id}/cancel",
    "POST /v1/admin/ingestions/{ingestion_id}/retry",
    "GET /v1/turns/{turn_id}/references",
    "GET /v1/documents",
    "GET /v1/documents/{document_id}",
    "DELETE /v1/documents/{document_id}",
    "GET /v1/documents/{document_id}/text",
    "GET /v1/admin/api-keys",
    "POST /v1/admin/api-keys",
    "GET /v1/admin/api-keys/{key_id}",
    "DELETE /v1/admin/api-keys/{key_id}",
    "GET /v1/admin/quotas",
    "GET /v1/me",
    "GET /v1/admin/diagnostics",
    "GET /v1/admin/collections",
    "POST /v1/admin/collections",
    "GET /v1/admin/collections/{name}",
    "PATCH /v1/admin/collections/{name}",
    "DELETE /v1/admin/collections/{name}",
    "POST /v1/admin/ingestions/plan",
    "POST /v1/admin/collections/{name}/reindex",
    "POST /v1/admin/collections/{name}/reindex/plan",
    "POST /v1/admin/collections/{name}/rollback",
    "GET /health/live",
    "GET /health/ready",
}
NOT_IN_IT = {"GET /schema", "GET /docs"}


async def test_the_document_names_exactly_the_served_routes(service: HttpService) -> None:
    async with service.client(None) as client:
        answer = await client.get("/schema")
    schema = answer.json()
    named = {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}
    routed = {
        f"{method} {route.path_format}"
        for route in service.app.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    assert answer.headers["content-type"] == "application/json"
    assert schema["openapi"].startswith("3.1")
    assert schema["info"]["title"] == "Ibid"
    assert schema["info"]["version"]
    assert named == SERVED
    assert routed == SERVED | NOT_IN_IT


async def test_every_reference_in_the_document_leads_somewhere(service: HttpService) -> None:
    async with service.client(None) as client:
        schema = (await client.get("/schema")).json()
    references = set(_references(schema))
    assert references
    for reference in references:
        at: Any = schema
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


async def test_asking_is_documented_as_json_and_as_a_stream(service: HttpService) -> None:
    async with service.client(None) as client:
        ask = (await client.get("/schema")).json()["paths"]["/v1/ask"]["post"]
    assert set(ask["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


async def test_keys_are_asked_for_wherever_the_document_says_so(service: HttpService) -> None:
    async with service.client(None) as client:
        schema = (await client.get("/schema")).json()
        assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                open_to_all = operation.get("security", schema["security"]) == [{}]
                filled = path.replace("_id}", "}").replace("{turn}", "{id}")
                for name in ("{id}", "{conversation}", "{ingestion}", "{document}", "{key}"):
                    filled = filled.replace(name, "01890b2f-0000-7000-8000-000000000000")
                assert ((await client.request(method, filled)).status_code == 401) is not open_to_all
                if not open_to_all:
                    problem = operation["responses"]["401"]["content"]["application/problem+json"]
                    assert problem["schema"] == {"$ref": "#/components/schemas/ProblemBody"}


async def test_the_document_and_its_page_hold_no_key_and_fetch_nothing(service: HttpService) -> None:
    async with service.client(None) as client:
        schema, page = await client.get("/schema"), await client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "/v1/ask" in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text + schema.text
    assert "https://" not in page.text + schema.text
    assert not [key for key in KEYS if key in page.text + schema.text]


async def test_health_answers_without_a_key(service: HttpService) -> None:
    async with service.client(None) as client:
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert ready.json()["checks"]["database"] == "ok"


async def test_a_service_that_has_not_started_is_not_ready() -> None:
    service = HttpService()
    async with service.client(None) as client:
        answer = await client.get("/health/ready")
        assert (await client.get("/health/live")).status_code == 200
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["checks"] == {}


def test_an_application_takes_any_use_cases() -> None:
    def never() -> Any:
        raise AssertionError("building an application makes no use case")

    assert isinstance(create_app(dict.fromkeys(ROUTED, never), readiness=dict), Litestar)


def _references(part: Any) -> Any:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
