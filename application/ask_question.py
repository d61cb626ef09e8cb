"""Answer one question from the documents that the caller may read, as a stream of events."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from application.events import AnswerReset, EvidenceFound, TurnDone, TurnFailed, TurnStarted
from application.find_passages import FindPassages
from application.judged_answer import JudgedAnswer
from application.ports import Clock, IdSource, UnitOfWork, UnitOfWorkFactory
from application.reading import languages_of, verification_of
from application.turn_stream import TurnStream
from application.writing import AnswerTask, Draft, Drafting, Retracted
from domain.access.model import Principal, Scope
from domain.access.readable import ReadableCollections, readable_collections
from domain.conversation.model import AskOptions, Conversation, Question, Turn, TurnStatus, Usage
from domain.conversation.ports import QuestionRewriter
from domain.conversation.prompt import Exchange
from domain.grounding.abstention import decide_abstention, insufficient, verification_failed
from domain.grounding.model import Evidence, Verification
from domain.grounding.notices import notices
from domain.grounding.ports import ReferenceFormatter
from domain.grounding.references import references
from domain.grounding.verdicts import VERIFIER
from domain.library.model import Collection
from domain.text import Analyzer

LEASE: Final = timedelta(seconds=180)
"""How long a process may hold a running turn: models may take 28 + 120 s in all, and half a minute is for the rest."""
HISTORY: Final = 6
"""Earlier turns of a conversation that are read back: the prompt's budget seldom holds as many."""

_log = logging.getLogger("ibid.ask")


