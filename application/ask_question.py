"""Answer one question from the documents that the caller may read, as a stream of events."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from application.arrival import waited_s
from application.begin_turn import Asked, AskQuestionCommand, BeginTurn, Begun
from application.events import AnswerReset, EvidenceFound, TurnDone, TurnFailed
from application.find_passages import FindPassages
from application.follow_turn import FollowTurn
from application.judged_answer import JudgedAnswer
from application.judging import Judging
from application.ports import Clock, UnitOfWorkFactory
from application.sweep_retention import SweepRetention
from application.turn_stream import TurnStream
from application.turn_streams import TurnStreams
from application.writing import AnswerTask, Draft, Drafting, Retracted
from domain.access.model import Scope
from domain.conversation.follow_up import decisive_question
from domain.conversation.model import Turn, TurnStatus, Usage
from domain.conversation.ports import QuestionRewriter, Rewritten
from domain.grounding.abstention import decide_abstention, insufficient, verification_failed
from domain.grounding.model import Evidence, Reference, Verification
from domain.grounding.notices import notices
from domain.grounding.ports import ReferenceFormatter
from domain.grounding.references import references
from domain.grounding.selection import selection_first
from domain.grounding.source_notices import source_notices
from domain.quick_init import replaced
from domain.text import Analyzer

_log = logging.getLogger("ibid.ask")


@dataclass(frozen=True, slots=True)
class AskQuestionResult:
    """``replayed``: the question was asked before under the same key, and this is that turn."""

    stream: TurnStream
    replayed: bool


@dataclass(slots=True)
class _Progress:
    """How far a turn has come: what there is to store when it ends early."""

    turn: Turn
    draft: Draft | None = None
    answer: JudgedAnswer | None = None
    judging: tuple[Usage, ...] = ()

    def book(self, usage: Usage) -> None:
        """What judging the answer has cost."""
        self.judging += (usage,)

    @property
    def so_far(self) -> Turn:
        if self.draft is None:
            return self.turn
        degraded = tuple(dict.fromkeys((*self.turn.degraded, *self.draft.degraded)))
        spent = Usage.total((self.turn.usage, self.draft.usage, *self.judging))
        spent = replaced(spent, cached=self.draft.usage.cached)
        return replaced(self.turn, degraded=degraded, attempts=self.draft.attempts, usage=spent)


class AskQuestion:
    """
    Store the turn, find evidence, decide, write, judge, store the end; each step is told to the turn's stream.

    No transaction is open between the first store and the last: a model may take a minute, a pool may not.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        begin_turn: BeginTurn,
        follow_turn: FollowTurn,
        streams: TurnStreams,
        find_passages: FindPassages,
        rewriter: QuestionRewriter,
        drafting: Drafting,
        reference_formatter: ReferenceFormatter,
        analyzer: Analyzer,
        clock: Clock,
        judging: Judging | None = None,
        sweep_retention: SweepRetention | None = None,
    ) -> None:
        """
        ``judging``: who is asked about the claims beside their words; None: nobody. ``sweep_retention``: once in an
        hour a question brings that about, after its end; the database is awake then.
        """
        self._unit_of_work = unit_of_work
        self._begin_turn = begin_turn
        self._follow_turn = follow_turn
        self._streams = streams
        self._find_passages = find_passages
        self._rewriter = rewriter
        self._drafting = drafting
        self._reference_formatter = reference_formatter
        self._analyzer = analyzer
        self._clock = clock
        self._judging = judging
        self._sweep_retention = sweep_retention
        self._running: dict[asyncio.Task[None], TurnStream] = {}
        self._stopping = False

    async def execute(self, command: AskQuestionCommand) -> TurnStream:
        """
        Store the question as a running turn and begin to answer it.

        Raises ScopeMissing and whatever BeginTurn raises, all before a turn exists; what goes wrong later is an event
        of the stream.
        """
        return (await self.execute_once(command)).stream

    async def execute_once(self, command: AskQuestionCommand) -> AskQuestionResult:
        """The same, and whether the command's key has led to a turn that was there before."""
        command.principal.require(Scope.ASK)
        begun = await self._begin_turn.execute(command, self._start)
        if isinstance(begun, UUID):
            return AskQuestionResult(await self._follow_turn.execute(command.principal, begun), replayed=True)
        return AskQuestionResult(begun.stream, replayed=False)

    async def drain(self, *, seconds: float) -> None:
        """Give the running turns time to end, then end the rest as interrupted."""
        self._streams.stop()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._stopping = True
        for stream in list(self._running.values()):
            stream.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=5)

    def _start(self, begun: Begun) -> None:
        task = begun.stream.run(lambda _: self._run_in_slot(begun))
        self._running[task] = begun.stream
        task.add_done_callback(self._running.pop)

    async def _run_in_slot(self, begun: Begun) -> None:
        try:
            await self._run(begun)
        finally:
            # In one step with the turn's last event: whoever reads that one finds the place free.
            begun.slot.give_back()
            self._streams.keep(begun.stream)
        if self._sweep_retention is not None and not self._stopping and await begun.storing.stands():
            await self._sweep_retention.execute()

    async def _run(self, begun: Begun) -> None:
        asked, stream = begun.asked, begun.stream
        progress = _Progress(asked.turn)
        try:
            turn = self._timed(await self._answer(begun, progress), asked)
            stream.close()
            await self._store(turn)
            stream.emit(TurnDone(turn))
        except asyncio.CancelledError:
            if not await begun.storing.stands():
                return
            status = TurnStatus.INTERRUPTED if self._stopping else TurnStatus.CANCELLED
            if progress.answer is not None and (events := progress.answer.break_off()):
                stream.emit(*events)
            await self._end(self._timed(self._broken_off(progress, asked).ended(status), asked), stream)
        except Exception as error:
            if not await begun.storing.stands():
                return
            stream.close()
            _log.warning("turn failed", extra={"turn_id": str(asked.turn.id)}, exc_info=error)
            await self._store_failure(progress.so_far, asked)
            stream.emit(TurnFailed(asked.turn.id, error))

    async def _end(self, turn: Turn, stream: TurnStream) -> None:
        try:
            await self._store(turn)
        except Exception as error:
            _log.error("the end of a turn could not be stored", extra={"turn_id": str(turn.id)}, exc_info=error)
            stream.emit(TurnFailed(turn.id, error))
        else:
            stream.emit(TurnDone(turn))

    async def _answer(self, begun: Begun, progress: _Progress) -> Turn:
        asked, stream = begun.asked, begun.stream
        language, selected = asked.languages[0], asked.question.selected_text
        # Before the rewriting: a model that rewrites the question takes nothing from the reranker.
        waited = waited_s(self._clock.elapsed_ms())
        turn, rewritten = await self._rewritten(asked)
        progress.turn = turn
        sought = rewritten.question if selected is None else f"{rewritten.question}\n{selected}"
        own = asked.question.text if rewritten.carried else rewritten.question
        question = decisive_question(own, sought, analyzer=self._analyzer, language=language)
        found = await self._find_passages.execute(
            sought,
            asked.readable,
            collections=asked.collections,
            languages=asked.languages,
            filters=asked.options.filters,
            top_k=asked.options.top_k,
            question=question,
            trust=asked.trust,
            waited_s=waited,
            library_state=begun.storing.library_state,
        )
        await begun.storing.library_state()  # from here on things are told, and models asked
        evidence = found.evidence if selected is None else selection_first(found.evidence, selected)
        degraded = (*turn.degraded, *found.degraded)
        turn = replaced(turn, degraded=degraded, timings_ms={**turn.timings_ms, **found.timings_ms})
        progress.turn = turn
        abstention = decide_abstention(question, evidence, analyzer=self._analyzer, language=language)
        if abstention is not None:
            stream.emit(EvidenceFound((), degraded))
            return turn.abstained(abstention)
        evidence = await self._find_passages.joined(evidence, asked.readable)
        # A model's rewriting goes beside the question; what a rule carried, or a reader marked, it cannot do without.
        wanted = question if rewritten.carried or selected is not None else asked.question.text
        draft = self._drafting.draft(self._task(asked, turn, wanted, evidence))
        # What did not fit is not shown either: evidence listed is evidence used.
        degraded = (*degraded, *draft.degraded)
        progress.turn, progress.draft = replaced(turn, evidence=draft.evidence), draft
        stream.emit(EvidenceFound(draft.evidence, degraded))
        return await self._write(progress, draft, asked, stream)

    async def _rewritten(self, asked: Asked) -> tuple[Turn, Rewritten]:
        """The question as it reads without the conversation, and the turn with it."""
        if not asked.history:
            return replaced(asked.turn, timings_ms={"rewrite": 0}), Rewritten(asked.question.text)
        began_ms = self._clock.elapsed_ms()
        rewritten = await self._rewriter.rewrite(asked.question, asked.history, language=asked.languages[0])
        turn = replaced(
            asked.turn,
            standalone_question=rewritten.question,
            degraded=("rewrite_skipped",) if rewritten.skipped else (),
            usage=rewritten.usage,
            timings_ms={"rewrite": round(self._clock.elapsed_ms() - began_ms)},
        )
        return turn, rewritten

    def _task(self, asked: Asked, turn: Turn, question: str, evidence: tuple[Evidence, ...]) -> AnswerTask:
        owner = asked.turn.owner
        return AnswerTask(
            replaced(asked.question, text=question),
            evidence,
            asked.languages[0],
            standalone=turn.standalone_question,
            history=asked.history,
            instructions=asked.instructions,
            access=(owner.tenant, *asked.readable),
        )

    async def _write(self, progress: _Progress, draft: Draft, asked: Asked, stream: TurnStream) -> Turn:
        answer, first_ms = self._judged(draft, asked), None
        progress.answer = answer
        async with aclosing(draft.write()) as pieces:
            async for piece in pieces:
                if isinstance(piece, Retracted):
                    if answer.text:
                        stream.emit(AnswerReset("model_failed", piece.next_model))
                    answer = progress.answer = self._judged(draft, asked)
                    continue
                if first_ms is None:
                    first_ms = self._clock.elapsed_ms()
                if answer.passes(piece):
                    stream.write(piece)
                elif events := answer.feed(piece):
                    stream.emit(*events)
        if events := answer.finish():
            stream.emit(*events)
        await self._judge_again(progress, answer, stream)
        turn = progress.so_far
        if first_ms is not None:
            first = round(first_ms - asked.started_ms)
            turn = replaced(turn, timings_ms={**turn.timings_ms, "first_text": first})
        return self._closed(turn, answer, draft.model, asked, stream)

    async def _judge_again(self, progress: _Progress, answer: JudgedAnswer, stream: TurnStream) -> None:
        """Ask for the opinion that the answer's claims wait for, if any do."""
        claims = answer.wanted
        if self._judging is None or not claims:
            return
        began_ms = self._clock.elapsed_ms()
        opinion = await self._judging.ask(claims, language=answer.language, book=progress.book)
        took = {"judge": round(self._clock.elapsed_ms() - began_ms)}
        progress.turn = replaced(progress.turn, timings_ms={**progress.turn.timings_ms, **took})
        if events := answer.settle(opinion):
            stream.emit(*events)

    def _judged(self, draft: Draft, asked: Asked) -> JudgedAnswer:
        options, asks = asked.options, self._judging is not None
        return JudgedAnswer(draft.evidence, options.verification, self._analyzer, asked.languages[0], asks)

    def _closed(self, turn: Turn, answer: JudgedAnswer, model: str, asked: Asked, stream: TurnStream) -> Turn:
        options, language = asked.options, asked.languages[0]
        if answer.failed:
            stream.emit(AnswerReset("verification_failed", None))
            return turn.abstained(verification_failed(turn.question, turn.evidence, language=language))
        if not answer.text.strip():
            return turn.abstained(
                insufficient(turn.question, turn.evidence, analyzer=self._analyzer, language=language)
            )
        told = (*source_notices(answer.cited, turn.evidence), *notices(answer.claims, turn.evidence))
        return replaced(turn, notices=told).answered(
            answer.text,
            claims=tuple(answer.claims),
            verifier=None if options.verification is Verification.OFF else answer.verifier,
            references=self._references(answer, asked),
            model=model,
        )

    def _references(self, answer: JudgedAnswer, asked: Asked) -> tuple[Reference, ...]:
        style = asked.options.citation_style
        return references(answer.cited, answer.evidence, style=style, formatter=self._reference_formatter)

    def _broken_off(self, progress: _Progress, asked: Asked) -> Turn:
        """What a turn that ends early has told its readers: they keep it, and find the same when they come back."""
        turn, draft, answer = progress.so_far, progress.draft, progress.answer
        if draft is None or answer is None or not answer.text.strip():
            return turn
        return replaced(
            turn,
            answer=answer.text,
            claims=tuple(answer.claims),
            verifier=None if asked.options.verification is Verification.OFF else answer.verifier,
            references=self._references(answer, asked),
            model=draft.model,
        )

    def _timed(self, turn: Turn, asked: Asked) -> Turn:
        total = round(self._clock.elapsed_ms() - asked.started_ms)
        return replaced(turn, timings_ms={**turn.timings_ms, "total": total})

    async def _store(self, turn: Turn) -> None:
        async with self._unit_of_work() as uow:
            await uow.turns.finish(turn)
            await uow.commit()

    async def _store_failure(self, turn: Turn, asked: Asked) -> None:
        try:
            await self._store(self._timed(turn.ended(TurnStatus.FAILED), asked))
        except Exception as error:
            # The database is what failed, perhaps: the turn's lease then makes it interrupted.
            _log.error("the end of a turn could not be stored", extra={"turn_id": str(asked.turn.id)}, exc_info=error)
