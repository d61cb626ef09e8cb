"""Language models that say what they are told to say."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from domain.conversation.calls import CallEnd, ModelCall
from domain.conversation.model import AttemptOutcome, Usage
from domain.conversation.ports import ChatModel
from domain.conversation.tokens import estimated_tokens


@dataclass(slots=True)
class Line:
    """
    What one call says. ``end`` None: it ends well, or as "empty" when it says nothing. ``hang``: it never ends.
    """

    pieces: Sequence[str] = ()
    end: CallEnd | None = None
    hang: bool = False


@dataclass(slots=True)
class ScriptedChatModel(ChatModel):
    """
    Each model says its lines in turn, and the last one for ever; one without a line says nothing, which is "empty".

    ``calls`` are those that were made, ``running`` those under way; ``costs`` is what ``spent`` knows, by call id.
    """

    lines: dict[str, deque[Line]] = field(default_factory=dict)
    costs: dict[str, Usage] = field(default_factory=dict)
    calls: list[ModelCall] = field(default_factory=list)
    running: int = 0

    def script(self, model: str, *lines: Line) -> None:
        self.lines.setdefault(model, deque()).extend(lines)

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | CallEnd, None]:
        line = self._next(call.model)
        if line.end is not None and not line.end.sent:
            yield line.end
            return
        self.calls.append(call)
        self.running += 1
        try:
            for piece in line.pieces:
                await asyncio.sleep(0)
                if piece:
                    yield piece
            if line.hang:
                await asyncio.Event().wait()
            yield line.end or _well(call, "".join(line.pieces))
        finally:
            self.running -= 1

    async def whole(self, call: ModelCall) -> tuple[str, CallEnd]:
        text: list[str] = []
        async for piece in self.stream(call):
            if isinstance(piece, CallEnd):
                return "".join(text), piece
            text.append(piece)
        raise AssertionError("a stream ends by a CallEnd")

    async def spent(self, call_id: str) -> Usage | None:
        return self.costs.get(call_id)

    def _next(self, model: str) -> Line:
        lines = self.lines.get(model) or deque([Line()])
        return lines.popleft() if len(lines) > 1 else lines[0]


def _well(call: ModelCall, text: str) -> CallEnd:
    if not text:
        return CallEnd(AttemptOutcome.EMPTY, usage=Usage(), retryable=True)
    prompt = sum(estimated_tokens(message.content) for message in call.messages)
    return CallEnd(AttemptOutcome.OK, stands=True, usage=Usage(prompt, estimated_tokens(text)))
