"""Answers that models write: fallback, resets, attempts, costs, quotas, and what is said when no model answers."""

import asyncio
from dataclasses import replace

import pytest

from adapters.memory.budgets import InMemoryProviderBudgets
from adapters.memory.chat_model import Line, ScriptedChatModel
from adapters.memory.clock import SystemClock
from application.ask_question import AskQuestionCommand
from application.events import AnswerReset, EvidenceFound, TextWritten, TurnDone
from application.model_probe import ModelProbe
from application.turn_stream import TurnStream
from domain.access.quotas import Allowance, ProviderCall, Window
from domain.conversation.calls import CallEnd, Role
from domain.conversation.model import AskOptions, AttemptOutcome, Question, TurnStatus, Usage
from domain.errors import PortUnavailable, QuotaSpent
from domain.grounding.model import AbstentionReason, Verdict, Verification
from entrypoints.model_settings import ModelSettings
from tests.builders import a_collection
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

QUESTION = "How do I pin a dependency with an exact version?"
WORDS = ("Pin a dependency", " with an exact", " version in the", " requirements file", " [1].")
ANSWER = "".join(WORDS)
OTHER = ("An exact version is", " written with two equal signs [1].")
BROKEN = CallEnd(AttemptOutcome.TRUNCATED, call_id="gen-1", retryable=True)
DOWN = CallEnd(AttemptOutcome.ERROR, retryable=True)
PAID = Usage(100, 20, 0.001)


async def a_story(model: ScriptedChatModel, **instead: object) -> Story:
    story = Story(**{"models": ModelSettings(names=("first", "second")), "chat_model": model, **instead})
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
    return story


def a_model(**lines: list[Line]) -> ScriptedChatModel:
    model = ScriptedChatModel()
    for name, said in lines.items():
        model.script(name, *said)
    return model


def outcomes(turn: object) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in turn.attempts]  # type: ignore[attr-defined]


def paid(outcome: AttemptOutcome = AttemptOutcome.OK, usage: Usage = PAID) -> CallEnd:
    return CallEnd(outcome, stands=True, usage=usage)


async def test_a_model_s_answer_is_judged_cited_and_booked() -> None:
    story = await a_story(a_model(first=[Line(WORDS, paid())]))
    turn = await story.ask(QUESTION)
    assert (turn.status, turn.answer, turn.model) == (TurnStatus.ANSWERED, ANSWER, "first")
    assert [claim.verdict for claim in turn.claims] == [Verdict.SUPPORTED]
    assert turn.references
    assert outcomes(turn) == [("first", "ok")]
    assert turn.usage == PAID
    assert turn.attempts[0].usage == PAID
    assert turn.degraded == ()


async def test_a_model_that_is_down_is_tried_twice_and_then_the_next_one_answers() -> None:
    story = await a_story(a_model(first=[Line(end=DOWN)], second=[Line(WORDS)]))
    turn = await story.ask(QUESTION)
    assert (turn.answer, turn.model) == (ANSWER, "second")
    assert outcomes(turn) == [("first", "error"), ("first", "error"), ("second", "ok")]


@pytest.mark.parametrize(
    "outcome", [AttemptOutcome.REFUSED, AttemptOutcome.TIMEOUT, AttemptOutcome.RATE_LIMITED, AttemptOutcome.EMPTY]
)
async def test_what_repeating_would_not_help_goes_to_the_next_model_at_once(outcome: AttemptOutcome) -> None:
    story = await a_story(a_model(first=[Line(end=CallEnd(outcome, retry_after_s=60))], second=[Line(WORDS)]))
    turn = await story.ask(QUESTION)
    assert outcomes(turn) == [("first", outcome.value), ("second", "ok")]


async def test_a_busy_model_that_asks_for_a_long_wait_is_not_waited_for() -> None:
    busy = CallEnd(AttemptOutcome.RATE_LIMITED, retryable=True, retry_after_s=30)
    story = await a_story(a_model(first=[Line(end=busy)], second=[Line(WORDS)]))
    turn = await story.ask(QUESTION)
    assert outcomes(turn) == [("first", "rate_limited"), ("second", "ok")]


