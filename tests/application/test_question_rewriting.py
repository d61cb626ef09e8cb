"""Follow-ups: when a model is asked to rewrite one, what is taken of its reply, and what happens without it."""

import asyncio

import pytest

from adapters.memory.chat_model import Line, ScriptedChatModel
from application import question_rewriting
from application.ask_question import AskQuestionCommand
from domain.access.quotas import Allowance, ProviderCall, Window
from domain.conversation.calls import CallEnd
from domain.conversation.model import AttemptOutcome, Question, Turn, TurnStatus, Usage
from domain.conversation.rewriting import may_lean_on_history, read_rewritten
from entrypoints.model_settings import ModelSettings
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

FIRST = "How do I pin a dependency with an exact version?"
FOLLOW_UP = "And how is it written?"
IN_FULL = "How is an exact version of a dependency written?"
ANSWER = Line(("Pin a dependency with an exact version in the requirements file [1].",))
AGAIN = Line(("An exact version is written with two equal signs [1].",))
PAID = CallEnd(AttemptOutcome.OK, stands=True, usage=Usage(50, 10, 0.001))


async def a_follow_up(model: ScriptedChatModel, asked: str = FOLLOW_UP, **instead: object) -> Turn:
    story = Story(models=ModelSettings(names=("m",)), chat_model=model, **instead)
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
    before = await story.ask(FIRST)
    assert before.standalone_question == FIRST
    command = AskQuestionCommand(ADMIN, Question.checked(asked), conversation_id=before.conversation_id)
    return await (await story.ask_question.execute(command)).turn()


def a_model(*lines: Line) -> ScriptedChatModel:
    model = ScriptedChatModel()
    model.script("m", *lines)
    return model


async def test_a_follow_up_is_searched_and_answered_as_it_reads_in_full_and_its_rewriting_is_booked() -> None:
    model = a_model(ANSWER, Line((IN_FULL,), PAID), AGAIN)
    turn = await a_follow_up(model)
    assert (turn.question, turn.standalone_question) == (FOLLOW_UP, IN_FULL)
    assert turn.status is TurnStatus.ANSWERED
    assert FIRST in model.calls[1].messages[-1].content
    assert f"In full: {IN_FULL}" in model.calls[2].messages[-1].content
    assert turn.usage.cost_usd == pytest.approx(0.001)
    assert [attempt.outcome for attempt in turn.attempts] == ["ok"]
    assert turn.degraded == ()


async def test_a_question_that_stands_alone_costs_no_call() -> None:
    model = a_model(ANSWER, AGAIN)
    turn = await a_follow_up(model, "How is an exact version written in requirements?")
    assert turn.standalone_question == turn.question
    assert len(model.calls) == 2


@pytest.mark.parametrize(
    "line",
    [
        Line(end=CallEnd(AttemptOutcome.ERROR)),
        Line(("Here you are.\n\nHow is it written?",)),
        Line(("word " * 400,)),
        Line(),
    ],
)
async def test_a_model_that_does_not_rewrite_leaves_the_question_as_asked_and_it_is_said(line: Line) -> None:
    turn = await a_follow_up(a_model(ANSWER, line, AGAIN))
    assert turn.standalone_question == FOLLOW_UP
    assert "rewrite_skipped" in turn.degraded


async def test_a_model_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question_rewriting, "REWRITE_WITHIN_S", 0.05)
    model = a_model(ANSWER, Line(hang=True), AGAIN)
    turn = await asyncio.wait_for(a_follow_up(model), 5)
    assert "rewrite_skipped" in turn.degraded
    assert turn.usage.cost_estimated
    assert model.running == 0


async def test_no_call_is_made_for_rewriting_once_the_plan_is_used_up() -> None:
    model = a_model(ANSWER)
    day = Allowance("calls_per_day", frozenset({ProviderCall.MODEL}), 1, Window.DAY)
    turn = await a_follow_up(model, allowances=(day,))
    assert "rewrite_skipped" in turn.degraded
    assert len(model.calls) == 1


@pytest.mark.parametrize(
    ("question", "language", "leans"),
    [
        ("And how is it written?", "en", True),
        ("Why?", "en", True),
        ("What about the second one?", "en", True),
        ("How do I restore a snapshot of the index?", "en", False),
        ("Wie stelle ich einen Snapshot des Index wieder her?", "de", True),
    ],
)
def test_only_what_may_lean_on_the_conversation_is_rewritten(question: str, language: str, leans: bool) -> None:
    assert may_lean_on_history(question, language=language) is leans


@pytest.mark.parametrize(
    ("reply", "taken"),
    [
        ("How is it written?", "How is it written?"),
        ('  "How is it written?"\n', "How is it written?"),
        ("Standalone question: How is it written?", "How is it written?"),
        ("**Question:** How is it written?", "How is it written?"),
        ("One.\nTwo.", None),
        ("NO_ANSWER", None),
        ("", None),
        ("?" * 2_000, None),
    ],
)
def test_only_a_single_question_of_sensible_length_is_taken_from_a_reply(reply: str, taken: str | None) -> None:
    assert read_rewritten(reply) == taken
