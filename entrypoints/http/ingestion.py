"""Take documents in, and follow what becomes of them."""

from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED

from application.read_ingestions import ReadIngestions
from application.submit_ingestion import SubmitIngestion
from domain.access.model import Principal
from entrypoints.http.bodies import IngestBody, ingest_command
from entrypoints.http.library_bodies import (
    DocumentOutcomesPageBody,
    IngestionAcceptedBody,
    IngestionBody,
    IngestionsPageBody,
    ingestion_body,
    ingestions_page_body,
    outcomes_page_body,
)
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import problems

PATH = "/v1/admin/ingestions"


class IngestionController(Controller):
    tags = ("Ingestion",)

    @post(
        PATH,
        status_code=HTTP_202_ACCEPTED,
        summary="Add or refresh documents",
        description="Answered when the request and its documents are stored; the work goes on at `status_url`.",
        responses=problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def submit(
        self,
        data: JSONBody[IngestBody],
        caller: NamedDependency[Principal],
        submit_ingestion: NamedDependency[SubmitIngestion],
    ) -> Response[IngestionAcceptedBody]:
        ingestion = await submit_ingestion.execute(ingest_command(data, caller))
        status_url = f"{PATH}/{ingestion.id}"
        return Response(IngestionAcceptedBody(ingestion.id, status_url), headers={"Location": status_url})

    @get(PATH, summary="List ingestions", responses=problems(400, 401, 403, 422, 500, 503))
    async def ingestions(
        self,
        caller: NamedDependency[Principal],
        read_ingestions: NamedDependency[ReadIngestions],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> IngestionsPageBody:
        return ingestions_page_body(await read_ingestions.list(caller, limit=limit, cursor=cursor))

    @get(PATH + "/{ingestion_id:uuid}", summary="Follow an ingestion", responses=problems(401, 403, 404, 500, 503))
    async def ingestion(
        self,
        ingestion_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_ingestions: NamedDependency[ReadIngestions],
    ) -> IngestionBody:
        return ingestion_body(await read_ingestions.get(caller, ingestion_id))

    @get(
        PATH + "/{ingestion_id:uuid}/documents",
        summary="List what became of each document",
        responses=problems(400, 401, 403, 404, 422, 500, 503),
    )
    async def documents(
        self,
        ingestion_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_ingestions: NamedDependency[ReadIngestions],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> DocumentOutcomesPageBody:
        return outcomes_page_body(await read_ingestions.documents(caller, ingestion_id, limit=limit, cursor=cursor))
