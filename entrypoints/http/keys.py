"""Issue, list and revoke API keys, and tell a caller who it is."""

from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_201_CREATED

from application.issue_key import IssueKey
from application.read_caller import ReadCaller
from application.read_keys import ReadKeys
from application.revoke_key import RevokeKey
from domain.access.model import Principal
from entrypoints.http.access_bodies import (
    ApiKeyBody,
    ApiKeysPageBody,
    CallerBody,
    IssuedApiKeyBody,
    NewApiKeyBody,
    api_key_body,
    api_keys_page_body,
    caller_body,
    issue_key_command,
    issued_key_body,
)
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import problems

PATH = "/v1/admin/api-keys"
MAX_BODY_BYTES = 256 * 1024
"""A thousand collections of the longest name, and room to spare."""


class KeysController(Controller):
    tags = ("Access",)

    @post(
        PATH,
        status_code=HTTP_201_CREATED,
        request_max_body_size=MAX_BODY_BYTES,
        summary="Issue an API key",
        description="`secret` is in this answer only.",
        responses=problems(400, 401, 403, 413, 415, 422, 500, 503),
    )
    async def issue(
        self,
        data: JSONBody[NewApiKeyBody],
        caller: NamedDependency[Principal],
        issue_key: NamedDependency[IssueKey],
    ) -> Response[IssuedApiKeyBody]:
        issued = await issue_key.execute(issue_key_command(data, caller))
        headers = {"Location": f"{PATH}/{issued.key.id}", "Cache-Control": "no-store"}
        return Response(issued_key_body(issued), headers=headers)

    @get(PATH, summary="List API keys", responses=problems(400, 401, 403, 422, 500, 503))
    async def keys(
        self,
        caller: NamedDependency[Principal],
        read_keys: NamedDependency[ReadKeys],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> ApiKeysPageBody:
        return api_keys_page_body(await read_keys.list(caller, limit=limit, cursor=cursor))

    @get(PATH + "/{key_id:uuid}", summary="Read an API key", responses=problems(401, 403, 404, 500, 503))
    async def key(
        self, key_id: FromPath[UUID], caller: NamedDependency[Principal], read_keys: NamedDependency[ReadKeys]
    ) -> ApiKeyBody:
        return api_key_body(await read_keys.get(caller, key_id))

    @delete(PATH + "/{key_id:uuid}", summary="Revoke an API key", responses=problems(401, 403, 404, 500, 503))
    async def revoke(
        self, key_id: FromPath[UUID], caller: NamedDependency[Principal], revoke_key: NamedDependency[RevokeKey]
    ) -> None:
        await revoke_key.execute(caller, key_id)


class CallerController(Controller):
    tags = ("Access",)

    @get("/v1/me", summary="Who am I", responses=problems(401, 403, 422, 500, 503))
    async def me(self, caller: NamedDependency[Principal], read_caller: NamedDependency[ReadCaller]) -> CallerBody:
        return caller_body(await read_caller.execute(caller))
