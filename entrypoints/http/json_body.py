"""Reading a JSON body: strict, typed, and with one translation of everything that can be wrong with it."""

import json
import re
from functools import cache
from typing import Any, Final

import msgspec
from anyio import to_thread
from litestar import Request
from litestar.exceptions import ClientException, HTTPException, InternalServerException

from domain.errors import OutOfRange
from domain.text import refuse_unstorable
from entrypoints.http.room import place_of

LARGE_BODY_BYTES: Final = 1024 * 1024
"""Decoded beside the event loop: 64 MB take 0.1 s, 1 MB takes as long as two questions."""

_AT: Final = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>.*)`$")
_NAMED: Final = re.compile(r"(?P<what>missing required|contains unknown) field `(?P<name>.*)`$")
_TYPES: Final = re.compile(r"Expected `(?P<expected>[^`]*)`, got `(?P<got>[^`]*)`$")
_FLOAT_FOR_INT: Final = re.compile(r"Expected `int(?: \| null)?`, got `float` - at `\$\.(?P<field>\w+)`")
_NUMBERS: Final = frozenset({"int", "float"})
_UNSTORABLE_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""NUL and surrogates as JSON escapes; the bare bytes of either are no JSON or no UTF-8."""


class BadBody(ClientException):
    """400: the body is not what JSON or the route's types call for."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(detail=message, extra=[{"key": field, "message": message}])


class UnsupportedMediaType(ClientException):
    status_code = 415


class JSONRequest(Request[Any, Any, Any]):
    """A request whose JSON becomes its handler's own type at once, instead of going through loose Python values."""

    _whole: bytes | None = None
    """The body, once it is there: the framework asks for it before it asks for what it says."""

    @property
    def is_upload(self) -> bool:
        """Whether the body is one that its handler reads as it comes, instead of having it whole."""
        return self.route_handler.opt.get("takes_uploads") is True and self._media_type == "multipart/form-data"

    @property
    def _media_type(self) -> str:
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    async def body(self) -> bytes:
        if self._whole is not None:
            return self._whole
        if self.is_upload:
            return b"an upload"
        most = self.route_handler.resolve_request_max_body_size()
        place_of(self.scope).hold_body(most if isinstance(most, int) else LARGE_BODY_BYTES)
        try:
            raw = await super().body()
        except InternalServerException as error:
            # The framework's word for a client that hung up in the middle; there is no bug here and nobody to answer.
            raise ClientException("the client left before its body was whole") from error
        if not raw and self.route_handler.parsed_data_field is not None:
            raise BadBody("", "the body is empty")
        self._whole = raw
        return raw

    async def json(self) -> Any:
        if self.is_upload:
            return None
        if self._media_type != "application/json":
            raise UnsupportedMediaType
        field = self.route_handler.parsed_data_field
        assert field is not None  # noqa: S101  only handlers with a body come here
        raw = await self.body()
        if len(raw) < LARGE_BODY_BYTES:
            return read_json(raw, field.annotation)
        # The decoder keeps the interpreter to itself for each of its passes, but lets others run between them.
        return await to_thread.run_sync(read_json, raw, field.annotation)


def read_json(raw: bytes, wanted: Any) -> Any:
    """
    Decode ``raw`` as ``wanted``, a msgspec type.

    Raises BadBody for what is not JSON, not UTF-8, nested too deeply or of another JSON type than the field; and
    Refused, naming the field, for an unknown or missing one, a value out of its range, or an unstorable character.
    """
    try:
        value = _decoder(wanted).decode(raw)
    except msgspec.ValidationError as error:
        _must_be_json(raw)
        value = _with_whole_numbers(raw, wanted, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_lone_surrogates(raw)
        raise _not_json(error) from error
    if _UNSTORABLE_ESCAPE.search(raw):
        _refuse_unstorable_strings(msgspec.json.decode(raw), "")
    return value


@cache
def _decoder(wanted: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(wanted)


def _with_whole_numbers(raw: bytes, wanted: Any, error: msgspec.ValidationError) -> Any:
    """
    The body with ``6.0`` taken for 6 where a field calls for an integer: to JSON, and to JSON Schema, they are one.

    Raises the refusal of what else is wrong with it.
    """
    value: Any = None
    while at := _FLOAT_FOR_INT.fullmatch(str(error)):
        value = msgspec.json.decode(raw) if value is None else value
        number = value[at["field"]]
        if not number.is_integer():
            break
        value[at["field"]] = int(number)
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as next_error:
            error = next_error
    raise _refusal(str(error)) from error


def _must_be_json(raw: bytes) -> None:
    """A body that breaks its types early may still be no JSON further on: that is the fault to name."""
    try:
        msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return  # a number beyond what a float holds: JSON all the same
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_lone_surrogates(raw)
        raise _not_json(error) from error


def _not_json(error: Exception) -> HTTPException:
    if isinstance(error, RecursionError):
        return BadBody("", "the body is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return BadBody("", "the body is not UTF-8")
    return BadBody("", f"the body is not JSON: {error}")


def _refuse_lone_surrogates(raw: bytes) -> None:
    """
    Half a surrogate pair is JSON by the grammar of RFC 8259, so it is refused as a value, not as a syntax error.

    The decoder in use calls it malformed; the standard library's, which takes it, finds the field.
    """
    if not _UNSTORABLE_ESCAPE.search(raw):
        return
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return
    _refuse_unstorable_strings(value, "")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _refuse_unstorable_strings(value: Any, path: str) -> None:
    """Raise ForbiddenCharacter for the first string, keys included, that no text column can hold."""
    waiting: list[tuple[Any, str]] = [(value, path)]
    while waiting:
        one, path = waiting.pop()
        if isinstance(one, str):
            refuse_unstorable(one, field=path)
        elif isinstance(one, list):
            waiting += [(item, f"{path}[{position}]") for position, item in enumerate(one)]
        elif isinstance(one, dict):
            for name in one:
                refuse_unstorable(name, field=path or "a name")
            waiting += [(item, f"{path}.{name}" if path else name) for name, item in one.items()]


def _refusal(message: str) -> Exception:
    """What a type error of the decoder is on the wire: the wrong JSON type, or a value of the right one refused."""
    at = _AT.search(message)
    path = at["path"].replace("[...]", "") if at else ""
    said = message[: at.start()] if at else message
    if named := _NAMED.search(said):
        field = f"{path}.{named['name']}" if path else named["name"]
        return OutOfRange(field, "is required" if named["what"] == "missing required" else "is not a field of this")
    if types := _TYPES.match(said):
        if {types["expected"], types["got"]} <= _NUMBERS:
            return OutOfRange(path, "must be a whole number")
        return BadBody(path, f"must be {types['expected'].replace(' | ', ' or ')}, not {types['got']}")
    return OutOfRange(path, said.replace("`", "").replace("Expected ", "must be "))
