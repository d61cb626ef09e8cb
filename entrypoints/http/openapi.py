"""The OpenAPI document: JSON at /schema, and a page at /docs that shows it without fetching anything from anywhere."""

import html
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
    SecurityRequirement,
    SecurityScheme,
)

from entrypoints.http.auth import OPEN
from entrypoints.http.description import api_description
from entrypoints.http.errors import FRAMEWORK, PROBLEM_JSON, ProblemBody

NO_KEY: Final[list[SecurityRequirement]] = [{}]
"""The security of an operation that is served without a key."""

_MORE_TITLES: Final[Mapping[int, str]] = {
    401: "No valid credentials",
    403: "The key may not do this",
    409: "In the way of something that still runs",
    410: "It was there, and was removed",
    429: "Too many requests; try again after Retry-After",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem documents that an operation may answer with, for its ``responses``; any may say 429."""
    titles = {status: row.title for status, row in FRAMEWORK.items()} | dict(_MORE_TITLES)
    return {
        status: ResponseSpec(ProblemBody, generate_examples=False, description=titles[status], media_type=PROBLEM_JSON)
        for status in sorted({*statuses, 429})
    }


@dataclass
class StreamingOperation(Operation):
    """An operation whose 200 is JSON or, when ``Accept`` asks for it, a stream of events."""

    def __post_init__(self) -> None:
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content["text/event-stream"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


def _takes_key(operation: Operation) -> None:
    """Document ``Idempotency-Key``; the handler reads it itself."""
    key = Parameter(
        name="Idempotency-Key",
        param_in="header",
        required=False,
        description="Kept for 24 hours: the same key with the same body has its effect once",
        schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=200),
    )
    operation.parameters = [*(operation.parameters or ()), key]


@dataclass
class KeyedOperation(Operation):
    """An operation that takes an ``Idempotency-Key``."""

    def __post_init__(self) -> None:
        _takes_key(self)


@dataclass
class KeyedStreamingOperation(StreamingOperation):
    """One that takes a key, and whose 200 may be a stream."""

    def __post_init__(self) -> None:
        StreamingOperation.__post_init__(self)
        _takes_key(self)


@dataclass
class FollowingOperation(Operation):
    """A stream that can be taken up after an event."""

    def __post_init__(self) -> None:
        last = Parameter(
            name="Last-Event-ID",
            param_in="header",
            required=False,
            description="The id of the last event that was read",
            schema=Schema(type=OpenAPIType.STRING),
        )
        self.parameters = [*(self.parameters or ()), last]


_TEXT: Final = Schema(type=OpenAPIType.STRING)
_UPLOAD: Final = Schema(
    type=OpenAPIType.OBJECT,
    properties={
        "collection": _TEXT,
        "base_url": _TEXT,
        "prune": Schema(type=OpenAPIType.BOOLEAN),
        "files": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)),
    },
    required=["collection", "files"],
)


@dataclass
class UploadOperation(Operation):
    """An operation whose body is JSON, or a form with files."""

    def __post_init__(self) -> None:
        body = self.request_body
        if isinstance(body, RequestBody):
            [taken] = body.content.values()
            shape = taken.schema
            # The handler's type has None for the form; on the wire there is no such thing.
            if isinstance(shape, Schema) and shape.one_of:
                [taken.schema] = [one for one in shape.one_of if isinstance(one, Reference)]
            body.content["multipart/form-data"] = OpenAPIMediaType(schema=_UPLOAD)
        _takes_key(self)


class _SchemaDocument(OpenAPIRenderPlugin):
    """The document at /schema itself; the framework's other paths below it, one an HTML page of errors, are dropped."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, api_description(request.app))

    def receive_router(self, router: Router) -> None:
        router.routes[:] = [route for route in router.routes if route.path == router.path]


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Ibid",
        version=ibid_version(),
        description="Answers from your documents, every sentence with its footnote.",
        render_plugins=[_SchemaDocument()],
        openapi_router=Router("/schema", route_handlers=[], opt=OPEN, include_in_schema=False),
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="An API key, as a bearer token")
            }
        ),
        security=[{"bearer": []}],
        create_examples=False,
    )


def ibid_version() -> str:
    try:
        return version("ibid")
    except PackageNotFoundError:
        return "0+checkout"  # run from a folder that nobody installed


_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
summary{cursor:pointer;padding:.3rem 0}code,pre{font-family:ui-monospace,monospace;font-size:.9rem}
pre{background:#f4f4f4;padding:.6rem;overflow:auto}.m{display:inline-block;min-width:4.5rem;font-weight:bold}
details{border-top:1px solid #ddd}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}details{border-color:#444}}
"""
_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
)


@get("/docs", opt=OPEN, include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def docs_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The same document, to look at."""
    page = _page(api_description(request.app))
    return Response(page, media_type=MediaType.HTML, headers={"Content-Security-Policy": _POLICY})


def _page(schema: Mapping[str, Any]) -> str:
    info = schema["info"]
    title = html.escape(f"{info['title']} {info['version']}")
    operations = "".join(
        _operation(path, method, operation)
        for path, methods in sorted(schema["paths"].items())
        for method, operation in methods.items()
    )
    shapes = "".join(
        f"<details><summary><code>{html.escape(name)}</code></summary>{_json(shape)}</details>"
        for name, shape in sorted(schema.get("components", {}).get("schemas", {}).items())
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><h1>{title}</h1>'
        f'<p>{html.escape(info.get("description", ""))} The same as JSON: <a href="/schema">/schema</a>.</p>'
        f"<h2>Operations</h2>{operations}<h2>Shapes</h2>{shapes}</body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    shown = {part: operation[part] for part in ("parameters", "requestBody", "responses") if operation.get(part)}
    summary = html.escape(operation.get("summary") or "")
    return (
        f'<details><summary><span class="m">{method.upper()}</span> <code>{html.escape(path)}</code> {summary}'
        f"</summary><p>{html.escape(operation.get('description') or '')}</p>{_json(shown)}</details>"
    )


def _json(value: Any) -> str:
    return f"<pre>{html.escape(json.dumps(value, indent=2, default=str))}</pre>"
