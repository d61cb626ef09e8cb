"""Two processes over one database: a turn of one is followed, resumed and cancelled at the other."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from adapters.memory.clock import SettableClock
from adapters.memory.store import InMemoryStore
from application.begin_turn import AskQuestionCommand
from application.events import (
    AnswerReset,
    ClaimJudged,
    EvidenceFound,
    TextWritten,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from application.follow_turn import FollowTurn
from application.journal_turns import JournalTurns
from application.ports import JournalEntry, UnitOfWork
from application.turn_stream import TurnStream
from application.turn_streams import KEPT_MS, TurnStreams
from domain.conversation.model import Question, Turn, TurnStatus
from domain.errors import TurnFailedBefore
from entrypoints.containers import UseCases
from entrypoints.http.sse import encode_events
from tests.application.test_ask_question import QUESTION, ScriptedWriter
from tests.builders import ACME, NOON, a_turn, answered
from tests.story import ADMIN, PINNING, Story


class Collector:
    """A follower that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended = asyncio.Event()

    def push(self, frames: Sequence[bytes], *, last: bool) -> None:
        self.frames += frames
        if last:
            self.ended.set()

    def fail(self, error: Exception) -> None:
        raise error

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.frames) < count:  # noqa: ASYNC110  what it waits for is counted
                await asyncio.sleep(0)


class Process:
    """A process of a service with several: its use cases over the database that it shares with the others."""

    def __init__(self, story: Story, holder: str) -> None:
        self.use_cases = UseCases(adapters=story.adapters, holder=holder)
        self.journal: JournalTurns = self.use_cases.journal_turns()
        self.follow = FollowTurn(
            unit_of_work=story.unit_of_work,
            streams=self.use_cases.turn_streams(),
            clock=story.adapters.clock(),
            pause=lambda _: asyncio.sleep(0),
        )

    async def ask(self) -> TurnStream:
        return await self.use_cases.ask_question().execute(AskQuestionCommand(ADMIN, Question(QUESTION)))


@pytest.fixture
async def gate() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def two(gate: asyncio.Event) -> tuple[Process, Process]:
    story = Story(writer=ScriptedWriter("Pin a dependency ", "with an exact version. [1]", gate=gate))
    await story.ingest({"pinning.md": PINNING})
    return Process(story, "one"), Process(story, "two")


async def written(stream: TurnStream, count: int) -> None:
    async with asyncio.timeout(10):
        while len(stream.frames(0)) < count:  # noqa: ASYNC110  what it waits for is counted
            await asyncio.sleep(0)


async def written_down(process: Process) -> TurnStream:
    """A turn of this process that runs, whose first four events the others can read."""
    stream = await process.ask()
    await written(stream, 4)
    await process.journal.write()
    return stream


async def test_another_process_s_turn_is_followed_from_its_journal_to_its_end(
    two: tuple[Process, Process], gate: asyncio.Event
) -> None:
    one, other = two
    stream = await written_down(one)
    relayed = await other.follow.execute(ADMIN, stream.turn_id)
    first, second = Collector(), Collector()
    relayed.follow(first)
    await first.until(4)
    relayed.follow(second, after=2)
    assert await other.follow.execute(ADMIN, stream.turn_id) is relayed, "many readers are one look at a time"

    gate.set()
    turn = await stream.turn()
    await one.journal.write()
    for reader in (first, second):
        await asyncio.wait_for(reader.ended.wait(), 10)

    assert first.frames == stream.frames(0)
    assert second.frames == stream.frames(2)
    assert await relayed.turn() == turn


async def test_a_turn_that_ends_while_it_is_looked_at_has_one_end(
    two: tuple[Process, Process], gate: asyncio.Event
) -> None:
    one, other = two
    stream = await written_down(one)
    relayed, reader, looks = await other.follow.execute(ADMIN, stream.turn_id), Collector(), other.follow._unit_of_work

    @asynccontextmanager
    async def between_turn_and_journal() -> AsyncIterator[Any]:
        async with looks() as uow:
            read = uow.turn_journal.read

            async def late(turn_id: UUID, *, after: int) -> JournalEntry:
                if reader.frames and not stream.ended:
                    gate.set()
                    await stream.turn()
                    await one.journal.write()
                return await read(turn_id, after=after)

            uow.turn_journal.read = late  # type: ignore[method-assign]
            yield uow

    relayed.follow(reader)
    await reader.until(4)
    other.follow._unit_of_work = between_turn_and_journal
    async with asyncio.timeout(10):
        await reader.ended.wait()
    assert reader.frames == stream.frames(0)


