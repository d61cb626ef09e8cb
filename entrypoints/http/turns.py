"""Turns: read one, follow or resume its events, end it early, say what it was worth."""

import re
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from application.cancel_turn import CancelTurn
from application.follow_turn import FollowTurn
from application.give_feedback import GiveFeedback, GiveFeedbackCommand
from application.read_conversation import ReadConversation
from domain.access.model import Principal
from domain.conversation.model import TurnStatus
from domain.errors import BadEventId
from entrypoints.http.bodies import FeedbackGivenBody
from entrypoints.http.idempotency import keyed_request, replay_headers
from entrypoints.http.openapi import FollowingOperation, KeyedOperation, problems
from entrypoints.http.sse import EventStream
from entrypoints.http.turn_bodies import FeedbackBody, TurnBody, feedback_body, turn_body

PATH: Final = "/v1/turns/{turn_id:uuid}"
MAX_BODY_BYTES: Final = 256 * 1024
"""As much as a question may take."""

_EVENT_ID: Final = re.compile(r"([0-9a-fA-F-]{36}):([1-9][0-9]{0,8})")


class TurnsController(Controller):
    tags = ("Turns",)

    @get(PATH, summary="Read a turn", responses=problems(401, 403, 404, 500, 503))
    async def turn(
        self,
        turn_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
    ) -> TurnBody:
        return turn_body(await read_conversation.turn(caller, turn_id))

    @get(
        PATH + "/events",
        operation_class=FollowingOperation,
        summary="Follow a turn, or go on following it",
        description=(
            "The events after `Last-Event-ID`, or all of them, and those to come. They are kept for an hour; "
            "later there is only the last one. 204 when nothing can follow the event that is named."
        ),
        responses={
            200: ResponseSpec(str, generate_examples=False, description="Events", media_type="text/event-stream")
        }
        | {204: ResponseSpec(None, generate_examples=False, description="The last event was read already")}
        | problems(400, 401, 403, 404, 500, 503),
    )
    async def events(
        self,
        request: Request[Any, Any, Any],
        turn_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        follow_turn: NamedDependency[FollowTurn],
    ) -> Response[Any]:
        stream = await follow_turn.execute(caller, turn_id)
        after = _after(request, turn_id)
        if not stream.has(after):
            raise BadEventId
        if after and stream.ends_with(after):
            return Response(None, status_code=HTTP_204_NO_CONTENT)
        return EventStream(stream, after=after)

    @post(
        PATH + "/cancel",
        status_code=HTTP_202_ACCEPTED,
        summary="End a turn early",
        description="202 with the running turn, which is about to end; 200 with the turn when it has ended already.",
        responses={200: ResponseSpec(TurnBody, generate_examples=False, description="The turn had ended already")}
        | problems(401, 403, 404, 500, 503),
    )
    async def cancel(
        self, turn_id: FromPath[UUID], caller: NamedDependency[Principal], cancel_turn: NamedDependency[CancelTurn]
    ) -> Response[TurnBody]:
        turn = await cancel_turn.execute(caller, turn_id)
        if turn.status is not TurnStatus.RUNNING:
            return Response(turn_body(turn), status_code=HTTP_200_OK)
        return Response(turn_body(turn), headers={"Location": f"/v1/turns/{turn_id}"})

    @post(
        PATH + "/feedback",
        status_code=HTTP_201_CREATED,
        request_max_body_size=MAX_BODY_BYTES,
        operation_class=KeyedOperation,
        summary="Say what a turn was worth",
        description="201 for the first, 200 for one that takes the place of an earlier one.",
        responses={200: ResponseSpec(FeedbackBody, generate_examples=False, description="Feedback was replaced")}
        | problems(400, 401, 403, 404, 413, 415, 422, 500, 503),
    )
    async def give_feedback(
        self,
        request: Request[Any, Any, Any],
        turn_id: FromPath[UUID],
        data: JSONBody[FeedbackGivenBody],
        caller: NamedDependency[Principal],
        give_feedback: NamedDependency[GiveFeedback],
    ) -> Response[FeedbackBody]:
        keyed = keyed_request(request, caller, data)
        given = await give_feedback.execute(
            GiveFeedbackCommand(caller, turn_id, data.rating, data.reasons, data.comment, keyed)
        )
        headers = dict(replay_headers(replayed=given.replayed))
        if not given.feedback.is_first:
            return Response(feedback_body(given.feedback), status_code=HTTP_200_OK, headers=headers)
        return Response(feedback_body(given.feedback), headers={"Location": f"/v1/turns/{turn_id}/feedback", **headers})

    @get(PATH + "/feedback", summary="Read the feedback on a turn", responses=problems(401, 403, 404, 500, 503))
    async def feedback(
        self,
        turn_id: FromPath[UUID],
        caller: NamedDependency[Principal],
        read_conversation: NamedDependency[ReadConversation],
    ) -> FeedbackBody:
        return feedback_body(await read_conversation.feedback(caller, turn_id))


def _after(request: Request[Any, Any, Any], turn_id: UUID) -> int:
    """The number of the last event that the client has read. Raises BadEventId for an id of anything but this turn."""
    given = request.headers.get("last-event-id", "")
    if not given:
        return 0
    read = _EVENT_ID.fullmatch(given)
    if read is None or read[1].lower() != str(turn_id):
        raise BadEventId
    return int(read[2])
