"""One reply as it is read: its text so far, and in the end how it went."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from adapters.openrouter.alike import AlikeEvents
from adapters.openrouter.bodies import REPLY, ErrorBody, ReplyBody
from adapters.openrouter.event_lines import EventLines
from adapters.openrouter.refusals import PORT, refusal_inside
from adapters.resilience.faults import Blame, Fault
from adapters.resilience.unreadable import UNREADABLE
from domain.conversation.calls import CallEnd
from domain.conversation.model import AttemptOutcome, Usage
from domain.errors import PortError, PortRefused, PortReplyInvalid, PortUnavailable

CHARS_PER_TOKEN: Final = 8
"""More than any prose has. A text longer than so many times its tokens comes from a model that heeds no limit."""

_DONE: Final = b"[DONE]"
_FINISHED: Final = frozenset({"stop", "length", "tool_calls"})


@dataclass(slots=True)
class Reading:
    """
    Fed with a stream's bytes, or with a whole reply. Faults are raised by it, and told to ``failed`` at the end.

    ``heard`` is called for whatever comes, comments apart, with whether the model has finished.
    """

    max_tokens: int
    heard: Callable[[bool], None] = lambda finished: None
    sent: bool = False
    over: bool = False
    call_id: str | None = None
    fault: Fault | None = None
    _outcome: AttemptOutcome | None = None
    _usage: Usage | None = None
    _chars: int = 0
    _blank: bool = True
    _begun: bool = False
    _done: bool = False
    _cut: bool = False
    _finish_reason: str | None = None
    _stands: bool = False
    _lines: EventLines = field(default_factory=lambda: EventLines(PORT))
    _alike: AlikeEvents = field(default_factory=AlikeEvents)

    @property
    def end(self) -> CallEnd:
        if not self.sent:
            return CallEnd(AttemptOutcome.ERROR, sent=False)
        fault = self.fault
        return CallEnd(
            self._outcome or AttemptOutcome.ERROR,
            stands=self._stands,
            usage=self._usage,
            call_id=self.call_id,
            retryable=fault is not None and fault.retryable,
            retry_after_s=None if fault is None else fault.retry_after_s,
        )

    def add(self, part: bytes) -> str:
        """The text in some bytes of a stream. Raises Fault or PortReplyInvalid."""
        if not (self.over or self._lines.holds) and (text := self._alike.texts(part)) is not None:
            return self._heard(text)
        return self._events(self._lines.feed(part))

    def add_whole(self, body: bytes) -> str:
        """The text of a reply that is one JSON object."""
        return self._events([body])

    def finish(self) -> None:
        """The bytes are at their end. Raises Fault unless the text stands."""
        reason = self._finish_reason
        if reason == "error":
            raise self.failing(AttemptOutcome.ERROR, PortUnavailable(PORT, "ended its answer by an error"))
        if reason == "content_filter":
            refused = PortRefused(PORT, "filtered its answer")
            raise self.failing(AttemptOutcome.REFUSED, refused, blame=Blame.REQUEST, retryable=False)
        if not self._begun and not self._done:
            raise self.failing(AttemptOutcome.ERROR, PortReplyInvalid(PORT, "sent nothing that can be read"))
        if reason is None and not self._done and not self._cut:
            raise self.failing(AttemptOutcome.TRUNCATED, PortUnavailable(PORT, "broke off its answer"))
        if self._blank:
            passing = reason in (None, "stop")  # a model that is only just being loaded
            raise self.failing(AttemptOutcome.EMPTY, PortUnavailable(PORT, "answered nothing"), retryable=passing)
        self._stands = True
        self._outcome = AttemptOutcome.TRUNCATED if self._cut or reason == "length" else AttemptOutcome.OK

    def failing(
        self, outcome: AttemptOutcome, error: PortError, *, blame: Blame = Blame.SERVICE, retryable: bool = True
    ) -> Fault:
        return self.noted(outcome, Fault(error, blame=blame, retryable=retryable))

    def noted(self, outcome: AttemptOutcome, fault: Fault) -> Fault:
        self._outcome, self.fault = outcome, fault
        return fault

    def failed(self, error: PortError) -> None:
        """The call ended by this; what is not known yet of how it went follows from it."""
        if self._outcome is not None:
            return
        if self._finish_reason in _FINISHED and not self._blank:
            self.finish()  # the connection was lost after the last word
            return
        if isinstance(error.__cause__, httpx.TimeoutException | TimeoutError) and "in time" in str(error):
            self.failing(AttemptOutcome.TIMEOUT, error, retryable=False)
        elif self._begun and isinstance(error, PortUnavailable):
            self.failing(AttemptOutcome.TRUNCATED, error)
        else:
            self.failing(AttemptOutcome.ERROR, error, retryable=isinstance(error, PortUnavailable))

    def _events(self, events: list[bytes]) -> str:
        if not events:
            return ""
        return self._heard(self._event(events[0]) if len(events) == 1 else self._several(events))

    def _heard(self, text: str) -> str:
        """As much of the text as a model may write; something came, if without any."""
        self.heard(self._finish_reason is not None)
        if not text:
            return ""
        if self._chars + len(text) > self.max_tokens * CHARS_PER_TOKEN:
            text = text[: self.max_tokens * CHARS_PER_TOKEN - self._chars]
            self._cut = self.over = True
        self._chars += len(text)
        if self._blank:
            self._blank = not text.strip()
        return text

    def _event(self, event: bytes) -> str:
        event = event.strip()  # the same object where there is nothing to strip
        if self.over or not event:
            return ""
        if event == _DONE:
            self._done = self.over = True
            return ""
        try:
            reply = REPLY.decode(event)
        except UNREADABLE as error:
            raise PortReplyInvalid(PORT, "sent what is not a piece of a chat completion") from error
        text = self._replied(reply)
        if text:
            self._alike.learn(event, reply)
        return text

    def _several(self, events: list[bytes]) -> str:
        """Their text: decoded together, or one by one where one of them is no JSON."""
        if events[-1] == _DONE:  # the last of all, as a rule in one read with others
            return "".join([self._several(events[:-1]) if events[1:] else "", self._event(_DONE)])
        try:
            replies = [] if self.over else REPLY.decode_lines(b"\n".join(events))
        except UNREADABLE:
            replies = []
        if len(replies) != len(events):
            return "".join([self._event(event) for event in events])
        text = "".join([self._replied(reply) for reply in replies])
        self._alike.learn(events[-1], replies[-1])
        return text

    def _replied(self, reply: ReplyBody) -> str:
        self._begun = True
        if self.call_id is None and reply.id is not None and reply.id.startswith("gen-"):
            self.call_id = reply.id
        if reply.usage is not None:
            self._usage = reply.usage.usage()
        if reply.error is not None:
            raise self._refused(reply.error)
        if not reply.choices:
            return ""
        choice = reply.choices[0]
        if choice.error is not None:
            raise self._refused(choice.error)
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason
        said = choice.delta or choice.message
        return said.content or "" if said is not None else ""

    def _refused(self, error: ErrorBody) -> Fault:
        return self.noted(*refusal_inside(error))
