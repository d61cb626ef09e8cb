"""What every ChatModel promises: the scripted one and OpenRouter's."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from adapters.memory.chat_model import Line, ScriptedChatModel
from adapters.openrouter.chat_model import OpenRouterChatModel, Patience
from adapters.resilience.dependency import Dependencies
from domain.conversation.calls import CallEnd, Message, ModelCall, Role
from domain.conversation.model import AttemptOutcome, Usage
from domain.conversation.ports import ChatModel
from tests.fakes.openrouter import KEY, FakeOpenRouter, Play, completion, event, refused, said, whole


class Stage(ABC):
    """A chat model and what its models are made to do."""

    model: ChatModel

    @abstractmethod
    def says(self, *words: str) -> None: ...

    @abstractmethod
    def fails_after(self, *words: str) -> None: ...

    @abstractmethod
    def never_ends_after(self, *words: str) -> None: ...

    @abstractmethod
    def says_at_once(self, text: str) -> None: ...

    @property
    @abstractmethod
    def running(self) -> int: ...


class Scripted(Stage):
    def __init__(self) -> None:
        self.model = self._model = ScriptedChatModel()

    def says(self, *words: str) -> None:
        self._model.script("m", Line(words))

    def fails_after(self, *words: str) -> None:
        outcome = AttemptOutcome.TRUNCATED if words else AttemptOutcome.ERROR
        self._model.script("m", Line(words, CallEnd(outcome, call_id="gen-1", retryable=True)))
        self._model.costs["gen-1"] = Usage(90, 7, 0.5)

    def never_ends_after(self, *words: str) -> None:
        self._model.script("m", Line(words, hang=True))

    def says_at_once(self, text: str) -> None:
        self.says(text)

    @property
    def running(self) -> int:
        return self._model.running


class AtOpenRouter(Stage):
    def __init__(self, server: FakeOpenRouter) -> None:
        self._server = server
        patience = Patience(spent_s=0.5, spent_again_s=0.05)
        self.model = self.adapter = OpenRouterChatModel(Dependencies(), KEY, server.url, patience=patience)

    def says(self, *words: str) -> None:
        self._server.script("m", Play(said(*words)))

    def fails_after(self, *words: str) -> None:
        self._server.script("m", Play([event(word) for word in words], then="cut") if words else refused(500))
        self._server.costs["gen-fake-1"] = 0.5

    def never_ends_after(self, *words: str) -> None:
        self._server.script("m", Play([event(word) for word in words], then="hang"))

    def says_at_once(self, text: str) -> None:
        self._server.script("m", whole(completion(text)))

    @property
    def running(self) -> int:
        return self._server.running


@pytest.fixture(params=["memory", "openrouter"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "memory":
        yield Scripted()
        return
    async with FakeOpenRouter() as server:
        stage = AtOpenRouter(server)
        yield stage
        await stage.adapter.close()
        assert server.invalid == []


CALL = ModelCall("m", (Message(Role.SYSTEM, "rules"), Message(Role.USER, "question")), 64)


async def streamed(model: ChatModel) -> tuple[list[str], CallEnd]:
    pieces = [piece async for piece in model.stream(CALL)]
    *texts, end = pieces
    assert isinstance(end, CallEnd)
    assert all(isinstance(text, str) and text for text in texts)
    return [str(text) for text in texts], end


@pytest.mark.parametrize(
    "words",
    [
        ("Pin it", " with", " an exact", " version [1]."),
        (
            "Ü",
            "ber 日本語 😀",
        ),
    ],
)
async def test_a_stream_is_the_model_s_text_and_then_its_end(stage: Stage, words: Sequence[str]) -> None:
    stage.says(*words)
    texts, end = await streamed(stage.model)
    assert "".join(texts) == "".join(words)
    assert (end.outcome, end.stands, end.sent) == (AttemptOutcome.OK, True, True)
    assert end.usage is not None
    assert end.usage.completion_tokens > 0


async def test_a_model_that_says_nothing_is_empty_and_may_be_asked_again(stage: Stage) -> None:
    stage.says()
    texts, end = await streamed(stage.model)
    assert (texts, end.outcome, end.stands, end.retryable) == ([], AttemptOutcome.EMPTY, False, True)


async def test_a_failure_before_the_first_piece_is_told_by_the_end_alone(stage: Stage) -> None:
    stage.fails_after()
    texts, end = await streamed(stage.model)
    assert (texts, end.outcome, end.stands) == ([], AttemptOutcome.ERROR, False)


async def test_what_broke_off_does_not_stand_and_its_cost_can_be_asked_for(stage: Stage) -> None:
    stage.fails_after("one", "two")
    texts, end = await streamed(stage.model)
    assert "".join(texts) == "onetwo"
    assert (end.outcome, end.stands) == (AttemptOutcome.TRUNCATED, False)
    assert end.call_id is not None
    assert await stage.model.spent(end.call_id) == Usage(90, 7, 0.5)


async def test_of_an_unknown_call_no_cost_is_known(stage: Stage) -> None:
    assert await stage.model.spent("gen-unknown") is None


async def test_a_caller_that_goes_away_ends_the_call(stage: Stage) -> None:
    stage.never_ends_after("one")
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in stage.model.stream(CALL):
            begun.set()

    listening = asyncio.create_task(listen())
    await begun.wait()
    assert stage.running == 1
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await ended(stage)


async def test_closing_the_iterator_ends_the_call(stage: Stage) -> None:
    stage.never_ends_after("one")
    async with aclosing(stage.model.stream(CALL)) as pieces:
        assert await anext(pieces) == "one"
    await ended(stage)


async def ended(stage: Stage) -> None:
    async with asyncio.timeout(2):
        while stage.running:  # noqa: ASYNC110  a server notices a lost connection when it does
            await asyncio.sleep(0.001)


async def test_a_whole_reply_is_the_text_at_once(stage: Stage) -> None:
    stage.says_at_once('{"verdict": "supported"}')
    text, end = await stage.model.whole(CALL)
    assert text == '{"verdict": "supported"}'
    assert (end.outcome, end.stands) == (AttemptOutcome.OK, True)


async def test_a_whole_reply_of_nothing_does_not_stand(stage: Stage) -> None:
    stage.says_at_once("")
    _, end = await stage.model.whole(CALL)
    assert (end.outcome, end.stands) == (AttemptOutcome.EMPTY, False)


async def test_a_failed_whole_reply_does_not_stand(stage: Stage) -> None:
    stage.fails_after()
    _, end = await stage.model.whole(CALL)
    assert (end.outcome, end.stands) == (AttemptOutcome.ERROR, False)
