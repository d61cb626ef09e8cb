"""Conversations: make, list, read, rename and delete them, and list what was asked in one."""

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from application.edit_conversations import EditConversations
from application.read_conversation import ReadConversation
from domain.access.model import Principal
from entrypoints.http.bodies import ChangedConversationBody, NewConversationBody, conversation_changes
from entrypoints.http.listing import DEFAULT_LIMIT, Cursor, Limit
from entrypoints.http.openapi import problems
from entrypoints.http.turn_bodies import (
    ConversationBody,
    ConversationsPageBody,
    TurnsPageBody,
    conversation_body,
    conversations_page_body,
    turns_page_body,
)

PATH = "/v1/conversations"
ONE = PATH + "/{conversation_id:uuid}"
MAX_BODY_BYTES = 256 * 1024
"""As much as a question may take."""


class ConversationsController(Controller):
    tags = ("Conversations",)
    request_max_body_size = MAX_BODY_BYTES

    @get(PATH, summary="List your conversations", responses=problems(400, 401, 403, 422, 500, 503))
    async def conversations(
        self,
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> ConversationsPageBody:
        return conversations_page_body(await read_conversation.conversations(caller, limit=limit, cursor=cursor))

    @post(
        PATH,
        status_code=HTTP_201_CREATED,
        summary="Make a conversation",
        responses=problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def make(
        self,
        data: JSONBody[NewConversationBody],
        caller: NamedDependency[Principal],
        edit_conversations: NamedDependency[EditConversations],
    ) -> Response[ConversationBody]:
        made = await edit_conversations.make(caller, conversation_changes(data))
        return Response(conversation_body(made), headers={"Location": f"{PATH}/{made.id}"})

    @get(ONE, summary="Read a conversation", responses=problems(401, 403, 404, 500, 503))
    async def conversation(
        self,
        conversation_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
    ) -> ConversationBody:
        return conversation_body(await read_conversation.conversation(caller, conversation_id))

    @patch(
        ONE,
        summary="Rename a conversation, or change what it asks",
        responses=problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def change(
        self,
        conversation_id: FromPath[UUID],
        data: JSONBody[ChangedConversationBody],
        caller: NamedDependency[Principal],
        edit_conversations: NamedDependency[EditConversations],
    ) -> ConversationBody:
        return conversation_body(await edit_conversations.change(caller, conversation_id, conversation_changes(data)))

    @delete(
        ONE,
        status_code=HTTP_204_NO_CONTENT,
        summary="Delete a conversation with its turns",
        description="A question of it that is still being answered is ended.",
        responses=problems(401, 403, 404, 500, 503),
    )
    async def remove(
        self,
        conversation_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        edit_conversations: NamedDependency[EditConversations],
    ) -> None:
        await edit_conversations.delete(caller, conversation_id)

    @get(ONE + "/turns", summary="List a conversation's turns", responses=problems(400, 401, 403, 404, 422, 500, 503))
    async def turns(
        self,
        conversation_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> TurnsPageBody:
        return turns_page_body(await read_conversation.turns(caller, conversation_id, limit=limit, cursor=cursor))
