"""What a question costs most time for begins while its turn is stored, unless it may still be another or be refused."""

from collections.abc import Sequence

import pytest

from adapters.memory.embedder import HashingEmbedder
from application.begin_turn import AskQuestionCommand
from application.embedders import Embedders
from domain.conversation.model import Question
from domain.errors import CollectionNotFound, PortUnavailable
from domain.retrieval.model import Purpose, Vector
from tests.story import ADMIN, PINNING, Story

QUESTION = "How do I pin a dependency with an exact version?"


class Listening(HashingEmbedder):
    """Notes what it is told to expect, and what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str]] = []

    def expect(self, question: str) -> None:
        self.heard.append(("expect", question))

    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        if purpose is Purpose.QUESTION:
            self.heard += [("embed", text) for text in texts]
        return await super().embed(texts, purpose=purpose)


async def _a_story() -> tuple[Story, Listening]:
    embedder = Listening()
    story = Story(embedders=Embedders(embedder))
    await story.ingest({"pinning.md": PINNING})
    return story, embedder


async def test_a_question_is_expected_before_it_is_embedded() -> None:
    story, embedder = await _a_story()

    await story.ask(QUESTION)

    assert embedder.heard == [("expect", QUESTION), ("embed", QUESTION)]


async def test_a_question_is_expected_before_its_turn_is_stored_while_the_database_stores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story, embedder = await _a_story()
    async with story.unit_of_work() as uow:
        kind = type(uow.turns)

    async def gone(*_: object, **__: object) -> bool:
        raise PortUnavailable("database")

    with monkeypatch.context() as broken:
        broken.setattr(kind, "begin", gone)
        for number in range(3):
            with pytest.raises(PortUnavailable):
                await story.ask(f"{QUESTION} {number}")
    assert embedder.heard == [("expect", f"{QUESTION} 0")], "nothing is bought for questions that nobody will answer"

    await story.ask(QUESTION)
    embedder.heard.clear()
    await story.ask(QUESTION)
    assert embedder.heard[0] == ("expect", QUESTION), "it stores again"


async def test_a_follow_up_which_may_be_rewritten_is_not_expected() -> None:
    story, embedder = await _a_story()
    first = await story.ask(QUESTION)
    embedder.heard.clear()

    stream = await story.ask_question.execute(
        AskQuestionCommand(ADMIN, Question("And a range?"), conversation_id=first.conversation_id)
    )
    await stream.turn()

    assert [kind for kind, _ in embedder.heard] == ["embed"]


async def test_a_question_about_a_selection_is_not_expected() -> None:
    story, embedder = await _a_story()

    stream = await story.ask_question.execute(
        AskQuestionCommand(ADMIN, Question("What does this mean?", selected_text="an exact version"))
    )
    await stream.turn()

    assert [kind for kind, _ in embedder.heard] == ["embed"]


async def test_what_is_refused_is_not_expected() -> None:
    story, embedder = await _a_story()
    unknown = AskQuestionCommand(ADMIN, Question(QUESTION), collections=["no-such"])
    with pytest.raises(CollectionNotFound):
        await story.ask_question.execute(unknown)

    assert embedder.heard == []