@pytest.mark.parametrize("tokens", [0, 1, 4, 5])
async def test_killed_after_any_token_the_final_text_is_one_model_s_and_each_attempt_is_booked_once(
    tokens: int,
) -> None:
    model = a_model(first=[Line(WORDS[:tokens], BROKEN)], second=[Line(OTHER, paid())])
    model.costs["gen-1"] = Usage(90, tokens, 0.25)
    story = await a_story(model)
    events = await story.events(QUESTION)
    done = events[-1]
    assert isinstance(done, TurnDone)
    turn = done.turn
    assert turn.answer == "".join(OTHER)
    assert turn.model == "second"
    resets = [event for event in events if isinstance(event, AnswerReset)]
    assert resets == ([AnswerReset("model_failed", "second")] if tokens else [])
    after = events[events.index(resets[0]) :] if resets else events
    assert "".join(event.delta for event in after if isinstance(event, TextWritten)) == turn.answer
    assert outcomes(turn) == [("first", "truncated")] * (1 if tokens else 2) + [("second", "ok")]
    assert turn.usage.cost_usd == pytest.approx(0.251 if tokens else 0.001)
    assert not turn.usage.cost_estimated


async def test_what_a_broken_stream_cost_is_estimated_and_said_so_when_nobody_knows_it() -> None:
    model = a_model(first=[Line(WORDS, paid()), Line(WORDS[:3], BROKEN)], second=[Line(OTHER, paid())])
    story = await a_story(model)
    await story.ask(QUESTION)
    turn = await story.ask("How is an exact version written?")
    assert turn.attempts[0].usage.cost_estimated
    assert turn.attempts[0].usage.cost_usd > 0
    assert turn.usage.cost_estimated


async def test_with_every_model_down_the_quotations_answer_and_it_is_said() -> None:
    story = await a_story(a_model(first=[Line(end=DOWN)], second=[Line(WORDS[:2], BROKEN)]))
    events = await story.events(QUESTION)
    turn = events[-1].turn  # type: ignore[union-attr]
    assert (turn.status, turn.model) == (TurnStatus.ANSWERED, "extractive")
    assert "“" in turn.answer
    assert turn.degraded == ("model_unavailable",)
    assert [event for event in events if isinstance(event, AnswerReset)] == [AnswerReset("model_failed", "extractive")]
    assert outcomes(turn)[-1] == ("extractive", "ok")


async def test_a_model_that_is_left_alone_is_no_attempt_and_costs_no_quota() -> None:
    resting = CallEnd(AttemptOutcome.ERROR, sent=False)
    story = await a_story(a_model(first=[Line(end=resting)], second=[Line(WORDS)]), allowances=(a_day_of(1),))
    turn = await story.ask(QUESTION)
    assert outcomes(turn) == [("second", "ok")]


def a_day_of(calls: int) -> Allowance:
    return Allowance("calls_per_day", frozenset({ProviderCall.MODEL}), calls, Window.DAY)


async def test_fifty_questions_at_once_with_a_quota_for_ten_make_ten_calls_and_fifty_whole_turns() -> None:
    model = a_model(first=[Line(WORDS)])
    story = await a_story(model, allowances=(a_day_of(10),))
    turns = await asyncio.gather(*(story.ask(f"{QUESTION} {number}") for number in range(50)))
    assert len(model.calls) == 10
    assert {turn.status for turn in turns} == {TurnStatus.ANSWERED}
    assert sorted(turn.model or "" for turn in turns) == ["extractive"] * 40 + ["first"] * 10
    assert sum(turn.degraded == ("model_quota",) for turn in turns) == 40


async def test_a_provider_that_has_closed_for_the_day_is_not_asked_again() -> None:
    closed = CallEnd(AttemptOutcome.RATE_LIMITED, retryable=True, retry_after_s=36_000)
    model = a_model(first=[Line(end=closed)], second=[Line(end=closed)])
    story = await a_story(model, allowances=(a_day_of(10),))
    first, second = await story.ask(QUESTION), await story.ask(QUESTION)
    assert len(model.calls) == 1
    assert first.degraded == second.degraded == ("model_quota",)


