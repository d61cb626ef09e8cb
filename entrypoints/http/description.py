"""The API's description as it is served: Litestar's OpenAPI document, with the shapes as msgspec really reads them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from litestar import Litestar
from msgspec import Struct

from entrypoints.http.errors import FRAMEWORK, PROBLEM_JSON

_ALWAYS: Final = (400, 500)
"""Any request can have a Host or an Authorization header that cannot be understood, and any code can have a bug."""

_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "TurnBody": {"turn_id": "/turn_id", "conversation_id": "/conversation_id"},
    "ConversationBody": {"conversation_id": "/id"},
    "IngestionAcceptedBody": {"ingestion_id": "/id"},
    "IssuedApiKeyBody": {"key_id": "/id"},
}
"""Where an answer names something that other operations take the id of, by the name of their parameter."""

_EITHER: Final = dict.fromkeys(("IngestBody", "PlanIngestionBody"), ("documents", "source"))
"""Fields of which a body has just one."""

_EVENT: Final = {
    "description": "One event; `data` is JSON, of a shape that `event` names. Comments keep the connection open.",
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}, "retry": {"type": "integer"},
    },
}  # fmt: skip


def api_description(app: Litestar) -> dict[str, Any]:
    """
    The OpenAPI 3.1 document, as plain values.

    Litestar's own shapes lose the limits inside lists and say nothing of unknown fields; its own 400 is of a shape
    that is never sent. Computed once: it is asked for by people and tools, and never changes.
    """
    if "api_description" not in app.state:
        app.state["api_description"] = _described(app.openapi_schema.to_schema())
    described: dict[str, Any] = app.state["api_description"]
    return described


def _described(document: dict[str, Any]) -> dict[str, Any]:
    named = document["components"]["schemas"]
    shapes = [shape for shape in _all_shapes(Struct) if shape.__name__ in named]
    _, exact = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    for name, shape in exact.items():
        _finish(shape, named.get(name, {}))
        if name in _EITHER:
            shape["oneOf"] = [{"required": [field]} for field in _EITHER[name]]
    named |= exact
    for operation in _operations(document):
        responses = operation["responses"]
        for status in _ALWAYS:
            content = responses.get(str(status), {}).get("content", {})
            if PROBLEM_JSON not in content:
                responses[str(status)] = _problem(FRAMEWORK[status].title)
        operation["responses"] = dict(sorted(responses.items()))
        for answer in responses.values():
            if "text/event-stream" in answer.get("content", {}):
                answer["content"]["text/event-stream"] = {"schema": _EVENT}
    _link(document)
    document["components"]["schemas"] = dict(sorted(named.items()))
    return document


def _finish(shape: dict[str, Any], litestars: Mapping[str, Any]) -> None:
    """Two things that msgspec leaves out: the type of a list of words, and the format of a time."""
    for name, value in shape.get("properties", {}).items():
        is_time = "date-time" in str(litestars.get("properties", {}).get(name, {}))
        for part in (value, *value.get("anyOf", ())):
            if all(isinstance(word, str) for word in part.get("enum", (None,))):
                part["type"] = "string"
            if is_time and part == {"type": "string"}:
                part["format"] = "date-time"


def _all_shapes(shape: type[Struct]) -> Iterator[type[Struct]]:
    for below in shape.__subclasses__():
        if below.__module__.startswith("entrypoints.http."):
            yield below
        yield from _all_shapes(below)


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _link(document: Mapping[str, Any]) -> None:
    """Say which operations go on from an answer, for readers and for tools that follow them."""
    takers: dict[str, list[str]] = {}
    for operation in _operations(document):
        path = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        if len(path) == 1:
            takers.setdefault(path[0], []).append(operation["operationId"])
    for operation in _operations(document):
        for status, answer in operation["responses"].items():
            reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
            names = _NAMES.get(reference.rpartition("/")[2], {}) if status.startswith("2") else {}
            links = {
                taker: {"operationId": taker, "parameters": {name: f"$response.body#{pointer}"}}
                for name, pointer in names.items()
                for taker in takers.get(name, ())
                if taker != operation["operationId"]
            }
            if links:
                answer["links"] = links


def _problem(title: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {"description": title, "content": {PROBLEM_JSON: {"schema": schema}}}