@dataclass(frozen=True, slots=True)
class AskQuestionCommand:
    principal: Principal
    question: Question
    collections: Sequence[str] | None = None
    conversation_id: UUID | None = None
    options: AskOptions = field(default_factory=AskOptions)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What T1 settled: everything that answering needs and nothing that it must look up again."""

    turn: Turn
    question: Question
    options: AskOptions
    readable: ReadableCollections
    languages: tuple[str, ...]
    instructions: tuple[str, ...]
    history: tuple[Exchange, ...]
    started_ms: float


@dataclass(slots=True)
class _Progress:
    """How far a turn has come: what there is to store when it ends early."""

    turn: Turn
    draft: Draft | None = None

    @property
    def so_far(self) -> Turn:
        if self.draft is None:
            return self.turn
        degraded = tuple(dict.fromkeys((*self.turn.degraded, *self.draft.degraded)))
        spent = replace(Usage.total((self.turn.usage, self.draft.usage)), cached=self.draft.usage.cached)
        return replace(self.turn, degraded=degraded, attempts=self.draft.attempts, usage=spent)


class AskQuestion:
    """
    Store the turn, find evidence, decide, write, judge, store the end; each step is told to the turn's stream.

    No transaction is open between the first store and the last: a model may take a minute, a pool may not.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        find_passages: FindPassages,
        rewriter: QuestionRewriter,
        drafting: Drafting,
        reference_formatter: ReferenceFormatter,
        analyzer: Analyzer,
        clock: Clock,
        ids: IdSource,
        holder: str,
    ) -> None:
        """``holder`` names this process in the leases of its turns."""
        self._unit_of_work = unit_of_work
        self._find_passages = find_passages
        self._rewriter = rewriter
        self._drafting = drafting
        self._reference_formatter = reference_formatter
        self._analyzer = analyzer
        self._clock = clock
        self._ids = ids
        self._holder = holder
        self._running: dict[asyncio.Task[None], TurnStream] = {}
        self._stopping = False

    async def execute(self, command: AskQuestionCommand) -> TurnStream:
        """
        Store the question as a running turn and begin to answer it.

        Raises ScopeMissing, CollectionNotFound, ConversationNotFound, ConversationBusy or a PortError, all before a
        turn exists; what goes wrong later is an event of the stream.
        """
        command.principal.require(Scope.ASK)
        asked = await self._begin(command)
        stream = TurnStream()
        stream.emit(TurnStarted(asked.turn.id, asked.turn.conversation_id))
        task = stream.run(lambda events: self._run(asked, events))
        self._running[task] = stream
        task.add_done_callback(self._running.pop)
        return stream

    async def drain(self, *, seconds: float) -> None:
        """Give the running turns time to end, then end the rest as interrupted."""
        self._stopping = True
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for stream in list(self._running.values()):
            stream.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=5)

    async def _begin(self, command: AskQuestionCommand) -> _Asked:
        started_ms = self._clock.elapsed_ms()
        owner = command.principal.owner
        async with self._unit_of_work() as uow:
            collections = await uow.collections.all()
            conversation = await self._conversation(uow, command)
            history = await self._history(uow, command)
            asked = self._asked_collections(command, conversation, collections)
            readable = readable_collections(command.principal, collections, asked=asked)
            turn = Turn.begin(self._ids.new(), conversation.id, owner, command.question, self._clock.now())
            await uow.turns.begin(turn, holder=self._holder, lease_until=turn.created_at + LEASE)
            await uow.commit()
        languages = languages_of(collections, readable)
        options = command.options
        if not options.verification_said:
            options = replace(options, verification=verification_of(collections, readable))
        instructions = tuple(one.instructions for one in collections if one.name in readable and one.instructions)
        return _Asked(turn, command.question, options, readable, languages, instructions, history, started_ms)

    async def _conversation(self, uow: UnitOfWork, command: AskQuestionCommand) -> Conversation:
        owner = command.principal.owner
        if command.conversation_id is not None:
            return await uow.conversations.get(command.conversation_id, owner)
        conversation = Conversation(
            self._ids.new(),
            owner,
            Conversation.title_for(command.question),
            tuple(command.collections or ()),
            self._clock.now(),
        )
        await uow.conversations.add(conversation)
        return conversation

    @staticmethod
    async def _history(uow: UnitOfWork, command: AskQuestionCommand) -> tuple[Exchange, ...]:
        """What was asked and answered before in the conversation, oldest first."""
        if command.conversation_id is None:
            return ()
        page = await uow.turns.of_conversation(
            command.conversation_id, command.principal.owner, limit=HISTORY, cursor=None
        )
        answered = [turn for turn in page.items if turn.status is TurnStatus.ANSWERED]
        return tuple(Exchange(turn.question, turn.answer) for turn in reversed(answered))

    @staticmethod
    def _asked_collections(
        command: AskQuestionCommand, conversation: Conversation, existing: Sequence[Collection]
    ) -> Sequence[str] | None:
        if command.collections is not None:
            return command.collections
        # A conversation outlives its collections: one that is gone is no longer asked for.
        names = {collection.name for collection in existing}
        return [name for name in conversation.collections if name in names] or None

    async def _run(self, asked: _Asked, stream: TurnStream) -> None:
        progress = _Progress(asked.turn)
        try:
            turn = self._timed(await self._answer(asked, progress, stream), asked)
            stream.close()
            await self._store(turn)
            stream.emit(TurnDone(turn))
        except asyncio.CancelledError:
            status = TurnStatus.INTERRUPTED if self._stopping else TurnStatus.CANCELLED
            ended = self._timed(progress.so_far.ended(status), asked)
            await asyncio.shield(self._store(ended))
            stream.emit(TurnDone(ended))
        except Exception as error:
            _log.warning("turn failed", extra={"turn_id": str(asked.turn.id)}, exc_info=error)
            await self._store_failure(progress.so_far, asked)
            stream.emit(TurnFailed(asked.turn.id, error))

    async def _answer(self, asked: _Asked, progress: _Progress, stream: TurnStream) -> Turn:
        options, language = asked.options, asked.languages[0]
        progress.turn = turn = await self._rewritten(asked)
        text = turn.standalone_question
        if asked.question.selected_text is not None:
            text = f"{text}\n{asked.question.selected_text}"
        found = await self._find_passages.execute(
            text, asked.readable, languages=asked.languages, filters=options.filters, top_k=options.top_k
        )
        degraded = (*turn.degraded, *found.degraded)
        turn = replace(turn, degraded=degraded, timings_ms={**turn.timings_ms, **found.timings_ms})
        progress.turn = turn
        abstention = decide_abstention(
            turn.standalone_question, found.evidence, analyzer=self._analyzer, language=language
        )
        if abstention is not None:
            stream.emit(EvidenceFound((), degraded))
            return turn.abstained(abstention)
        draft = self._drafting.draft(self._task(asked, turn, found.evidence))
        # What did not fit is not shown either: evidence listed is evidence used.
        degraded = (*degraded, *draft.degraded)
        progress.turn, progress.draft = replace(turn, evidence=draft.evidence), draft
        stream.emit(EvidenceFound(draft.evidence, degraded))
        return await self._write(progress, draft, asked, stream)

    async def _rewritten(self, asked: _Asked) -> Turn:
        """The turn with its question as it reads without the conversation."""
        if not asked.history:
            return replace(asked.turn, timings_ms={"rewrite": 0})
        began_ms = self._clock.elapsed_ms()
        rewritten = await self._rewriter.rewrite(asked.question, asked.history, language=asked.languages[0])
        return replace(
            asked.turn,
            standalone_question=rewritten.question,
            degraded=("rewrite_skipped",) if rewritten.skipped else (),
            usage=rewritten.usage,
            timings_ms={"rewrite": round(self._clock.elapsed_ms() - began_ms)},
        )

    def _task(self, asked: _Asked, turn: Turn, evidence: tuple[Evidence, ...]) -> AnswerTask:
        owner = asked.turn.owner
        return AnswerTask(
            asked.question,
            evidence,
            asked.languages[0],
            standalone=turn.standalone_question,
            history=asked.history,
            instructions=asked.instructions,
            access=(owner.tenant, *asked.readable),
        )

    async def _write(self, progress: _Progress, draft: Draft, asked: _Asked, stream: TurnStream) -> Turn:
        answer, first_ms = self._judged(draft, asked), None
        async with aclosing(draft.write()) as pieces:
            async for piece in pieces:
                if isinstance(piece, Retracted):
                    if answer.text:
                        stream.emit(AnswerReset("model_failed", piece.next_model))
                    answer = self._judged(draft, asked)
                    continue
                if first_ms is None:
                    first_ms = self._clock.elapsed_ms()
                if events := answer.feed(piece):
                    stream.emit(*events)
        if events := answer.finish():
            stream.emit(*events)
        turn = progress.so_far
        if first_ms is not None:
            first = round(first_ms - asked.started_ms)
            turn = replace(turn, timings_ms={**turn.timings_ms, "first_text": first})
        return self._closed(turn, answer, draft.model, asked, stream)

    def _judged(self, draft: Draft, asked: _Asked) -> JudgedAnswer:
        return JudgedAnswer(draft.evidence, asked.options.verification, self._analyzer, asked.languages[0])

    def _closed(self, turn: Turn, answer: JudgedAnswer, model: str, asked: _Asked, stream: TurnStream) -> Turn:
        options, language = asked.options, asked.languages[0]
        if answer.failed:
            stream.emit(AnswerReset("verification_failed", None))
            return turn.abstained(verification_failed(turn.question, turn.evidence, language=language))
        if not answer.text.strip():
            return turn.abstained(
                insufficient(turn.question, turn.evidence, analyzer=self._analyzer, language=language)
            )
        return replace(turn, notices=notices(answer.claims, turn.evidence)).answered(
            answer.text,
            claims=tuple(answer.claims),
            verifier=None if options.verification is Verification.OFF else VERIFIER,
            references=references(
                answer.cited, turn.evidence, style=options.citation_style, formatter=self._reference_formatter
            ),
            model=model,
        )

    def _timed(self, turn: Turn, asked: _Asked) -> Turn:
        total = round(self._clock.elapsed_ms() - asked.started_ms)
        return replace(turn, timings_ms={**turn.timings_ms, "total": total})

    async def _store(self, turn: Turn) -> None:
        async with self._unit_of_work() as uow:
            await uow.turns.finish(turn)
            await uow.commit()

    async def _store_failure(self, turn: Turn, asked: _Asked) -> None:
        try:
            await self._store(self._timed(turn.ended(TurnStatus.FAILED), asked))
        except Exception as error:
            # The database is what failed, perhaps: the turn's lease then makes it interrupted.
            _log.error("the end of a turn could not be stored", extra={"turn_id": str(asked.turn.id)}, exc_info=error)