@pytest.mark.parametrize(
    "said", [("NO_ANSWER",), ("NO", "_ANSWER"), ("**NO_ANSWER**",), (" ", "NO_ANSWER", ".\nSorry.")]
)
async def test_a_model_that_finds_no_answer_in_the_evidence_abstains(said: tuple[str, ...]) -> None:
    story = await a_story(a_model(first=[Line(said)]))
    events = await story.events(QUESTION)
    turn = events[-1].turn  # type: ignore[union-attr]
    assert turn.status is TurnStatus.ABSTAINED
    assert turn.abstention is not None
    assert turn.abstention.reason is AbstentionReason.INSUFFICIENT_EVIDENCE
    assert not [event for event in events if isinstance(event, TextWritten)]
    assert outcomes(turn) == [("first", "ok")]


async def test_words_that_only_begin_like_no_answer_are_text() -> None:
    story = await a_story(a_model(first=[Line(("NO", " version is pinned by Ibid [2]."))]))
    assert (await story.ask(QUESTION)).answer == "NO version is pinned by Ibid [2]."


async def test_an_answer_cut_at_the_limit_stands_and_says_so() -> None:
    story = await a_story(a_model(first=[Line(WORDS, paid(AttemptOutcome.TRUNCATED))]))
    turn = await story.ask(QUESTION)
    assert (turn.status, turn.answer) == (TurnStatus.ANSWERED, ANSWER)
    assert outcomes(turn) == [("first", "truncated")]


async def test_the_same_question_over_the_same_evidence_is_answered_from_memory() -> None:
    model = a_model(first=[Line(WORDS, paid())])
    story = await a_story(model)
    once, again = await story.ask(QUESTION), await story.ask(QUESTION)
    assert len(model.calls) == 1
    assert again.usage == Usage(cached=True)
    assert (again.answer, again.model, again.claims) == (once.answer, "first", once.claims)
    assert again.attempts == ()


async def test_an_edited_page_or_other_rights_make_it_another_answer() -> None:
    model = a_model(first=[Line(WORDS, paid())])
    story = await a_story(model)
    await story.ask(QUESTION)
    await story.ingest({"pinning.md": PINNING.replace("requirements file", "lock file")})
    await story.ask(QUESTION)
    await story.ingest({"elsewhere.md": "# Elsewhere\n\nNothing of this matters.\n"}, collection="more")
    await story.ask(QUESTION)
    await story.ask(QUESTION, principal=replace(ADMIN, tenant="another"))
    assert len(model.calls) == 4


async def test_rights_alone_make_it_another_answer() -> None:
    model = a_model(first=[Line(WORDS, paid())])
    story = await a_story(model)
    await story.ingest({"soon.md": "# Soon\n\nWords."}, collection="more")
    await story.use_cases.forget_document().execute(ADMIN, (await story.document("soon.md", collection="more")).id)
    for rights in (None, frozenset({"docs", "more"}), frozenset({"docs"})):
        turn = await story.ask(QUESTION, principal=replace(ADMIN, collections=rights))
        assert {piece.document.collection for piece in turn.evidence} == {"docs"}
    assert len(model.calls) == 2, "the first two may read the same"


async def test_only_collections_that_may_be_read_say_how_to_answer() -> None:
    said = (*WORDS, " Bread is baked at night.")
    model = a_model(first=[Line(said, paid())])
    story = await a_story(model)
    change = story.use_cases.change_collection()
    await change.execute(ADMIN, "docs", {"instructions": "Write for bakers."})
    theirs = a_collection(
        "theirs", title="Theirs", language="de", verification=Verification.REDACT, instructions="Praise turbines."
    )
    await story.use_cases.create_collection().execute(ADMIN, theirs)
    reader, unsaid = replace(ADMIN, collections=frozenset({"docs"})), AskOptions(verification_said=False)
    turn = await story.ask(QUESTION, principal=reader, options=unsaid)
    [call] = model.calls
    prompt = "\n".join(message.content for message in call.messages)
    assert "bakers" in prompt
    assert "turbines" not in prompt
    assert turn.answer == "".join(said), "nor is anything held back"


