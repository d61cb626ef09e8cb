"""Asking: what a turn promises from its first event to what is stored."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from application.begin_turn import AskQuestionCommand
from application.events import ClaimJudged, EvidenceFound, TextWritten, TurnDone, TurnFailed, TurnStarted
from application.ports import AnswerWriter
from domain.access.model import Owner, Principal, Scope
from domain.conversation.model import AskOptions, Question, TurnStatus
from domain.errors import CollectionNotFound, ConversationBusy, ConversationNotFound, ScopeMissing, TurnNotFound
from domain.grounding.model import AbstentionReason, Evidence, Verdict, Verification
from tests.builders import reading
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

READER = Principal("default", "reader", frozenset({Scope.ASK}), frozenset({"docs"}))
QUESTION = "How do I pin a dependency with an exact version?"


class ScriptedWriter(AnswerWriter):
    """Writes what a test tells it to, and waits or fails where it is told to."""

    name = "scripted"

    def __init__(self, *pieces: str, gate: asyncio.Event | None = None, error: Exception | None = None) -> None:
        self._pieces, self._gate, self._error = pieces, gate, error
        self.given: list[tuple[Evidence, ...]] = []

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        self.given.append(tuple(evidence))
        for piece in self._pieces:
            yield piece
        if self._gate is not None:
            await self._gate.wait()
        if self._error is not None:
            raise self._error


async def a_story_with(writer: AnswerWriter, pages: dict[str, str] | None = None) -> Story:
    story = Story(writer=writer)
    await story.ingest(pages or {"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})
    return story


async def test_an_answer_quotes_the_section_it_rests_on(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})

    turn = await story.ask(QUESTION)

    assert turn.status is TurnStatus.ANSWERED
    cited = {citation.evidence for claim in turn.claims for citation in claim.citations}
    sections = {turn.evidence[number - 1].section.anchor for number in cited}
    assert "exact-versions" in sections
    assert turn.references
    assert all(set(reference.evidence) <= cited for reference in turn.references)


async def test_every_quote_stands_verbatim_in_the_cited_version_also_after_the_page_was_edited(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING})
    turn = await story.ask(QUESTION)
    await story.ingest({"pinning.md": "# Pinning\n\nNothing of the old page is left.\n"})

    readable = reading("docs")
    quotes = [citation for claim in turn.claims for citation in claim.citations]
    assert quotes
    async with story.unit_of_work() as uow:
        for quote in quotes:
            document = turn.evidence[quote.evidence - 1].document
            text = await uow.documents.text(document.id, document.version, readable)
            assert text[quote.quote_start : quote.quote_end] == quote.quote


async def test_every_anchor_that_is_cited_is_the_anchor_of_the_section_that_holds_the_passage(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})

    turn = await story.ask(QUESTION)

    anchors = []
    for piece in turn.evidence:
        version = story.adapters.store().versions[piece.document.id, piece.document.version]
        [section] = [one for one in version.sections if one.start <= piece.start and piece.end <= one.end]
        assert (piece.section.anchor, piece.section.heading_path) == (section.anchor, section.heading_path)
        if section.anchor is not None:
            assert piece.section.url == f"{piece.document.url}#{section.anchor}"
            anchors.append(section.anchor)
    assert {"exact-versions", "ranges"} <= set(anchors)


async def test_the_events_come_in_order_and_fold_to_the_stored_turn(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING})

    events = await story.events(QUESTION)

    assert isinstance(events[0], TurnStarted)
    assert isinstance(events[1], EvidenceFound)
    done = events[-1]
    assert isinstance(done, TurnDone)
    assert "".join(event.delta for event in events if isinstance(event, TextWritten)) == done.turn.answer
    assert tuple(event.claim for event in events if isinstance(event, ClaimJudged)) == done.turn.claims
    assert events[1].evidence == done.turn.evidence
    async with story.unit_of_work() as uow:
        assert await uow.turns.get(done.turn.id, ADMIN.owner) == done.turn


async def test_the_evidence_listed_is_the_evidence_that_the_writer_was_given() -> None:
    writer = ScriptedWriter("Pin a dependency with an exact version. [1]")
    story = await a_story_with(writer)

    turn = await story.ask(QUESTION)

    assert turn.evidence
    assert writer.given == [turn.evidence]
    assert [piece.n for piece in turn.evidence] == list(range(1, len(turn.evidence) + 1))


async def test_neighbouring_passages_of_one_section_are_one_piece_of_evidence_with_exact_offsets() -> None:
    first = "Pin a dependency with an exact version in the requirements file. " * 8
    second = "An exact version of a dependency is written with two equal signs in that file. " * 6
    page = f"# Pinning\n\n{first.strip()}\n\n{second.strip()}\n\n## Ranges\n\nA range allows every release.\n"
    writer = ScriptedWriter("Pin a dependency with an exact version. [1]")
    story = await a_story_with(writer, {"pinning.md": page})

    turn = await story.ask(QUESTION)

    document = await story.document("pinning.md")
    async with story.unit_of_work() as uow:
        text = await uow.documents.text(document.id, turn.evidence[0].document.version, reading("docs"))
    pinning = [piece for piece in turn.evidence if piece.section.heading_path == ("Pinning",)]
    assert len(pinning) == 1
    assert first[:60] in pinning[0].text
    assert second[:60] in pinning[0].text
    assert writer.given == [turn.evidence]
    assert all(piece.text == text[piece.start : piece.end] for piece in turn.evidence)


async def test_an_uncited_passage_gets_no_reference() -> None:
    story = await a_story_with(ScriptedWriter("Pin a dependency with an exact version in the requirements file. [1]"))

    turn = await story.ask(QUESTION)

    assert {number for reference in turn.references for number in reference.evidence} == {1}


async def test_an_answer_of_nothing_but_white_space_is_an_abstention() -> None:
    story = await a_story_with(ScriptedWriter("  ", "\n"))

    turn = await story.ask(QUESTION)

    assert turn.status is TurnStatus.ABSTAINED
    assert turn.abstention is not None
    assert turn.answer == ""


async def test_a_question_that_the_documents_do_not_answer_is_abstained_from_with_the_closest_passages(
    story: Story,
) -> None:
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})

    turn = await story.ask("Which kangaroo won the Melbourne chess tournament?")

    assert turn.status is TurnStatus.ABSTAINED
    assert turn.abstention is not None
    assert turn.abstention.reason in (AbstentionReason.NOTHING_RETRIEVED, AbstentionReason.INSUFFICIENT_EVIDENCE)
    assert turn.evidence == ()
    assert turn.references == ()


async def test_an_empty_library_is_abstained_from_with_an_evidence_event_all_the_same(story: Story) -> None:
    events = await story.events(QUESTION)

    assert EvidenceFound((), ()) in events
    done = events[-1]
    assert isinstance(done, TurnDone)
    assert done.turn.abstention is not None
    assert done.turn.abstention.reason is AbstentionReason.NOTHING_RETRIEVED


async def test_no_passage_outside_the_callers_collections_reaches_the_writer_or_the_answer(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING}, collection="docs")
    await story.ingest({"pinning.md": PINNING.replace("requirements", "SECRETWORD")}, collection="private")

    turn = await story.ask(QUESTION, principal=READER)

    assert {piece.document.collection for piece in turn.evidence} == {"docs"}
    assert "SECRETWORD" not in repr(turn)


async def test_an_unreadable_collection_answers_as_a_missing_one(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING}, collection="private")

    with pytest.raises(CollectionNotFound) as unreadable:
        await story.ask(QUESTION, principal=READER, collections=["private"])
    with pytest.raises(CollectionNotFound) as missing:
        await story.ask(QUESTION, principal=READER, collections=["privatf"])
    assert str(unreadable.value) == str(missing.value).replace("privatf", "private")


async def test_asking_needs_the_scope(story: Story) -> None:
    with pytest.raises(ScopeMissing):
        await story.ask(QUESTION, principal=replace(READER, scopes=frozenset({Scope.INGEST})))


async def test_two_questions_asked_at_once_are_both_stored_with_their_own_text(story: Story) -> None:
    await story.ingest({"pinning.md": PINNING, "snapshots.md": SNAPSHOTS})

    first, second = await asyncio.gather(story.ask(QUESTION), story.ask("For how long are snapshots kept?"))

    async with story.unit_of_work() as uow:
        kept = [await uow.turns.get(turn.id, ADMIN.owner) for turn in (first, second)]
    assert [turn.answer for turn in kept] == [first.answer, second.answer]
    assert "seven days" in kept[1].answer
    assert "seven days" not in kept[0].answer


async def test_a_second_question_in_a_conversation_waits_for_the_first() -> None:
    gate = asyncio.Event()
    story = await a_story_with(ScriptedWriter("Pin it. [1]", gate=gate))
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question(QUESTION)))
    started = (await anext(stream.batches()))[0]
    assert isinstance(started, TurnStarted)
    again = AskQuestionCommand(ADMIN, Question(QUESTION), conversation_id=started.conversation_id)

    with pytest.raises(ConversationBusy):
        await story.ask_question.execute(again)
    gate.set()
    await stream.turn()
    second = await (await story.ask_question.execute(again)).turn()

    assert second.conversation_id == started.conversation_id


async def test_a_conversation_of_another_owner_answers_as_a_missing_one(story: Story) -> None:
    turn = await story.ask(QUESTION)

    with pytest.raises(ConversationNotFound):
        await story.ask_question.execute(
            AskQuestionCommand(replace(READER, user="someone"), Question(QUESTION), None, turn.conversation_id)
        )
    async with story.unit_of_work() as uow:
        with pytest.raises(TurnNotFound):
            await uow.turns.get(turn.id, Owner("default", "someone"))


async def test_a_reader_that_goes_away_leaves_the_turn_running() -> None:
    gate = asyncio.Event()
    story = await a_story_with(ScriptedWriter("Pin a dependency with an exact version. [1]", gate=gate))
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question(QUESTION)))
    reader = stream.batches()
    await anext(reader)
    await reader.aclose()  # type: ignore[attr-defined]  # an async generator

    gate.set()

    assert (await stream.turn()).status is TurnStatus.ANSWERED


async def test_two_readers_see_the_same_events() -> None:
    gate = asyncio.Event()
    story = await a_story_with(ScriptedWriter("Pin a dependency ", "with an exact version. [1]", gate=gate))
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question(QUESTION)))

    async def read() -> list[object]:
        return [event async for batch in stream.batches() for event in batch]

    early = asyncio.create_task(read())
    await asyncio.sleep(0.02)
    gate.set()

    assert await early == await read()


async def test_a_cancelled_turn_is_stored_as_cancelled() -> None:
    story = await a_story_with(ScriptedWriter("Pin it. [1]", gate=asyncio.Event()))
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question(QUESTION)))
    await asyncio.sleep(0.02)

    stream.cancel()
    turn = await stream.turn()

    assert turn.status is TurnStatus.CANCELLED
    async with story.unit_of_work() as uow:
        assert await uow.turns.get(turn.id, ADMIN.owner) == turn


async def test_stopping_ends_what_will_not_end_as_interrupted() -> None:
    story = await a_story_with(ScriptedWriter("Pin it. [1]", gate=asyncio.Event()))
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question(QUESTION)))
    await asyncio.sleep(0.02)

    await story.ask_question.drain(seconds=0.01)

    assert (await stream.turn()).status is TurnStatus.INTERRUPTED


async def test_a_writer_that_breaks_ends_the_turn_as_failed_and_the_stream_says_so() -> None:
    story = await a_story_with(ScriptedWriter("Pin it. [1]", error=RuntimeError("broken")))

    events = await story.events(QUESTION)

    failed = events[-1]
    assert isinstance(failed, TurnFailed)
    async with story.unit_of_work() as uow:
        assert (await uow.turns.get(failed.turn_id, ADMIN.owner)).status is TurnStatus.FAILED


async def test_a_turn_that_a_crash_left_running_becomes_interrupted_at_the_next_start() -> None:
    story = await a_story_with(ScriptedWriter("Pin it. [1]", gate=asyncio.Event()))
    stream = await story.ask_question.execute(AskQuestionCommand(ADMIN, Question(QUESTION)))
    started = (await anext(stream.batches()))[0]
    assert isinstance(started, TurnStarted)

    async with story.unit_of_work() as uow:
        now = story.adapters.clock().now()
        assert await uow.turns.interrupt_lost(now=now, lost_holders_all_but=None) == 0, "its lease still holds"
        assert await uow.turns.interrupt_lost(now=now + timedelta(hours=1), lost_holders_all_but=None) == 1
        assert (await uow.turns.get(started.turn_id, ADMIN.owner)).status is TurnStatus.INTERRUPTED
    stream.cancel()


async def test_redaction_holds_an_unsupported_sentence_back_and_keeps_the_offsets_right() -> None:
    lie = "The moon is made of green cheese and butter. [1] "
    truth = "Pin a dependency with an exact version in the requirements file. [1]"
    story = await a_story_with(ScriptedWriter(lie, truth))

    turn = await story.ask(QUESTION, options=AskOptions(verification=Verification.REDACT))

    assert "moon" not in turn.answer
    [claim] = turn.claims
    assert "Pin a dependency" in turn.answer[claim.start : claim.end]


async def test_redaction_that_leaves_nothing_abstains_because_verification_failed() -> None:
    story = await a_story_with(ScriptedWriter("The moon is made of green cheese and butter. [1]"))

    turn = await story.ask(QUESTION, options=AskOptions(verification=Verification.REDACT))

    assert turn.abstention is not None
    assert turn.abstention.reason is AbstentionReason.VERIFICATION_FAILED
    assert turn.answer == ""


@pytest.mark.parametrize("slipped", ["Buy cheese from the moon.", "## Cheese from the moon", "Why not www.moon.com?"])
async def test_redaction_lets_nothing_pass_that_no_evidence_holds(slipped: str) -> None:
    truth = "Pin a dependency with an exact version in the requirements file. [1]"
    story = await a_story_with(ScriptedWriter(f"{slipped}\n\n", truth))

    turn = await story.ask(QUESTION, options=AskOptions(verification=Verification.REDACT))

    assert turn.answer.strip() == truth


async def test_redaction_that_leaves_less_than_a_third_abstains() -> None:
    lies = [f"The moon number {n} is made of green cheese. [1] " for n in range(2, 5)]
    story = await a_story_with(ScriptedWriter(*lies, "Pin a dependency with an exact version. [1]"))

    turn = await story.ask(QUESTION, options=AskOptions(verification=Verification.REDACT))

    assert turn.abstention is not None
    assert turn.abstention.reason is AbstentionReason.VERIFICATION_FAILED


async def test_flagging_shows_an_unsupported_sentence_with_its_verdict() -> None:
    story = await a_story_with(ScriptedWriter("The moon is made of green cheese and butter. [1]"))

    turn = await story.ask(QUESTION)

    assert [claim.verdict for claim in turn.claims] == [Verdict.UNSUPPORTED]


async def test_without_verification_the_markers_alone_make_the_references() -> None:
    story = await a_story_with(ScriptedWriter("Pin a dependency with an exact version. [1]"))

    turn = await story.ask(QUESTION, options=AskOptions(verification=Verification.OFF))

    assert turn.claims == ()
    assert turn.verifier is None
    assert [reference.evidence for reference in turn.references] == [(1,)]
