"""Reading a multipart/form-data body: files to where uploads are kept, chunk by chunk, and the form's few fields."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from litestar import Request
from litestar.exceptions import ClientException
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from application.ports import KeyedRequest
from application.submit_ingestion import IngestionRequest
from domain.access.model import Principal
from domain.errors import OutOfRange, UploadTooLarge
from domain.library.ports import Upload, UploadLimits
from domain.text import refuse_unstorable
from entrypoints.http.bodies import checked_base_url
from entrypoints.http.json_body import BadBody, UnsupportedMediaType

_FIELDS: Final = ("collection", "base_url", "prune")
_MAX_FIELD_BYTES: Final = 10_000
_ROOM_BESIDES: Final = 4 * 1024 * 1024
"""Bytes around the files: boundaries, the parts' headers, fields; 1,000 files take some 200 KB."""

_SWITCH: Final = {"true": True, "false": False}


@dataclass(slots=True)
class Form:
    """The fields as they come in."""

    values: dict[str, bytes] = field(default_factory=dict)
    _sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def digest(self) -> str:
        """What tells this form from others: its parts' names and contents in their order, whatever stands between."""
        return self._sha256.hexdigest()

    def note_part(self, segment: MultipartSegment) -> None:
        self._sha256.update(repr(("part", segment.name, segment.filename)).encode())

    def note(self, chunk: bytes | bytearray) -> None:
        self._sha256.update(chunk)

    def begin(self, name: str) -> None:
        if name not in _FIELDS:
            raise OutOfRange(name, "is not a field of this; a file needs a filename")
        if name in self.values:
            raise OutOfRange(name, "is there twice")
        self.values[name] = b""

    def write(self, name: str, chunk: bytes) -> None:
        self.values[name] += chunk
        if len(self.values[name]) > _MAX_FIELD_BYTES:
            raise OutOfRange(name, f"has more than {_MAX_FIELD_BYTES:,} bytes")

    def text(self, name: str) -> str | None:
        """A field's text; None for one that is not there."""
        if name not in self.values:
            return None
        try:
            text = self.values[name].decode()
        except UnicodeDecodeError as error:
            raise BadBody(name, "is not UTF-8") from error
        refuse_unstorable(text, field=name)
        return text

    def request(self, principal: Principal, keyed: KeyedRequest | None) -> IngestionRequest:
        """Raises a Refused that names the field."""
        collection, prune = self.text("collection"), self.text("prune") or "false"
        if collection is None:
            raise OutOfRange("collection", "is required")
        if prune not in _SWITCH:
            raise OutOfRange("prune", "must be true or false")
        base_url = checked_base_url(self.text("base_url") or None)
        return IngestionRequest(principal, collection, base_url, _SWITCH[prune], keyed)


async def read_upload(request: Request[Any, Any, Any], upload: Upload, limits: UploadLimits) -> Form:
    """
    Read the whole body: files into ``upload``, fields into the form.

    Raises BadBody for what is no such form, UploadTooLarge, UnsupportedMediaType for a content coding, or a Refused.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType(extra=[{"key": "Content-Encoding", "message": "must be left out"}])
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.size + _ROOM_BESIDES:
        raise _too_large(limits)
    reading = _Reading(_parser(request.headers["content-type"]), upload)
    received = 0
    async for chunk in _chunks(request):
        received += len(chunk)
        if received > limits.size + _ROOM_BESIDES:
            raise _too_large(limits)
        await reading.take(chunk)
    return reading.end()


def _parser(content_type: str) -> PushMultipartParser:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    try:
        return PushMultipartParser(boundary)
    except (MultipartError, UnicodeError) as error:
        raise BadBody("Content-Type", "names no boundary, or none that there can be") from error


class _Reading:
    def __init__(self, parser: PushMultipartParser, upload: Upload) -> None:
        self._parser = parser
        self._upload = upload
        self._form = Form()
        self._in_field: str | None = None
        self._skipped = False

    async def take(self, chunk: bytes) -> None:
        if self._parser.closed or not chunk:
            return
        try:
            for event in self._parser.parse(chunk):
                await self._event(event)
        except ParserLimitReached as error:
            raise UploadTooLarge("the headers of a part are longer than is taken") from error
        except MultipartError as error:
            raise BadBody("", f"the body is no multipart/form-data: {error.args[0]}") from error

    async def _event(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if isinstance(event, MultipartSegment):
            self._form.note_part(event)
            await self._begin(event)
        elif event is not None and not self._skipped:
            self._form.note(event)
            if self._in_field is None:
                await self._upload.write(bytes(event))
            else:
                self._form.write(self._in_field, bytes(event))

    async def _begin(self, segment: MultipartSegment) -> None:
        self._in_field = segment.name if segment.filename is None else None
        # What browsers send for a file input that was left empty.
        self._skipped = segment.filename == ""
        if self._in_field is not None:
            self._form.begin(self._in_field)
        elif not self._skipped:
            await self._upload.begin(segment.filename or "")

    def end(self) -> Form:
        try:
            self._parser.close()
        except MultipartError as error:
            raise BadBody("", "the body ends before its last boundary") from error
        return self._form


async def _chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it comes: the framework's own stream is held to the limit of JSON bodies."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientException("the client left before its body was whole")
        if message["type"] == "http.request":
            yield message["body"]
            if not message.get("more_body"):
                return


def _too_large(limits: UploadLimits) -> UploadTooLarge:
    return UploadTooLarge(f"it has more than {limits.size // (1024 * 1024):,} MB")