async def test_an_ended_turn_of_another_process_is_replayed_from_its_journal(
    two: tuple[Process, Process], gate: asyncio.Event
) -> None:
    one, other = two
    stream = await written_down(one)
    gate.set()
    turn = await stream.turn()
    early = await other.follow.execute(ADMIN, stream.turn_id)
    assert len(frames_of(early)) == 1, "its last events are not written yet: the end is all there is"
    await one.journal.write()
    replayed = await other.follow.execute(ADMIN, stream.turn_id)
    assert frames_of(replayed) == stream.frames(0)
    assert frames_of(replayed, after=3) == stream.frames(3)
    assert (replayed.has(len(stream.frames(0))), replayed.has(len(stream.frames(0)) + 1)) == (True, False)
    assert await replayed.turn() == turn


def frames_of(stream: TurnStream, *, after: int = 0) -> list[bytes]:
    reader = Collector()
    stream.follow(reader, after=after)
    assert reader.ended.is_set()
    return reader.frames


async def test_following_ends_when_the_conversation_is_deleted_at_another_process(two: tuple[Process, Process]) -> None:
    one, other = two
    stream = await one.ask()
    await written(stream, 3)
    relayed = await other.follow.execute(ADMIN, stream.turn_id)
    reader = Collector()
    relayed.follow(reader)
    await one.use_cases.edit_conversations().delete(ADMIN, stream.conversation_id)
    await asyncio.wait_for(reader.ended.wait(), 10)
    assert b"event: error" in reader.frames[-1]


async def test_what_a_journal_lost_in_a_crash_is_made_up_by_the_end(two: tuple[Process, Process]) -> None:
    one, other = two
    stream = await one.ask()
    await written(stream, 3)
    await one.journal.write()
    reader = Collector()
    relayed = await other.follow.execute(ADMIN, stream.turn_id)
    relayed.follow(reader)
    await reader.until(3)
    async with one.journal.unit_of_work() as uow:
        # As when the process died here, and its lease has passed since.
        await uow.turns.interrupt_lost(now=one.journal.clock.now() + timedelta(hours=1), lost_holders_all_but=None)
        await uow.commit()
    await asyncio.wait_for(reader.ended.wait(), 10)
    assert reader.frames[:-1] == stream.frames(0)[: len(reader.frames) - 1]
    assert b"event: done" in reader.frames[-1]
    assert b'"status":"interrupted"' in reader.frames[-1]
    assert (await relayed.turn()).status is TurnStatus.INTERRUPTED
    stream.cancel()


async def test_another_process_s_turn_is_cancelled_by_the_process_that_holds_it(two: tuple[Process, Process]) -> None:
    one, other = two
    stream = await one.ask()
    await written(stream, 3)
    asked: Turn = await other.use_cases.cancel_turn().execute(ADMIN, stream.turn_id)
    assert asked.status is TurnStatus.RUNNING
    await other.journal.write()
    assert not stream.ended, "it is not the other's to end"
    await one.journal.write()
    assert (await stream.turn()).status is TurnStatus.CANCELLED


async def test_nothing_is_written_while_nothing_runs_and_nothing_twice(
    two: tuple[Process, Process], gate: asyncio.Event
) -> None:
    one, _ = two
    store: InMemoryStore = one.use_cases.adapters.store()
    gate.set()
    await (await one.ask()).turn()
    await one.journal.write()
    assert not store.journal, "it had ended before anybody could look for it elsewhere"
    gate.clear()
    stream = await written_down(one)
    await one.journal.write()
    assert [first for _, first in store.journal] == [1]
    gate.set()
    await stream.turn()
    for _ in range(2):
        await one.journal.write()
    assert [first for _, first in store.journal] == [1, 5]
    end, _ = store.journal[(stream.turn_id, 5)]
    assert end.last
    assert end.frames[-1] == b"", "the stored turn says it"


