"""Make, read, change and delete collections."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_202_ACCEPTED

from application.change_collection import ChangeCollection
from application.create_collection import CreateCollection
from application.delete_collection import DeleteCollection
from application.plan_reindex import PlanReindex
from application.ports import Ingestion
from application.read_collections import CountedCollection, ReadCollections
from application.reindex_collection import ReindexCollection
from domain.access.model import Principal
from entrypoints.http.asking import MAX_BODY_BYTES
from entrypoints.http.collection_bodies import (
    CollectionBody,
    CollectionChangesBody,
    CollectionsPageBody,
    NewCollectionBody,
    ReindexBody,
    collection_body,
    collection_changes,
    collections_page_body,
    new_collection,
)
from entrypoints.http.ingestion import PATH as INGESTIONS
from entrypoints.http.library_bodies import IngestionAcceptedBody, IngestionPlanBody, ingestion_plan_body
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import problems

PATH = "/v1/admin/collections"
ONE = PATH + "/{name:str}"


class CollectionsController(Controller):
    tags = ("Collections",)

    @post(
        PATH,
        status_code=HTTP_201_CREATED,
        request_max_body_size=MAX_BODY_BYTES,
        summary="Make a collection",
        responses=problems(400, 401, 403, 409, 413, 415, 422, 500, 503),
    )
    async def create(
        self,
        data: JSONBody[NewCollectionBody],
        caller: NamedDependency[Principal],
        create_collection: NamedDependency[CreateCollection],
    ) -> Response[CollectionBody]:
        made = await create_collection.execute(caller, new_collection(data))
        return Response(collection_body(CountedCollection(made, 0)), headers={"Location": f"{PATH}/{made.name}"})

    @get(PATH, summary="List collections", responses=problems(400, 401, 403, 422, 500, 503))
    async def collections(
        self,
        caller: NamedDependency[Principal],
        read_collections: NamedDependency[ReadCollections],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> CollectionsPageBody:
        return collections_page_body(await read_collections.list(caller, limit=limit, cursor=cursor))

    @get(ONE, summary="Read a collection", responses=problems(401, 403, 404, 422, 500, 503))
    async def collection(
        self,
        name: FromPath[str],
        caller: NamedDependency[Principal],
        read_collections: NamedDependency[ReadCollections],
    ) -> CollectionBody:
        return collection_body(await read_collections.get(caller, name))

    @patch(
        ONE,
        request_max_body_size=MAX_BODY_BYTES,
        summary="Change a collection",
        responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 500, 503),
    )
    async def change(
        self,
        name: FromPath[str],
        data: JSONBody[CollectionChangesBody],
        caller: NamedDependency[Principal],
        change_collection: NamedDependency[ChangeCollection],
    ) -> CollectionBody:
        return collection_body(await change_collection.execute(caller, name, collection_changes(data)))

    @delete(
        ONE,
        summary="Delete a collection",
        description="Its documents are in no search any more when this is answered; turns that cite them keep them.",
        responses=problems(401, 403, 404, 422, 500, 503),
    )
    async def delete(
        self,
        name: FromPath[str],
        caller: NamedDependency[Principal],
        delete_collection: NamedDependency[DeleteCollection],
    ) -> None:
        await delete_collection.execute(caller, name)

    @post(
        ONE + "/reindex",
        status_code=HTTP_202_ACCEPTED,
        request_max_body_size=MAX_BODY_BYTES,
        summary="Index a collection anew, or in another way",
        description=(
            "Builds a second index beside the first, from what is stored alone, while questions go on, and switches to "
            "it when it is whole. The work goes on at `status_url`, as an ingestion of the kind `reindex`."
        ),
        responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 500, 503),
    )
    async def reindex(
        self,
        name: FromPath[str],
        data: JSONBody[ReindexBody],
        caller: NamedDependency[Principal],
        reindex_collection: NamedDependency[ReindexCollection],
    ) -> Response[IngestionAcceptedBody]:
        return _accepted(
            await reindex_collection.execute(caller, name, embedder=data.embedder, chunk_chars=data.chunk_chars)
        )

    @post(
        ONE + "/reindex/plan",
        status_code=HTTP_200_OK,
        request_max_body_size=MAX_BODY_BYTES,
        summary="Say what a reindex would buy",
        description=(
            "The same body as for a reindex. The documents are cut and counted, and nothing is stored or bought: how "
            "many passages would be embedded in how many calls, and whether the plan has as many left."
        ),
        responses=problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def plan_reindex(
        self,
        name: FromPath[str],
        data: JSONBody[ReindexBody],
        caller: NamedDependency[Principal],
        plan_reindex: NamedDependency[PlanReindex],
    ) -> IngestionPlanBody:
        embedder, plan = await plan_reindex.execute(caller, name, embedder=data.embedder, chunk_chars=data.chunk_chars)
        return ingestion_plan_body(embedder.name, plan)

    @post(
        ONE + "/rollback",
        status_code=HTTP_202_ACCEPTED,
        summary="Switch back to the index before",
        description=(
            "Brings the index that was switched from up to what has changed since, then switches back to it. The work "
            "goes on at `status_url`, as an ingestion of the kind `rollback`."
        ),
        responses=problems(401, 403, 404, 409, 422, 500, 503),
    )
    async def rollback(
        self,
        name: FromPath[str],
        caller: NamedDependency[Principal],
        reindex_collection: NamedDependency[ReindexCollection],
    ) -> Response[IngestionAcceptedBody]:
        return _accepted(await reindex_collection.roll_back(caller, name))


def _accepted(work: Ingestion) -> Response[IngestionAcceptedBody]:
    status_url = f"{INGESTIONS}/{work.id}"
    return Response(IngestionAcceptedBody(work.id, status_url), headers={"Location": status_url})
