"""Make, read, change and delete collections."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_201_CREATED

from application.change_collection import ChangeCollection
from application.create_collection import CreateCollection
from application.delete_collection import DeleteCollection
from application.read_collections import CountedCollection, ReadCollections
from domain.access.model import Principal
from entrypoints.http.asking import MAX_BODY_BYTES
from entrypoints.http.collection_bodies import (
    CollectionBody,
    CollectionChangesBody,
    CollectionsPageBody,
    NewCollectionBody,
    collection_body,
    collection_changes,
    collections_page_body,
    new_collection,
)
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