async def test_a_cancelled_question_ends_the_call_and_is_booked_as_cancelled() -> None:
    model = a_model(first=[Line(WORDS[:2], hang=True)])
    story = await a_story(model)
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question.checked(QUESTION)))
    async for batch in stream.batches():
        if any(isinstance(event, TextWritten) for event in batch):
            stream.cancel()
    turn = await stream.turn()
    assert turn.status is TurnStatus.CANCELLED
    assert outcomes(turn) == [("first", "cancelled")]
    assert turn.usage.cost_estimated
    assert turn.usage.prompt_tokens > 0
    assert model.running == 0


async def test_evidence_that_does_not_fit_is_neither_sent_nor_listed() -> None:
    model = a_model(only=[Line(WORDS)])
    story = Story(models=ModelSettings(names=("only",), prompt_tokens=1_000), chat_model=model)
    for letter in "abcdef":
        other = " ".join(f"{letter}word{number}" for number in range(120))
        await story.ingest({f"{letter}.md": f"# Pin {letter}\n\nPin a dependency with an exact version, {other}.\n"})
    events = await story.events(QUESTION)
    turn = events[-1].turn  # type: ignore[union-attr]
    assert "evidence_trimmed" in turn.degraded
    assert 1 <= len(turn.evidence) < 6
    [found] = [event for event in events if isinstance(event, EvidenceFound)]
    assert (found.evidence, found.degraded) == (turn.evidence, turn.degraded)
    sent = model.calls[0].messages[-1].content
    assert all(piece.text.strip() in sent for piece in turn.evidence)
    assert f"[{len(turn.evidence) + 1}]" not in sent


async def test_what_was_said_before_in_the_conversation_is_sent_without_its_numbers() -> None:
    model = a_model(first=[Line(WORDS), Line(OTHER)])
    story = await a_story(model)
    before = await story.ask(QUESTION)
    command = AskQuestionCommand(
        ADMIN, Question.checked("How is an exact version written?"), conversation_id=before.conversation_id
    )
    await (await story.ask_question.execute(command)).turn()
    roles = [(message.role, message.content) for message in model.calls[1].messages]
    assert roles[1] == (Role.USER, QUESTION)
    assert roles[2] == (Role.ASSISTANT, "Pin a dependency with an exact version in the requirements file.")


async def test_a_held_back_answer_of_a_model_is_one_reset() -> None:
    story = await a_story(a_model(first=[Line(("Bananas are yellow fruits from the tropics [1].",))]))
    turn = await story.ask(QUESTION, options=AskOptions(verification=Verification.REDACT))
    assert turn.status is TurnStatus.ABSTAINED


async def test_a_budget_is_only_drawn_on_by_calls_that_are_made() -> None:
    budgets = InMemoryProviderBudgets((a_day_of(10),), SystemClock())
    story = await a_story(a_model(first=[Line(WORDS)]), budgets=budgets)
    await story.ask(QUESTION)
    await story.ask(QUESTION)
    assert [one.used for one in await budgets.left()] == [1]


async def test_asked_whether_models_answer_it_says_which_and_counts_the_call() -> None:
    model = a_model(first=[Line(("yes",))])
    budgets = InMemoryProviderBudgets((a_day_of(1),), SystemClock())
    probe = ModelProbe(lambda: model, budgets, ("first", "second"), "mend")
    assert await probe.ask() == "first answers, and 1 more are set"
    with pytest.raises(QuotaSpent):
        await probe.ask()
    assert await ModelProbe(lambda: model, budgets, (), "mend").ask() is None


@pytest.mark.parametrize("end", [DOWN, CallEnd(AttemptOutcome.ERROR, sent=False)])
async def test_a_model_that_does_not_answer_is_named(end: CallEnd) -> None:
    budgets = InMemoryProviderBudgets((), SystemClock())
    with pytest.raises(PortUnavailable, match="first"):
        await ModelProbe(lambda: a_model(first=[Line(end=end)]), budgets, ("first",), "mend").ask()


