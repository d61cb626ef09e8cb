"""Every operation, body and text of the service, read off its own API description: a new route is found by itself."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote
from uuid import UUID

from litestar import Litestar

from entrypoints.http.description import api_description

MISSING_ID: Final = "01890b2f-0000-7000-8000-000000000000"

SAMPLES: Final[Mapping[str, Any]] = {
    "question": "How do I pin a dependency?",
    "query": "pin a dependency",
    "collection": "docs",
    "collections": ["docs"],
    "name": "docs",
    "uri": "a.md",
    "uri_prefix": "p",
    "content": "# Pinning\n\nPin it.",
    "url": "https://x.test/a",
    "base_url": "https://x.test/",
    "citation_style": "apa",
    "format": "markdown",
    "location": "https://x.test/docs/",
    "include": ["/docs/**"],
    "exclude": ["/docs/**"],
}
"""Good values by the name of a field, where a schema cannot say what makes sense; any other text is ``sample``."""

_BY_FORMAT: Final[Mapping[str, Any]] = {
    "uuid": MISSING_ID,
    "date-time": "2030-01-01T00:00:00Z",
    "uri": "https://x.test/",
}


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    description: Mapping[str, Any] = field(repr=False)
    schema: "Schema" = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def statuses(self) -> set[int]:
        return {int(status) for status in self.description["responses"]}

    @property
    def open_to_all(self) -> bool:
        return bool(self.description.get("security") == [{}])

    @property
    def body_schema(self) -> Any:
        """The schema of the JSON body, None when there is none."""
        content = self.description.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self.description.get("parameters", ()) if one["in"] == place]

    def target(self, path_values: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> str:
        """The path with its parameters filled in: missing objects' ids where a test gives no others."""
        path = self.path
        for one in self.parameters("path"):
            value = (path_values or {}).get(one["name"], str(self.schema.sample(one["schema"], one["name"])))
            path = path.replace("{" + one["name"] + "}", quote(value, safe=""))
        if query:
            path += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return path

    def sample_body(self, field: str | None = None) -> Any:
        """A body that is taken; where it has one of several fields, and ``field`` is one of them, it has that one."""
        return self.schema.sample(self.schema.with_field(self.body_schema, field), "")


@dataclass(frozen=True, slots=True)
class Text:
    """One place where a caller's text goes in. A body's ``path`` is the way to it; ``None`` in it means "as a name"."""

    operation: Operation
    place: Literal["body", "query", "path", "header"]
    path: tuple[Any, ...]
    schema: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.operation} {self.place} {'.'.join('<name>' if one is None else str(one) for one in self.path)}"

    def body_with(self, value: Any) -> Any:
        """The operation's sample body with this value in this place."""
        body = self.operation.sample_body(self.path[0] if isinstance(self.path[0], str) else None)
        at = body
        for position, step in enumerate(self.path[:-1]):
            if isinstance(step, int):
                at = at[step]
                continue
            if not isinstance(at.get(step), dict | list):
                at[step] = [SAMPLES.get(step, "sample")] if isinstance(self.path[position + 1], int) else {}
            at = at[step]
        last = self.path[-1]
        if last is None:
            at[value] = "sample"
        else:
            at[last] = value
        return body


class Schema:
    def __init__(self, app: Litestar) -> None:
        self.document: Any = api_description(app)

    def operations(self) -> list[Operation]:
        return [
            Operation(method.upper(), path, description, self)
            for path, methods in self.document["paths"].items()
            for method, description in methods.items()
        ]

    def with_json_body(self) -> list[Operation]:
        return [one for one in self.operations() if one.body_schema is not None]

    def texts(self) -> list[Text]:
        """Every place for a text that no list of words limits."""
        found: list[Text] = []
        for operation in self.operations():
            for place in ("query", "path", "header"):
                found += [
                    Text(operation, place, (one["name"],), one["schema"])  # type: ignore[arg-type]
                    for one in operation.parameters(place)
                ]
            if operation.body_schema is not None:
                found += [Text(operation, "body", *way) for way in self.texts_in(operation.body_schema)]
        return found

    def resolved(self, schema: Any) -> Any:
        """A schema without reference, and of "this or null" the this."""
        while True:
            if "$ref" in schema:
                at = self.document
                for part in schema["$ref"].removeprefix("#/").split("/"):
                    at = at[part]
                schema = at
                continue
            choices = [one for one in schema.get("oneOf", schema.get("anyOf", ())) if one.get("type") != "null"]
            if not choices:
                return schema
            # What holds for either stands beside the choices.
            beside = {name: value for name, value in schema.items() if name not in ("oneOf", "anyOf")}
            choice = self.resolved(choices[0])
            schema = {**choice, **beside, "required": [*beside.get("required", ()), *choice.get("required", ())]}

    def with_field(self, schema: Any, field: str | None) -> Any:
        """The schema with the choice first that asks for this field, if there is one."""
        whole = (
            self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        )
        choices = whole.get("oneOf", ())
        wanted = [one for one in choices if field in one.get("required", ())]
        return {**whole, "oneOf": [*wanted, *(one for one in choices if one not in wanted)]} if wanted else schema

    def texts_in(self, schema: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
        whole = schema
        choices = [one for one in (*whole.get("oneOf", ()), *whole.get("anyOf", ())) if one.keys() != {"required"}]
        for schema in map(self.resolved, choices or [whole]):
            kind = schema.get("type")
            if kind == "object" or "properties" in schema:
                for name, below in schema.get("properties", {}).items():
                    yield from self.texts_in(below, (*at, name))
                if isinstance(schema.get("additionalProperties"), dict):
                    yield (*at, None), {"type": "string"}
                    yield from self.texts_in(schema["additionalProperties"], (*at, "sample"))
            elif kind == "array":
                yield from self.texts_in(schema["items"], (*at, 0))
            elif (kind == "string" and "enum" not in schema) or (not kind and at):
                yield at, schema

    def sample(self, schema: Any, name: str) -> Any:
        """A value that the schema takes: of an object only what is required."""
        if name in SAMPLES:
            return deepcopy(SAMPLES[name])
        schema = self.resolved(schema)
        if "default" in schema:
            return schema["default"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            return {one: self.sample(schema["properties"][one], one) for one in schema.get("required", ())}
        if kind == "array":
            return [self.sample(schema["items"], "") for _ in range(schema.get("minItems", 0))]
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if kind == "boolean":
            return False
        return _BY_FORMAT.get(schema.get("format", ""), "sample")


def as_json(value: Any) -> bytes:
    """With escapes for what UTF-8 has no form for, a lone surrogate among them."""
    return json.dumps(value).encode()


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
