"""Take documents in, and follow what becomes of them."""

from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED
from msgspec import UNSET

from application.change_ingestions import CancelIngestion, RetryIngestion
from application.ingestion_progress import FollowIngestion
from application.plan_ingestion import PlanIngestion
from application.plan_site import PlanSite
from application.ports import Ingestion
from application.read_ingestions import ReadIngestions
from application.submit_ingestion import SubmitIngestion
from application.submit_site import SubmitSite
from application.submit_upload import SubmitUpload
from domain.access.model import Principal, Scope
from entrypoints.http.bodies import IngestBody, PlanIngestionBody, ingest_command, site_command
from entrypoints.http.idempotency import keyed_request, replay_headers
from entrypoints.http.json_body import BadBody, JSONRequest
from entrypoints.http.library_bodies import (
    DocumentOutcomesPageBody,
    IngestionAcceptedBody,
    IngestionBody,
    IngestionPlanBody,
    IngestionsPageBody,
    ingestion_body,
    ingestion_plan_body,
    ingestions_page_body,
    outcomes_page_body,
)
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import UploadOperation, problems
from entrypoints.http.progress_stream import progress_stream
from entrypoints.http.room import place_of
from entrypoints.http.uploads import read_upload

PATH = "/v1/admin/ingestions"
_AS_IT_IS = {200: ResponseSpec(IngestionBody, generate_examples=False, description="Nothing to do: as it is")}


class IngestionController(Controller):
    tags = ("Ingestion",)

    @post(
        PATH,
        status_code=HTTP_202_ACCEPTED,
        summary="Add or refresh documents",
        description=(
            "Documents or a site as JSON, or files, or one .zip or .tar.gz, as a form. Answered when the request and "
            "its documents are stored; the work goes on at `status_url`. A site's pages are fetched in the background."
        ),
        operation_class=UploadOperation,
        opt={"takes_uploads": True},
        responses=problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def submit(
        self,
        request: JSONRequest,
        data: JSONBody[IngestBody | None],
        caller: NamedDependency[Principal],
        submit_ingestion: NamedDependency[SubmitIngestion],
        submit_site: NamedDependency[SubmitSite],
        submit_upload: NamedDependency[SubmitUpload],
    ) -> Response[IngestionAcceptedBody]:
        if data is not None:
            keyed = keyed_request(request, caller, data)
            if data.source is UNSET:
                stored = await submit_ingestion.execute_once(ingest_command(data, caller, keyed))
            else:
                stored = await submit_site.execute(site_command(data, data.source, caller, keyed))
        elif not request.is_upload:
            raise BadBody("", "must be object, not null")
        else:
            caller.require(Scope.INGEST)
            async with submit_upload.uploads.receive() as upload:
                form = await read_upload(request, upload, submit_upload.uploads.limits)
                keyed = keyed_request(request, caller, form.digest())
                stored = await submit_upload.execute(form.request(caller, keyed), upload)
        status_url = f"{PATH}/{stored.ingestion.id}"
        headers = {"Location": status_url, **replay_headers(replayed=stored.replayed)}
        return Response(IngestionAcceptedBody(stored.ingestion.id, status_url), headers=headers)

    @post(
        PATH + "/plan",
        status_code=HTTP_200_OK,
        summary="Say what an ingestion would buy",
        description=(
            "The same body as for an ingestion. Its documents are prepared and counted, and nothing is stored or "
            "bought: how many passages would be embedded in how many calls, and whether the plan has as many left. Of "
            "a site, its sitemap and some of its pages are read, within seconds, and stand for the others."
        ),
        responses=problems(400, 401, 403, 404, 413, 422, 500, 503),
    )
    async def plan(
        self,
        request: JSONRequest,
        data: JSONBody[PlanIngestionBody],
        caller: NamedDependency[Principal],
        plan_ingestion: NamedDependency[PlanIngestion],
        plan_site: NamedDependency[PlanSite],
    ) -> IngestionPlanBody:
        embedder = plan_ingestion.reckoning.embedder.name
        if data.source is UNSET:
            return ingestion_plan_body(embedder, await plan_ingestion.of_request(ingest_command(data, caller)))
        place_of(request.scope).leave()  # the site is waited for, which is no work
        found = await plan_site.execute(site_command(data, data.source, caller))
        return ingestion_plan_body(embedder, found.embedding, found)

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

    @get(
        PATH + "/{ingestion_id:uuid}/events",
        summary="Follow an ingestion as a stream of events",
        description="`progress` whenever it has changed, and `done` with the ingestion when it has ended.",
        media_type="text/event-stream",
        responses=problems(401, 403, 404, 500, 503),
    )
    async def events(
        self,
        ingestion_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        follow_ingestion: NamedDependency[FollowIngestion],
    ) -> Stream:
        return progress_stream(await follow_ingestion.execute(caller, ingestion_id))

    @post(
        PATH + "/{ingestion_id:uuid}/cancel",
        status_code=HTTP_202_ACCEPTED,
        summary="Cancel an ingestion",
        description="What is in stays in; nothing is pruned. One that has ended is answered with 200.",
        responses=_AS_IT_IS | problems(401, 403, 404, 500, 503),
    )
    async def cancel(
        self,
        ingestion_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        cancel_ingestion: NamedDependency[CancelIngestion],
    ) -> Response[IngestionBody]:
        ingestion, ended = await cancel_ingestion.execute(caller, ingestion_id)
        return _changed(ingestion, ended)

    @post(
        PATH + "/{ingestion_id:uuid}/retry",
        status_code=HTTP_202_ACCEPTED,
        summary="Work again on what failed or was cancelled",
        description="Nothing is pruned by a retry. With nothing to try again, the answer is 200.",
        responses=_AS_IT_IS | problems(401, 403, 404, 409, 500, 503),
    )
    async def retry(
        self,
        ingestion_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        retry_ingestion: NamedDependency[RetryIngestion],
    ) -> Response[IngestionBody]:
        ingestion, queued = await retry_ingestion.execute(caller, ingestion_id)
        return _changed(ingestion, queued)


def _changed(ingestion: Ingestion, changed: bool) -> Response[IngestionBody]:
    if not changed:
        return Response(ingestion_body(ingestion), status_code=HTTP_200_OK)
    return Response(ingestion_body(ingestion), headers={"Location": f"{PATH}/{ingestion.id}"})
