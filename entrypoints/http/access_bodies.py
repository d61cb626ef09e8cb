"""API keys and callers on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from application.issue_key import IssuedKey, IssueKeyCommand
from application.read_caller import Caller
from domain.access.model import ApiKey, Principal, Scope
from domain.library.model import Page
from entrypoints.http.bodies import CollectionName
from entrypoints.http.texts import KeyName, Slug

ScopeName = Literal["ask", "ingest", "admin", "act_as"]


class NewApiKeyBody(Struct, forbid_unknown_fields=True):
    """``collections`` left out: not limited. ``tenant`` left out: the key is a tenant of its own."""

    name: KeyName
    scopes: Annotated[list[ScopeName], Meta(min_length=1, max_length=4)]
    collections: Annotated[list[CollectionName], Meta(max_length=1_000)] | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    tenant: Slug | None = None


class ApiKeyBody(Struct, kw_only=True):
    id: UUID
    name: str
    tenant: str
    scopes: list[str]
    collections: list[str] | None
    created_at: datetime
    expires_at: datetime | None


class IssuedApiKeyBody(ApiKeyBody, kw_only=True):
    """``secret`` is told here and nowhere else, ever."""

    secret: str


class ApiKeysPageBody(Struct):
    items: list[ApiKeyBody]
    next_cursor: str | None


class LimitsBody(Struct):
    """What the caller has left of them is in the headers of every reply."""

    requests_per_minute: int


class CallerBody(Struct, kw_only=True):
    """
    ``key_id`` is null for the admin key of the settings; ``user`` is the end user that the key asks for.

    ``collections`` is what the key is limited to, null when it is not; ``readable`` names the collections that it may
    ask now.
    """

    key_id: str | None
    name: str
    tenant: str
    user: str | None
    scopes: list[str]
    collections: list[str] | None
    readable: list[str]
    limits: LimitsBody


def issue_key_command(body: NewApiKeyBody, principal: Principal) -> IssueKeyCommand:
    return IssueKeyCommand(
        principal,
        body.name,
        [Scope(scope) for scope in body.scopes],
        body.collections,
        body.expires_at,
        body.tenant,
    )


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "collections": None if key.collections is None else sorted(key.collections),
        "created_at": key.created_at.astimezone(UTC),
        "expires_at": None if key.expires_at is None else key.expires_at.astimezone(UTC),
    }


def api_key_body(key: ApiKey) -> ApiKeyBody:
    return ApiKeyBody(**_shown(key))


def issued_key_body(issued: IssuedKey) -> IssuedApiKeyBody:
    return IssuedApiKeyBody(**_shown(issued.key), secret=issued.secret)


def api_keys_page_body(page: Page[ApiKey]) -> ApiKeysPageBody:
    return ApiKeysPageBody([api_key_body(key) for key in page.items], page.next_cursor)


def caller_body(caller: Caller) -> CallerBody:
    principal = caller.principal
    return CallerBody(
        key_id=principal.key or None,
        name=principal.name,
        tenant=principal.tenant,
        user=principal.user or None,
        scopes=sorted(principal.scopes),
        collections=None if principal.collections is None else sorted(principal.collections),
        readable=list(caller.readable or ()),
        limits=LimitsBody(caller.requests_per_minute),
    )
