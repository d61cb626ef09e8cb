"""Follow-ups and selections, from the question to what is searched for and answered."""

from application.ask_question import AskQuestionCommand
from domain.conversation.model import Question, Turn, TurnStatus
from tests.story import ADMIN, PINNING, SNAPSHOTS, Story

PAGES = {"pinning.md": PINNING, "snapshots.md": SNAPSHOTS}


async def ask_on(story: Story, turn: Turn, question: str, selected: str | None = None) -> Turn:
    command = AskQuestionCommand(ADMIN, Question.checked(question, selected), conversation_id=turn.conversation_id)
    return await (await story.ask_question.execute(command)).turn()


async def test_a_follow_up_is_searched_for_with_what_it_refers_to(story: Story) -> None:
    await story.ingest(PAGES)
    first = await story.ask("How do I restore a snapshot?")
    second = await ask_on(story, first, "What stops the service first with it?")
    assert first.standalone_question == first.question
    assert second.question == "What stops the service first with it?"
    assert second.standalone_question.startswith("How do I restore a snapshot? What stops the service first with it?")
    assert second.status is TurnStatus.ANSWERED
    assert "stops the service first" in second.answer
    assert "rewrite" in second.timings_ms


async def test_a_follow_up_about_something_else_is_refused_although_its_predecessor_was_answered(story: Story) -> None:
    await story.ingest(PAGES)
    first = await story.ask("How do I restore a snapshot?")
    assert (await ask_on(story, first, "Which football team won?")).status is TurnStatus.ABSTAINED


async def test_a_question_about_a_selection_keeps_to_it_first(story: Story) -> None:
    await story.ingest(PAGES)
    selected = "Snapshots are kept for seven days."
    command = AskQuestionCommand(ADMIN, Question.checked("What does this mean?", selected))
    turn = await (await story.ask_question.execute(command)).turn()
    assert selected in turn.evidence[0].text
    assert turn.status is TurnStatus.ANSWERED