async def asked_at_once(story: Story, count: int) -> list[TurnStream]:
    """The same question of so many end users of one backend, all begun before any is answered."""
    asking = (
        story.ask_question.execute(AskQuestionCommand(replace(ADMIN, user=f"user-{n}"), Question.checked(QUESTION)))
        for n in range(count)
    )
    return list(await asyncio.gather(*asking))


async def test_the_same_question_of_five_hundred_at_once_is_one_call() -> None:
    model = a_model(first=[Line(WORDS, paid())])
    story = await a_story(model)
    turns = [await stream.turn() for stream in await asked_at_once(story, 500)]
    assert len(model.calls) == 1
    assert {(turn.status, turn.answer, turn.model) for turn in turns} == {(TurnStatus.ANSWERED, ANSWER, "first")}
    assert sum(turn.usage.cost_usd for turn in turns) == PAID.cost_usd
    assert sum(turn.usage.cached for turn in turns) == 499
    assert len({claim.citations for turn in turns for claim in turn.claims}) == 1


async def test_who_reads_along_sees_the_text_as_it_comes() -> None:
    story = await a_story(a_model(first=[Line(WORDS[:2], hang=True)]))
    first, second = await asked_at_once(story, 2)
    async with asyncio.timeout(10):
        async for batch in second.batches():
            if any(isinstance(event, TextWritten) for event in batch):
                break
    for stream in (first, second):
        stream.cancel()
        await stream.turn()


async def test_when_the_one_who_is_written_for_goes_the_others_go_on_by_themselves() -> None:
    model = a_model(first=[Line(WORDS[:2], hang=True), Line(WORDS, paid())])
    story = await a_story(model)
    first, *others = await asked_at_once(story, 4)
    async with asyncio.timeout(10):
        async for batch in others[0].batches():
            if any(isinstance(event, TextWritten) for event in batch):
                break
        first.cancel()
        turns = [await stream.turn() for stream in others]
    assert (await first.turn()).status is TurnStatus.CANCELLED
    assert {(turn.status, turn.answer) for turn in turns} == {(TurnStatus.ANSWERED, ANSWER)}
    assert model.running == 0


async def test_what_was_read_along_of_a_text_that_falls_is_retracted() -> None:
    model = a_model(first=[Line(WORDS[:3], BROKEN)], second=[Line(end=DOWN)])
    story = await a_story(model)
    streams = await asked_at_once(story, 3)
    for stream in streams:
        events = [event async for batch in stream.batches() for event in batch]
        done = events[-1]
        assert isinstance(done, TurnDone)
        assert (done.turn.model, done.turn.degraded) == ("extractive", ("model_unavailable",))
        last_reset = max(n for n, event in enumerate(events) if isinstance(event, AnswerReset))
        shown = [event.delta for event in events[last_reset:] if isinstance(event, TextWritten)]
        assert "".join(shown) == done.turn.answer


async def test_what_others_may_not_read_is_not_read_along() -> None:
    model = a_model(first=[Line(WORDS, paid())])
    story = await a_story(model)
    await story.ingest({"elsewhere.md": "# Elsewhere\n\nNothing of this matters.\n"}, collection="more")
    askers = (ADMIN, replace(ADMIN, tenant="another"), replace(ADMIN, collections=frozenset({"docs"})))
    await asyncio.gather(*(story.ask(QUESTION, principal=principal) for principal in askers))
    assert len(model.calls) == len(askers)


async def test_evidence_that_is_longer_than_any_prompt_is_quoted_from_and_no_model_is_paid_for_it() -> None:
    model = a_model(first=[Line(WORDS, paid())])
    story = await a_story(model, models=ModelSettings(names=("first",), prompt_tokens=1_000))
    row = "pin a dependency with an exact version; " * 1_000
    page = f"# Pinning\n\n| what | how |\n|---|---|\n| dependency | {row} |\n"
    await story.ingest({"pinning.md": page}, prune=True)
    turn = await story.ask(QUESTION)
    assert model.calls == []
    assert turn.degraded == ("model_unavailable",)
    assert any(len(piece.text) > 10_000 for piece in turn.evidence)
