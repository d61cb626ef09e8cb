"""Ask a question: the whole turn as JSON, or its events as they come."""

from typing import Any
from uuid import UUID

from anyio import create_task_group
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from application.ask_question import AskQuestion
from application.events import TurnStarted
from application.turn_stream import TurnStream
from domain.access.model import Principal
from domain.conversation.model import Turn
from entrypoints.http.bodies import AskBody, ask_command
from entrypoints.http.errors import headers_of, problem_of, problem_response
from entrypoints.http.openapi import StreamingOperation, problems
from entrypoints.http.room import place_of
from entrypoints.http.sse import EventStream
from entrypoints.http.turn_bodies import TurnBody, turn_body

MAX_BODY_BYTES = 256 * 1024
"""Sixty times the longest question; the rest is room for escapes, collections and filters."""


class AskingController(Controller):
    tags = ("Asking",)

    @post(
        "/v1/ask",
        status_code=HTTP_200_OK,
        request_max_body_size=MAX_BODY_BYTES,
        operation_class=StreamingOperation,
        summary="Ask a question",
        description="`Accept: text/event-stream` gives the turn's events as they come; anything else the whole turn.",
        responses={200: ResponseSpec(TurnBody, generate_examples=False, description="The turn")}
        | problems(400, 401, 403, 404, 409, 413, 415, 422, 500, 503),
    )
    async def ask(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[AskBody],
        caller: NamedDependency[Principal],
        ask_question: NamedDependency[AskQuestion],
    ) -> Response[Any]:
        stream = await ask_question.execute(ask_command(data, caller))
        turn_id = await _turn_id(stream)
        place_of(request.scope).leave()
        instance = request.scope["path"]
        cancels = data.on_disconnect == "cancel"
        if "text/event-stream" in request.headers.get("accept", ""):
            return EventStream(turn_id, stream, instance=instance, cancel_when_left=cancels)
        try:
            turn = await (_turn_while_there(stream, request) if cancels else stream.turn())
        except Exception as error:
            # The turn's own task has logged it already.
            problem = problem_of(error, instance=instance, turn_id=turn_id)
            return problem_response(problem, headers_of(error))
        return Response(turn_body(turn))


async def _turn_id(stream: TurnStream) -> UUID:
    """Every stream begins with TurnStarted, which is there when the use case returns."""
    async for batch in stream.batches():
        started = batch[0]
        break
    assert isinstance(started, TurnStarted)  # noqa: S101
    return started.turn_id


async def _turn_while_there(stream: TurnStream, request: Request[Any, Any, Any]) -> Turn:
    """The whole turn, ended early when the client goes away."""

    async def cancel_when_gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        stream.cancel()

    outcome: Turn | Exception
    async with create_task_group() as group:
        group.start_soon(cancel_when_gone)
        try:
            outcome = await stream.turn()
        except Exception as error:
            outcome = error  # raised outside: a task group would wrap it
        group.cancel_scope.cancel()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