async def test_a_stream_that_was_discarded_is_not_looked_at_for_ever(two: tuple[Process, Process]) -> None:
    one, _ = two
    streams, opened = one.use_cases.turn_streams(), 0

    def unit_of_work() -> UnitOfWork:
        nonlocal opened
        opened += 1
        return one.use_cases.adapters.unit_of_work()  # type: ignore[no-any-return]

    journal = JournalTurns(unit_of_work, streams, one.journal.clock, "one")
    begun = streams.open(a_turn(uuid4()))
    await journal.write()
    assert opened == 1
    streams.discard(begun.turn_id)
    await journal.write()
    assert opened == 1


async def test_two_who_write_at_once_write_one_after_the_other(
    two: tuple[Process, Process], gate: asyncio.Event
) -> None:
    one, _ = two

    @asynccontextmanager
    async def slow() -> AsyncIterator[UnitOfWork]:
        async with one.use_cases.adapters.unit_of_work() as uow:
            yield uow
            await asyncio.sleep(0.01)

    journal = JournalTurns(slow, one.use_cases.turn_streams(), one.journal.clock, "one")
    stream = await one.ask()
    await written(stream, 4)
    await journal.write()
    gate.set()
    await stream.turn()
    await asyncio.gather(journal.write(), journal.write())
    async with one.use_cases.adapters.unit_of_work() as uow:
        entry = await uow.turn_journal.read(stream.turn_id, after=0)
    assert entry.last
    assert len(entry.frames) == len(stream.frames(0))


async def test_a_turn_that_nobody_follows_any_more_is_left_alone(two: tuple[Process, Process]) -> None:
    one, other = two
    stream = await one.ask()
    relayed = await other.follow.execute(ADMIN, stream.turn_id)
    async with asyncio.timeout(10):
        while await other.follow.execute(ADMIN, stream.turn_id) is relayed:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0)
    stream.cancel()


def streams(clock: SettableClock, **limits: int) -> TurnStreams:
    return TurnStreams(clock=clock, encode=encode_events, max_running=9, **limits)


def kept(streams: TurnStreams, *, words: int = 5) -> Turn:
    turn = a_turn(uuid4())
    stream = streams.open(turn)
    stream.emit(TurnStarted(turn.id, turn.conversation_id))
    for number in range(words):
        stream.emit(TextWritten(f"{sha256(b'%d' % number).hexdigest()} "))  # words that do not get shorter
    stream.emit(TurnDone(answered(turn)))
    streams.keep(stream)
    return turn


async def test_ended_streams_are_kept_an_hour_and_no_more_than_so_many_and_so_much() -> None:
    clock = SettableClock(NOON)
    of_number = streams(clock, max_kept=3)
    made = [kept(of_number) for _ in range(5)]
    assert [of_number.kept(one) is not None for one in made] == [False, False, True, True, True]
    of_bytes = streams(clock, max_kept_bytes=30_000)
    made = [kept(of_bytes, words=200) for _ in range(5)]  # some 8,000 bytes each
    assert [of_bytes.kept(one) is not None for one in made] == [False, False, True, True, True]
    clock.advance(timedelta(milliseconds=KEPT_MS + 1))
    assert of_bytes.kept(made[4]) is None
    assert of_number.kept(made[4]) is None


async def test_an_ended_stream_is_kept_as_its_readers_had_it_for_its_owner_alone() -> None:
    all_of_them = streams(SettableClock(NOON))
    turn, reader = a_turn(uuid4()), Collector()
    stream = all_of_them.open(turn)
    stream.follow(reader)
    stream.emit(TurnStarted(turn.id, turn.conversation_id))
    stream.emit(TextWritten("a "), TextWritten("b "))
    stream.emit(TurnDone(answered(turn)))
    all_of_them.keep(stream)
    assert all_of_them.find(turn.id, ACME) is None
    entry = all_of_them.kept(turn)
    assert entry is not None
    assert [*entry.frames] == [*reader.frames[:-1], b""]
    assert all_of_them.kept(replace(turn, owner=replace(ACME, user="another"))) is None
    all_of_them.forget(turn.conversation_id)
    assert all_of_them.kept(turn) is None


