"""Logs: structlog for everything, the standard library's records too; one line an event, no secret in any."""

import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from application.arrival import request_id
from entrypoints.lean_imports import without

with without("rich"):  # only a development console, which Ibid has not, would print by it
    import structlog
    from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logs(style: Literal["text", "json"], *, secrets: Sequence[str] = (), level: int = logging.INFO) -> None:
    """Write to standard error. ``secrets`` never pass: whatever line would hold one shows ``***`` in its place."""
    # None of it is in any line, and who logs is looked for frame by frame: the logging manual's own advice for speed.
    logging._srcfile = None  # noqa: SLF001  as that manual says it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    before: list[Processor] = [
        _of_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(style, before, _Masking(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ibid").setLevel(level)


def _of_request(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    if (known := request_id()) is not None:
        event["request_id"] = known
    return event


class _Lines(structlog.stdlib.ProcessorFormatter):
    """
    Does with a record that is nothing but a message and what comes beside it what the base class does, at once.

    The base class copies it for the sake of other handlers, of which there are none here, and takes it through a row of
    steps, which is a quarter more. Both write the same, as a test holds.
    """

    def __init__(self, style: Literal["text", "json"], before: Sequence[Processor], masking: "_Masking") -> None:
        self._render: Callable[[EventDict], str] = _as_text_line if style == "text" else _as_json_line
        self._masked = masking.line
        super().__init__(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                lambda _, __, event: self._render(event),
                masking,
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.stack_info or isinstance(record.msg, dict):
            return super().format(record)
        event: EventDict = {"event": record.getMessage()}
        if (known := request_id()) is not None:
            event["request_id"] = known
        event["level"] = record.levelname.lower()
        for name, value in record.__dict__.items():
            if name not in _OF_ANY_RECORD:
                event[name] = value
        event["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return self._masked(self._render(event))


_OF_ANY_RECORD: Final = frozenset(logging.makeLogRecord({}).__dict__)
_LEADING: Final = ("timestamp", "level", "event")
_to_json: Final = structlog.processors.JSONRenderer()


def _as_json_line(event: EventDict) -> str:
    return str(_to_json(None, "", event))


def _as_text_line(event: EventDict) -> str:
    fields = [(name, event.pop(name, None)) for name in _LEADING]
    fields += event.items()
    return " ".join([f"{name}={value}" if isinstance(value, str) else f"{name}={value!r}" for name, value in fields])


def _forms(secret: str) -> set[str]:
    """A secret as it is, in an address, and as JSON or a repr would write it, or one of them what the other wrote."""
    forms = {secret}
    for _ in range(2):
        forms |= {written(form) for form in forms for written in (_as_json, _as_ascii_json, _as_text, _as_bytes)}
    return forms | {quote(secret, safe="")}


def _as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _as_ascii_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _as_text(text: str) -> str:
    return repr(text)[1:-1]


def _as_bytes(text: str) -> str:
    return repr(text.encode())[2:-1]


_ISSUED_KEY: Final = re.compile(r"ibid_[A-Za-z0-9_-]{43}")
"""What an issued key looks like: nobody keeps their secrets, so that none could be looked for."""


class _Masking:
    """The last step, over the finished line, so that no field, message or traceback gets around it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict | str | Any) -> str:
        return self.line(str(event))

    def line(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return _ISSUED_KEY.sub("***", line)
