"""Read documents, their texts, and forget them."""

from uuid import UUID

from litestar import Controller, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from application.forget_documents import ForgetDocument
from application.read_documents import ReadDocuments
from domain.access.model import Principal
from domain.text import refuse_unstorable
from entrypoints.http.library_bodies import (
    DocumentBody,
    DocumentsPageBody,
    DocumentTextBody,
    document_body,
    documents_page_body,
)
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import problems


class DocumentsController(Controller):
    tags = ("Documents",)

    @get("/v1/documents", summary="List documents", responses=problems(400, 401, 403, 404, 422, 500, 503))
    async def documents(
        self,
        caller: NamedDependency[Principal],
        read_documents: NamedDependency[ReadDocuments],
        collection: FromQuery[str | None] = None,
        uri: FromQuery[str | None] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> DocumentsPageBody:
        if uri is not None:
            refuse_unstorable(uri, field="uri")
        page = await read_documents.list(caller, collection=collection, uri=uri, limit=limit, cursor=cursor)
        return documents_page_body(page)

    @get("/v1/documents/{document_id:uuid}", summary="Read a document", responses=problems(401, 403, 404, 500, 503))
    async def document(
        self,
        document_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_documents: NamedDependency[ReadDocuments],
    ) -> DocumentBody:
        return document_body(await read_documents.get(caller, document_id))

    @get(
        "/v1/documents/{document_id:uuid}/text",
        summary="Read the text of a version",
        responses=problems(401, 403, 404, 410, 422, 500, 503),
    )
    async def text(
        self,
        document_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_documents: NamedDependency[ReadDocuments],
        version: FromQuery[str | None] = None,
    ) -> DocumentTextBody:
        if version is not None:
            refuse_unstorable(version, field="version")
        text, version = await read_documents.text(caller, document_id, version)
        return DocumentTextBody(text, version)

    @delete(
        "/v1/documents/{document_id:uuid}", summary="Forget a document", responses=problems(401, 403, 404, 500, 503)
    )
    async def forget(
        self,
        document_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        forget_document: NamedDependency[ForgetDocument],
    ) -> None:
        await forget_document.execute(caller, document_id)