async def test_what_the_stored_turn_says_is_told_from_it_again_byte_for_byte() -> None:
    all_of_them = streams(SettableClock(NOON), max_kept_bytes=700)  # a tenth of the events would be too much
    turn, reader = a_turn(uuid4()), Collector()
    done = answered(turn, answer="“Naïve” doors 🚪 open\u2028 by hand [1].")
    stream = all_of_them.open(turn)
    stream.follow(reader)
    stream.emit(TurnStarted(turn.id, turn.conversation_id))
    stream.emit(EvidenceFound(done.evidence, ("rerank_late",)))
    for word in re.findall(r"\S+\s*", done.answer):
        stream.write(word)
    stream.emit(*[ClaimJudged(claim) for claim in done.claims])
    stream.emit(TurnDone(done))
    all_of_them.keep(stream)
    entry = all_of_them.kept(msgspec.json.decode(msgspec.json.encode(done), type=Turn))
    assert entry is not None
    assert [*entry.frames] == [*reader.frames[:-1], b""]
    ended_by_another_process = turn.ended(TurnStatus.INTERRUPTED)
    assert all_of_them.kept(ended_by_another_process) is None, "only its end is known of such a turn"


async def test_a_text_that_was_taken_back_is_kept_beside_the_turn_that_does_not_say_it() -> None:
    all_of_them = streams(SettableClock(NOON))
    turn, reader = a_turn(uuid4()), Collector()
    done = answered(turn)
    stream = all_of_them.open(turn)
    stream.follow(reader)
    stream.emit(TextWritten("Nobody kn"), AnswerReset("model_failed", "another"), TextWritten(done.answer))
    stream.emit(*[ClaimJudged(claim) for claim in done.claims], TurnDone(done))
    all_of_them.keep(stream)
    entry = all_of_them.kept(done)
    assert entry is not None
    assert [*entry.frames] == [*reader.frames[:-1], b""]


async def test_words_that_nobody_has_seen_one_by_one_are_kept_as_one_text() -> None:
    all_of_them = streams(SettableClock(NOON))
    entry = all_of_them.kept(kept(all_of_them))
    assert entry is not None
    assert [frame.partition(b"event: ")[2].partition(b"\n")[0] for frame in entry.frames] == [b"turn", b"text", b""]


async def test_the_stream_of_a_turn_whose_end_could_not_be_stored_is_kept_itself() -> None:
    all_of_them = streams(SettableClock(NOON))
    turn = a_turn(uuid4())
    stream = all_of_them.open(turn)
    stream.emit(TurnFailed(turn.id, TurnFailedBefore()))
    all_of_them.keep(stream)
    assert all_of_them.find(turn.id, ACME) is stream


async def test_an_event_is_encoded_once_however_many_follow() -> None:
    encoded: list[int] = []

    def encode(turn: bytes, events: Sequence[Any], first: int) -> list[bytes]:
        encoded.extend(range(first, first + len(events)))
        return encode_events(turn, events, first)

    turn = a_turn(uuid4())
    stream = TurnStream(turn, encode)
    readers = [Collector() for _ in range(3)]
    stream.emit(TurnStarted(turn.id, turn.conversation_id))
    stream.follow(readers[0])
    stream.emit(TextWritten("a "), TextWritten("b "))
    stream.follow(readers[1], after=1)
    stream.emit(TurnDone(turn.ended(TurnStatus.CANCELLED)))
    assert stream.told() == readers[0].frames[:-1]
    stream.follow(readers[2])
    assert encoded == [1, 2, 3, 4]
    assert [len(reader.frames) for reader in readers] == [4, 3, 4]
    assert readers[0].frames[1:] == readers[1].frames
    assert all(one is other for one, other in zip(readers[0].frames, readers[2].frames, strict=True))


async def test_a_turn_is_cancelled_also_before_its_first_step_and_only_once(two: tuple[Process, Process]) -> None:
    one, _ = two
    stream = await one.ask()
    stream.cancel()
    stream.cancel()
    assert (await asyncio.wait_for(stream.turn(), 10)).status is TurnStatus.CANCELLED
    async with one.journal.unit_of_work() as uow:
        assert (await uow.turns.get(stream.turn_id, ADMIN.owner)).status is TurnStatus.CANCELLED
