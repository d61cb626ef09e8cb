"""The end of a turn waits for a lull, and never for long; who waits for the whole turn does not."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from dependency_injector import providers

from application.ask_question import AskQuestion
from application.begin_turn import AskQuestionCommand
from application.lulls import CALM_S, LONGEST_S, Lulls
from application.ports import AnswerWriter
from application.turn_stream import Follower, TurnStream
from domain.conversation.model import AskOptions, Question, TurnStatus
from domain.grounding.model import Evidence, Verification
from entrypoints.containers import UseCases
from tests.story import ADMIN, PINNING, Story

BUSY_S = 3 * CALM_S


class Clock:
    """Stands still but for what a busy loop takes."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    async def busy(self, turns: int) -> None:
        """So many turns of the loop, each with much to do."""
        for _ in range(turns):
            self.now_s += BUSY_S
            await asyncio.sleep(0)


async def test_a_calm_loop_lets_one_go_on_after_the_other() -> None:
    lulls, went = Lulls(clock=Clock()), list[int]()

    async def end(number: int) -> None:
        await lulls.wait()
        went.append(number)

    ends = [asyncio.create_task(end(number)) for number in range(3)]
    seen = list[int]()
    while len(went) < 3:
        await asyncio.sleep(0)
        seen.append(len(went))
    await asyncio.gather(*ends)
    assert went == [0, 1, 2]
    assert {1, 2} < set(seen)


async def test_a_busy_loop_is_waited_for() -> None:
    clock = Clock()
    waiting = asyncio.create_task(Lulls(clock=clock).wait())
    await clock.busy(50)
    assert not waiting.done()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert waiting.done()


async def test_nobody_waits_for_longer_than_half_a_second_however_many_wait() -> None:
    clock = Clock()
    lulls = Lulls(clock=clock)
    waiting = [asyncio.create_task(lulls.wait()) for _ in range(200)]
    await clock.busy(int(LONGEST_S / BUSY_S) - 5)
    assert not any(one.done() for one in waiting)
    await clock.busy(12)
    assert all(one.done() for one in waiting)


async def test_one_that_was_cancelled_holds_nobody_up() -> None:
    lulls = Lulls(clock=Clock())
    first, second = asyncio.create_task(lulls.wait()), asyncio.create_task(lulls.wait())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 1)
    await asyncio.wait_for(lulls.wait(), 1)


class ScriptedWriter(AnswerWriter):
    """Writes this once it is let."""

    name = "scripted"

    def __init__(self, text: str) -> None:
        self._text = text

    async def write(self, question: Question, evidence: Sequence[Evidence], *, language: str) -> AsyncIterator[str]:
        await asyncio.sleep(0)  # for the reader to be there
        if self._text:
            yield self._text


class NoLull(Lulls):
    """There is none until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.comes = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        self.asked.set()
        await self.comes.wait()


class Reader(Follower):
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended = asyncio.Event()

    def push(self, frames: Sequence[bytes], *, last: bool) -> None:
        self.frames += frames
        if last:
            self.ended.set()

    def fail(self, error: Exception) -> None:
        raise error


async def _asked(lulls: Lulls, options: AskOptions | None = None, **instead: object) -> tuple[AskQuestion, TurnStream]:
    story = Story(**instead)
    await story.ingest({"pinning.md": PINNING})
    ask_question = UseCases(adapters=story.adapters, lulls=providers.Object(lulls)).ask_question()
    question = Question("How do I pin a dependency with an exact version?")
    return ask_question, await ask_question.execute(
        AskQuestionCommand(ADMIN, question, options=options or AskOptions())
    )


async def test_who_reads_along_has_all_of_the_text_before_the_end_waits() -> None:
    lulls, reader = NoLull(), Reader()
    _, stream = await _asked(lulls)
    stream.follow(reader)

    await asyncio.wait_for(lulls.asked.wait(), 5)
    assert not reader.ended.is_set()
    told = b"".join(reader.frames)
    assert b"event: claim" in told
    assert b"event: done" not in told

    lulls.comes.set()
    await asyncio.wait_for(reader.ended.wait(), 5)
    turn = await stream.turn()
    assert turn.status is TurnStatus.ANSWERED
    assert told.count(b"event: claim") == len(turn.claims)


async def test_who_waits_for_the_whole_turn_does_not_wait_for_a_lull() -> None:
    lulls = NoLull()
    _, stream = await _asked(lulls)

    turn = await asyncio.wait_for(stream.turn(), 5)

    assert turn.status is TurnStatus.ANSWERED
    assert not lulls.asked.is_set()


async def test_an_answer_that_is_complete_stays_one_whoever_leaves_while_its_end_waits() -> None:
    lulls, reader = NoLull(), Reader()
    ask_question, stream = await _asked(lulls)
    stream.follow(reader)
    await asyncio.wait_for(lulls.asked.wait(), 5)

    stream.cancel()
    stream.leave(reader)
    stopping = asyncio.create_task(ask_question.drain(seconds=0.01))
    await asyncio.sleep(0.05)
    lulls.comes.set()
    await asyncio.wait_for(stopping, 5)

    turn = await stream.turn()
    assert turn.status is TurnStatus.ANSWERED
    assert turn.claims


@pytest.mark.parametrize(
    ("written", "verification"),
    [("", Verification.FLAG), ("Doors are pinned by seven purple elephants. [1]", Verification.REDACT)],
    ids=["nothing", "nothing that stands"],
)
async def test_who_reads_along_and_has_no_text_yet_does_not_wait_for_a_lull(
    written: str, verification: Verification
) -> None:
    lulls, reader = NoLull(), Reader()
    _, stream = await _asked(lulls, writer=ScriptedWriter(written), options=AskOptions(verification=verification))
    stream.follow(reader)

    await asyncio.wait_for(reader.ended.wait(), 5)

    assert (await stream.turn()).status is TurnStatus.ABSTAINED
    assert not lulls.asked.is_set()
