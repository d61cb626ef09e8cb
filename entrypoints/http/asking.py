"""Ask a question: the whole turn as JSON, or its events as they come."""

from collections.abc import Mapping
from typing import Any

from anyio import create_task_group
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from application.ask_question import AskQuestion
from application.turn_stream import TurnStream
from domain.access.model import Principal
from domain.conversation.model import Turn
from entrypoints.http.bodies import AskBody, ask_command
from entrypoints.http.errors import headers_of, problem_of, problem_response
from entrypoints.http.idempotency import keyed_request, replay_headers
from entrypoints.http.openapi import KeyedStreamingOperation, problems
from entrypoints.http.room import place_of
from entrypoints.http.sse import ASK_PATH, EventStream
from entrypoints.http.turn_bodies import TurnBody, turn_body

MAX_BODY_BYTES = 256 * 1024
"""Sixty times the longest question; the rest is room for escapes, collections and filters."""


class AskingController(Controller):
    tags = ("Asking",)

    @post(
        ASK_PATH,
        status_code=HTTP_200_OK,
        request_max_body_size=MAX_BODY_BYTES,
        operation_class=KeyedStreamingOperation,
        summary="Ask a question",
        description="`Accept: text/event-stream` gives the turn's events as they come; anything else the whole turn.",
        responses={200: ResponseSpec(TurnBody, generate_examples=False, description="The turn")}
        | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
    )
    async def ask(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[AskBody],
        caller: NamedDependency[Principal],
        ask_question: NamedDependency[AskQuestion],
    ) -> Response[Any]:
        asked = await ask_question.execute_once(ask_command(data, caller, keyed_request(request, caller, data)))
        headers = replay_headers(replayed=asked.replayed)
        place_of(request.scope).leave()
        cancels = data.on_disconnect == "cancel"
        if "text/event-stream" in request.headers.get("accept", ""):
            return EventStream(asked.stream, cancel_when_left=cancels, headers=headers)
        return await _whole_turn(request, asked.stream, cancels, headers)


async def _whole_turn(
    request: Request[Any, Any, Any], stream: TurnStream, cancels: bool, headers: Mapping[str, str]
) -> Response[Any]:
    try:
        turn = await (_turn_while_there(stream, request) if cancels else stream.turn())
    except Exception as error:
        # The turn's own task has logged it already.
        problem = problem_of(error, instance=ASK_PATH, turn_id=stream.turn_id)
        return problem_response(problem, {**headers_of(error), **headers})
    return Response(turn_body(turn), headers=dict(headers))


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
