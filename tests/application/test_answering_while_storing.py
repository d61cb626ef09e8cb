"""A question is answered while its turn is stored, but nothing is told of it, and nothing but its embedding bought."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from adapters.memory.conversations import InMemoryTurns
from adapters.memory.library import InMemoryDocuments
from adapters.memory.reranker import WordOverlapReranker
from application.begin_turn import AskQuestionCommand
from application.embedders import Embedders
from application.events import TurnStarted
from application.reranking import Reranking
from application.turn_stream import TurnStream
from domain.conversation.model import Question, TurnStatus
from domain.errors import CollectionNotFound, PortUnavailable
from domain.library.model import UNTOLD
from domain.retrieval.model import Ranked
from tests.story import ADMIN, PINNING, CountingEmbedder, Story

QUESTION = "How do I pin a dependency with an exact version?"


class CountingReranker(WordOverlapReranker):
    asked = 0

    async def rerank(self, question: str, texts: Sequence[str], *, keep: int) -> Sequence[Ranked]:
        self.asked += 1
        return await super().rerank(question, texts, keep=keep)


class Database:
    """Holds back, or refuses, the statement that stores a turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.asked = asyncio.Event()
        self.error: Exception | None = None
        self.other_collections = 0
        self.state = UNTOLD
        begin = InMemoryTurns.begin

        async def held(turns: InMemoryTurns, *args: object, **given: object) -> str | None:
            self.asked.set()
            await self.free.wait()
            if self.error is not None:
                raise self.error
            if self.other_collections:
                self.other_collections -= 1
                return None
            await begin(turns, *args, **given)  # type: ignore[arg-type]  # as they came
            return self.state

        monkeypatch.setattr(InMemoryTurns, "begin", held)


@pytest.fixture
async def database(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    yield Database(monkeypatch)
    await _turns_of_the_loop()
    # The test's own task, which is also the one that this runs in, goes on.
    assert not [task for task in asyncio.all_tasks() if "TestRunner" not in repr(task)]


async def _turns_of_the_loop() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Told(Story):
    def __init__(self) -> None:
        self.embedder, self.reranker = CountingEmbedder(), CountingReranker()
        super().__init__(embedders=Embedders(self.embedder), reranking=Reranking(self.reranker, 60))

    def asking(self, **changes: object) -> "asyncio.Task[TurnStream]":
        command = AskQuestionCommand(ADMIN, Question(QUESTION), **changes)  # type: ignore[arg-type]
        return asyncio.create_task(self.ask_question.execute(command))

    def streams(self) -> list[TurnStream]:
        return list(self.use_cases.turn_streams().running())

    @property
    def places_taken(self) -> int:
        return int(self.use_cases.turn_streams()._taken)


async def _told() -> Told:
    story = Told()
    await story.ingest({"pinning.md": PINNING})
    return story


async def test_it_is_searched_for_meanwhile_and_answered_when_it_is_stored(database: Database) -> None:
    story = await _told()
    database.free.clear()
    asking = story.asking()
    await database.asked.wait()
    await _turns_of_the_loop()
    assert story.embedder.questions == [QUESTION]
    assert story.reranker.asked == 0
    [stream] = story.streams()
    assert [type(event) for event in stream._events] == [TurnStarted]
    assert not asking.done()

    database.free.set()
    turn = await (await asking).turn()
    assert turn.status is TurnStatus.ANSWERED
    assert story.embedder.questions == [QUESTION]
    assert story.reranker.asked == 1


@pytest.mark.parametrize("late", [False, True])
async def test_of_one_that_is_not_stored_nothing_is_left(
    database: Database, late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    story = await _told()
    database.error = PortUnavailable("database")
    if late:
        database.free.clear()
    asking = story.asking()
    await database.asked.wait()
    await _turns_of_the_loop()
    database.free.set()
    with pytest.raises(PortUnavailable):
        await asking
    await _turns_of_the_loop()
    assert story.streams() == []
    assert story.places_taken == 0
    assert story.reranker.asked == 0
    assert not caplog.records
    async with story.unit_of_work() as uow:
        assert not (await uow.conversations.list(ADMIN.owner, limit=9, cursor=None)).items


async def test_while_nothing_is_stored_nothing_is_bought(database: Database) -> None:
    story = await _told()
    database.error = PortUnavailable("database")
    for _ in range(3):
        database.free.clear()
        asking = story.asking()
        await _turns_of_the_loop()
        database.free.set()
        with pytest.raises(PortUnavailable):
            await asking
    assert len(story.embedder.questions) == 1, "after the first the others wait until one is stored again"

    database.error = None
    await (await story.asking()).turn()
    assert len(story.embedder.questions) == 2
    database.free.clear()
    asking = story.asking()
    await _turns_of_the_loop()
    assert len(story.embedder.questions) == 3, "it stores again"
    database.free.set()
    await (await asking).turn()


async def test_a_caller_who_goes_away_before_it_is_stored_leaves_nothing(database: Database) -> None:
    story = await _told()
    database.free.clear()
    asking = story.asking()
    await database.asked.wait()
    asking.cancel()
    await asyncio.wait([asking])
    await _turns_of_the_loop()
    assert story.streams() == []
    assert story.places_taken == 0


async def test_on_other_collections_than_were_presumed_it_is_begun_anew(database: Database) -> None:
    story = await _told()
    database.other_collections = 1
    stream = await story.asking()
    turn = await stream.turn()
    assert turn.status is TurnStatus.ANSWERED
    assert story.reranker.asked == 1
    assert story.embedder.questions[-1] == QUESTION
    await _turns_of_the_loop()
    assert story.streams() == []
    assert story.places_taken == 0
    async with story.unit_of_work() as uow:
        assert [one.id for one in (await uow.conversations.list(ADMIN.owner, limit=9, cursor=None)).items] == [
            turn.conversation_id
        ]


async def test_the_state_in_which_it_was_stored_is_what_passages_are_read_by(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = await _told()
    told, passages = list[str](), InMemoryDocuments.passages

    async def noted(documents: InMemoryDocuments, *args: Any, state: str, **given: Any) -> Any:
        told.append(state)
        return await passages(documents, *args, state=state, **given)

    monkeypatch.setattr(InMemoryDocuments, "passages", noted)
    database.state = "a state"
    await (await story.asking()).turn()
    assert set(told) == {"a state"}


async def test_a_follow_up_is_not_begun_before_it_is_stored(database: Database) -> None:
    story = await _told()
    first = await story.ask(QUESTION)
    story.embedder.questions.clear()
    database.free.clear()
    asking = story.asking(conversation_id=first.conversation_id)
    await _turns_of_the_loop()
    assert story.embedder.questions == []
    database.free.set()
    assert (await (await asking).turn()).status is TurnStatus.ANSWERED


async def test_what_is_refused_is_not_begun(database: Database) -> None:
    story = await _told()
    with pytest.raises(CollectionNotFound):
        await story.asking(collections=["no-such"])
    assert story.embedder.questions == []


async def test_one_that_is_stored_while_the_service_stops_is_stored_as_interrupted(database: Database) -> None:
    story = await _told()
    database.free.clear()
    asking = story.asking()
    await database.asked.wait()
    stopping = asyncio.create_task(story.ask_question.drain(seconds=0))
    await _turns_of_the_loop()
    database.free.set()
    turn = await (await asking).turn()
    await stopping
    assert turn.status is TurnStatus.INTERRUPTED
    async with story.unit_of_work() as uow:
        assert (await uow.turns.get(turn.id, ADMIN.owner)).status is TurnStatus.INTERRUPTED
