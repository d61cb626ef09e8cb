"""The bibliography of one answer: for reference managers, and in other styles than it was asked in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import FromPath, QueryParameter

from application.read_references import ReadReferences
from domain.access.model import Principal
from domain.errors import OutOfRange
from domain.grounding.bibtex import bibtex
from domain.grounding.model import Reference
from domain.grounding.references import STYLES
from entrypoints.http.openapi import problems

BIBTEX: Final = "bibtex"
CSL: Final = "csl"
MEDIA_TYPES: Final = {
    BIBTEX: "application/x-bibtex; charset=utf-8",
    CSL: "application/vnd.citationstyles.csl+json",
    **dict.fromkeys(sorted(STYLES), "text/plain"),
}


Form: TypeAlias = Annotated[str, QueryParameter(schema_extra={"enum": [*MEDIA_TYPES]})]


@dataclass
class _ExportOperation(Operation):
    """An operation whose 200 is one of several kinds of text."""

    def __post_init__(self) -> None:
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse):
            text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
            answer.content = {media_type.partition(";")[0]: text for media_type in MEDIA_TYPES.values()}
            answer.content[MEDIA_TYPES[CSL]] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.ARRAY))


class ReferencesController(Controller):
    tags = ("Conversations",)

    @get(
        "/v1/turns/{turn_id:uuid}/references",
        summary="Export the references of an answer",
        description="`format` is `bibtex` (the default), `csl` for CSL-JSON, or a style, which gives one line each.",
        operation_class=_ExportOperation,
        responses={200: ResponseSpec(str, generate_examples=False, media_type="application/x-bibtex")}
        | problems(401, 403, 404, 422, 500, 503),
    )
    async def references(
        self,
        turn_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_references: NamedDependency[ReadReferences],
        format: Form = BIBTEX,  # noqa: A002  the wire's own word
    ) -> Response[bytes]:
        if format not in MEDIA_TYPES:
            raise OutOfRange("format", "must be one of " + ", ".join(MEDIA_TYPES))
        style = format if format in STYLES else None
        found = await read_references.execute(caller, turn_id, style=style)
        return Response(_written(found, format).encode(), media_type=MEDIA_TYPES[format])


def _written(references: Sequence[Reference], form: str) -> str:
    if form == BIBTEX:
        return bibtex(reference.csl for reference in references)
    if form == CSL:
        return json.dumps([reference.csl for reference in references], ensure_ascii=False)
    return "".join(f"{reference.formatted}\n" for reference in references)
