"""Read back what was asked and answered."""

from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from application.read_conversation import ReadConversation
from domain.access.model import Principal
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import problems
from entrypoints.http.turn_bodies import TurnBody, TurnsPageBody, turn_body, turns_page_body


class ConversationsController(Controller):
    tags = ("Conversations",)

    @get("/v1/turns/{turn_id:uuid}", summary="Read a turn", responses=problems(401, 403, 404, 500, 503))
    async def turn(
        self,
        turn_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
    ) -> TurnBody:
        return turn_body(await read_conversation.turn(caller, turn_id))

    @get(
        "/v1/conversations/{conversation_id:uuid}/turns",
        summary="List a conversation's turns",
        responses=problems(400, 401, 403, 404, 422, 500, 503),
    )
    async def turns(
        self,
        conversation_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> TurnsPageBody:
        return turns_page_body(await read_conversation.turns(caller, conversation_id, limit=limit, cursor=cursor))
