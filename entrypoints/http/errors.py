"""The one table from errors to HTTP, and every error as RFC 9457 ``application/problem+json``."""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import UNSET, Struct, UnsetType

from domain import errors
from domain.errors import IbidError, PortError, PortUnavailable, QuotaSpent, RateExceeded, Refused

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
"""What a 503 asks for when the failed port named no time of its own."""

_log = logging.getLogger("ibid.request")


class Row(NamedTuple):
    status: int
    code: str
    title: str


TABLE: Final[Mapping[type[IbidError], Row]] = {
    errors.BlankQuestion: Row(422, "blank", "A text must not be blank"),
    errors.TextTooLong: Row(422, "too_long", "A text is too long"),
    errors.ForbiddenCharacter: Row(422, "forbidden_character", "A text holds a character that cannot be stored"),
    errors.OutOfRange: Row(422, "out_of_range", "A value is not one that is taken"),
    errors.UploadTooLarge: Row(413, "upload_too_large", "The upload is too large"),
    errors.ArchiveUnreadable: Row(422, "archive_unreadable", "The archive cannot be read"),
    errors.CollectionNotFound: Row(404, "collection_not_found", "No such collection"),
    errors.DocumentNotFound: Row(404, "document_not_found", "No such document"),
    errors.DocumentVersionNotFound: Row(404, "document_version_not_found", "No such version of the document"),
    errors.ConversationNotFound: Row(404, "conversation_not_found", "No such conversation"),
    errors.TurnNotFound: Row(404, "turn_not_found", "No such turn"),
    errors.FeedbackNotFound: Row(404, "feedback_not_found", "No feedback was given on this turn"),
    errors.IngestionNotFound: Row(404, "ingestion_not_found", "No such ingestion"),
    errors.ApiKeyNotFound: Row(404, "api_key_not_found", "No such API key"),
    errors.DocumentVersionGone: Row(410, "document_version_gone", "The text was removed"),
    errors.IdempotencyKeyReused: Row(422, "idempotency_key_reused", "The key came with another body before"),
    errors.CollectionExists: Row(409, "collection_exists", "There is a collection of that name"),
    errors.CollectionInUse: Row(409, "collection_in_use", "The collection's documents stand in the way"),
    errors.ConversationBusy: Row(409, "conversation_busy", "Another question of this conversation still runs"),
    errors.TooManyRunning: Row(429, "too_many_running", "Too many of your questions run at once"),
    errors.Overloaded: Row(503, "overloaded", "The service answers as many questions as it can"),
    errors.TurnFailedBefore: Row(503, "turn_failed", "The turn failed"),
    errors.ReindexRunning: Row(409, "reindex_running", "The collection is being reindexed"),
    errors.NothingToRollBack: Row(409, "nothing_to_roll_back", "No earlier index is kept"),
    errors.IngestionRunning: Row(409, "ingestion_running", "The ingestion has not ended"),
    errors.DocumentUnreadable: Row(422, "document_unreadable", "A document cannot be read"),
    errors.TooManyPassages: Row(422, "too_many_passages", "A document would be cut into too many passages"),
    errors.BadEventId: Row(400, "bad_event_id", "Not an event of this turn"),
    errors.TooBusy: Row(503, "too_busy", "Too much at once"),
    errors.BadCursor: Row(400, "bad_cursor", "Not a cursor of this listing"),
    errors.NotAuthenticated: Row(401, "not_authenticated", "No valid credentials"),
    errors.ScopeMissing: Row(403, "scope_missing", "The key may not do this"),
    errors.RateExceeded: Row(429, "rate_exceeded", "Too many requests"),
    errors.PortUnavailable: Row(503, "port_unavailable", "Something this service needs did not answer"),
    errors.PortRefused: Row(503, "port_refused", "Something this service needs refused"),
    errors.QuotaSpent: Row(503, "quota_spent", "A provider's plan has nothing left for now"),
    errors.PortReplyInvalid: Row(503, "port_reply_invalid", "Something this service needs answered nonsense"),
}

FRAMEWORK: Final[Mapping[int, Row]] = {
    400: Row(400, "bad_request", "The request cannot be understood"),
    404: Row(404, "not_found", "Nothing is served here"),
    405: Row(405, "method_not_allowed", "This path does not take that method"),
    408: Row(408, "request_timeout", "The request came too slowly"),
    413: Row(413, "too_large", "The body is too large"),
    415: Row(415, "unsupported_media_type", "The body must be application/json"),
    422: Row(422, "invalid", "A value is not one that is taken"),
    431: Row(431, "headers_too_large", "The headers are too large"),
    500: Row(500, "internal_error", "A bug in this service"),
    503: Row(503, "unavailable", "The service is not ready"),
}

