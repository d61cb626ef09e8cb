"""Search without an answer."""

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import Struct

from application.find_passages import FoundEvidence
from application.search_passages import SearchPassages
from domain.access.model import Principal, Scope
from entrypoints.http.asking import MAX_BODY_BYTES
from entrypoints.http.bodies import SearchBody, search_query
from entrypoints.http.openapi import problems
from entrypoints.http.turn_bodies import EvidenceBody, evidence_body


class FoundBody(Struct):
    passages: list[EvidenceBody]
    degraded: tuple[str, ...]
    timings_ms: dict[str, int]


class SearchingController(Controller):
    tags = ("Asking",)

    @post(
        "/v1/search",
        status_code=HTTP_200_OK,
        request_max_body_size=MAX_BODY_BYTES,
        summary="Find passages",
        responses=problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def search(
        self,
        data: JSONBody[SearchBody],
        caller: NamedDependency[Principal],
        search_passages: NamedDependency[SearchPassages],
    ) -> FoundBody:
        found = await search_passages.execute(search_query(data, caller))
        return _found_body(found, with_scores=caller.may(Scope.ADMIN))


def _found_body(found: FoundEvidence, *, with_scores: bool) -> FoundBody:
    passages = [
        evidence_body(piece, hit if with_scores else None) for piece, hit in zip(found.evidence, found.raw, strict=True)
    ]
    return FoundBody(passages, found.degraded, dict(found.timings_ms))