_DETAIL: Final[Mapping[int, str]] = {
    400: "the request cannot be understood",
    404: "no route has this path",
    405: "the Allow header names the methods of this path",
    408: "headers must be here within 10 seconds, a body within 30 and a second more for each 16 kB of it",
    413: "the body is larger than this path takes",
    415: "send the body as Content-Type: application/json",
    431: "request line and headers may have 32 kB together",
    500: "the error is in the service's log, under this response's X-Request-Id",
    503: "try again soon",
}


class FieldErrorBody(Struct):
    field: str
    message: str


class ProblemBody(Struct, kw_only=True):
    """RFC 9457, with ``code`` (the last part of ``type``) and the fields at fault, if it was fields."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldErrorBody]
    turn_id: UUID | UnsetType = UNSET
    checks: dict[str, str] | UnsetType = UNSET


def row_of(error: Exception) -> Row:
    """The row of an error raised on purpose, of the framework's, or of a bug, whose own words are never told."""
    if isinstance(error, IbidError):
        return TABLE[type(error)]
    if isinstance(error, ValidationException):
        return FRAMEWORK[422]
    if isinstance(error, HTTPException):
        return FRAMEWORK.get(error.status_code, FRAMEWORK[400 if error.status_code < 500 else 500])
    return FRAMEWORK[500]


def problem_of(error: Exception, *, instance: str, turn_id: UUID | UnsetType = UNSET) -> ProblemBody:
    row = row_of(error)
    fields = _fields(error)
    if isinstance(error, IbidError):
        detail = str(error)
    elif fields:
        detail = "; ".join(f"{one.field}: {one.message}".removeprefix(": ") for one in fields)
    else:
        detail = _DETAIL[row.status]
    return _problem(row, detail, instance, errors=fields, turn_id=turn_id)


def not_ready(checks: dict[str, str], *, instance: str) -> ProblemBody:
    """The answer of a service that still starts, or has begun to stop."""
    problem = _problem(FRAMEWORK[503], _DETAIL[503], instance)
    problem.checks = checks
    return problem


def refused_unread(status: int) -> bytes:
    """The problem document of a request that was never whole, so that nothing is known of its path."""
    return msgspec.json.encode(_problem(FRAMEWORK[status], _DETAIL[status], "/"))


def bad_host(*, instance: str) -> ProblemBody:
    return _problem(FRAMEWORK[400], "the request must have one Host header that names a host", instance)


def problem_response(problem: ProblemBody, headers: Mapping[str, str] | None = None) -> Response[ProblemBody]:
    return Response(problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=dict(headers or {}))


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[ProblemBody]:
    """Answer any exception that reaches the edge of the application; a bug is logged here, with its traceback."""
    problem = problem_of(error, instance=request.scope["path"])
    if isinstance(error, PortError):
        _log.warning("port failed", extra={"port": error.port, "code": problem.code})
    elif problem.status >= 500 and not isinstance(error, IbidError):
        _log.error("unhandled", exc_info=error)
    return problem_response(problem, headers_of(error))


def headers_of(error: Exception) -> dict[str, str]:
    """What a status obliges a response to say besides its body."""
    status = row_of(error).status
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if status == 405 and isinstance(error, HTTPException):
        allowed = {method.strip() for method in (error.headers or {}).get("allow", "").split(",")}
        return {"Allow": ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))}
    if isinstance(error, RateExceeded):
        return {"Retry-After": str(error.retry_after_s)}
    if status in (429, 503):
        asked = error.retry_after_s if isinstance(error, (PortUnavailable, QuotaSpent, errors.TooBusy)) else None
        return {"Retry-After": str(max(1, math.ceil(RETRY_AFTER_S if asked is None else asked)))}
    return {}


def _problem(
    row: Row,
    detail: str,
    instance: str,
    *,
    errors: list[FieldErrorBody] | None = None,
    turn_id: UUID | UnsetType = UNSET,
) -> ProblemBody:
    return ProblemBody(
        type=f"/problems/{row.code}",
        title=row.title,
        status=row.status,
        detail=detail,
        instance=instance,
        code=row.code,
        errors=errors or [],
        turn_id=turn_id,
    )


def _fields(error: Exception) -> list[FieldErrorBody]:
    if isinstance(error, Refused):
        return [FieldErrorBody(error.field, error.message)]
    extra = error.extra if isinstance(error, HTTPException) else None
    if not isinstance(extra, list):
        return []
    return [FieldErrorBody(str(one.get("key", "")), _plain(str(one.get("message", "")))) for one in extra]


def _plain(message: str) -> str:
    return message.replace("`", "")
