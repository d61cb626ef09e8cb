"""The first transaction of a turn: everything that is settled before anything slow begins."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from application.events import TurnStarted
from application.ports import Clock, IdSource, KeyedRequest, UnitOfWork, UnitOfWorkFactory
from application.reading import languages_of, trust_of, verification_of
from application.turn_stream import TurnStream
from application.turn_streams import MAX_RUNNING_PER_USER, Slot, TurnStreams
from domain.access.model import Principal
from domain.access.readable import ReadableCollections, readable_collections
from domain.conversation.model import AskOptions, Conversation, Question, Turn, TurnStatus
from domain.conversation.prompt import Exchange
from domain.errors import CollectionNotFound, PortError
from domain.library.model import Collection
from domain.quick_init import quick_init, replaced

LEASE: Final = timedelta(seconds=180)
"""How long a process may hold a running turn: models may take 28 + 120 s in all, and half a minute is for the rest."""
HISTORY: Final = 6
"""Earlier turns of a conversation that are read back: the prompt's budget seldom holds as many."""


@quick_init
@dataclass(frozen=True, slots=True)
class AskQuestionCommand:
    """``keyed``: what the request's idempotency key says of it, if it came with one."""

    principal: Principal
    question: Question
    collections: Sequence[str] | None = None
    conversation_id: UUID | None = None
    options: AskOptions = field(default_factory=AskOptions)
    keyed: KeyedRequest | None = None


@quick_init
@dataclass(frozen=True, slots=True)
class Asked:
    """What the first transaction settled: everything that answering needs and nothing that it must look up again."""

    turn: Turn
    question: Question
    options: AskOptions
    readable: ReadableCollections
    collections: tuple[Collection, ...]
    languages: tuple[str, ...]
    trust: Mapping[str, int]
    instructions: tuple[str, ...]
    history: tuple[Exchange, ...]
    started_ms: float


class Storing:
    """Of one turn: whether it has been stored, and in which state the library was then, once that is known."""

    __slots__ = ("_known", "_state")

    def __init__(self) -> None:
        self._known = asyncio.Event()
        self._state: str | None = None

    def stored(self, state: str) -> None:
        self._state = state
        self._known.set()

    def failed(self) -> None:
        self._known.set()

    async def stands(self) -> bool:
        await self._known.wait()
        return self._state is not None

    async def library_state(self) -> str:
        """For what is only done for a turn that stands: ends the task of one that does not, as being cancelled does."""
        await self._known.wait()
        if self._state is None:
            raise asyncio.CancelledError
        return self._state


@quick_init
@dataclass(frozen=True, slots=True)
class Begun:
    """``storing``: before it has ended well nothing is told, and neither reranker nor model asked."""

    asked: Asked
    stream: TurnStream
    slot: Slot
    storing: Storing


Answering: TypeAlias = Callable[[Begun], None]
"""Begins to answer, in a task of its own. Raises nothing."""


class _OtherCollections(Exception):
    """The collections are others than they were presumed to be."""


class BeginTurn:
    """
    Stores a question as a running turn, with its key and its place in the conversation.

    ``shared``: other processes answer too, so that one user's running turns are counted in the database. ``alone``
    makes units whose statements are each a transaction of their own.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        alone: UnitOfWorkFactory,
        streams: TurnStreams,
        clock: Clock,
        ids: IdSource,
        holder: str,
        shared: bool = False,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._alone = alone
        self._streams = streams
        self._clock = clock
        self._ids = ids
        self._holder = holder
        self._shared = shared
        self._stores = True

    async def execute(self, command: AskQuestionCommand, answering: Answering = lambda _: None) -> Begun | UUID:
        """
        The turn that has begun; or, where the key says that the question was asked before, the id of that turn.

        ``answering`` is called once for the turn, or for each that is tried: while it is being stored, where by then
        it can hardly be refused or rewritten, else once it is. Its stream is cancelled when storing fails;
        what it has begun to buy by then is bought anew for the next try.

        Nothing at all is stored when it raises: CollectionNotFound, ConversationNotFound, ConversationBusy,
        IdempotencyKeyReused, Overloaded, TooManyRunning or a PortError.
        """
        try:
            return await self._begun(command, answering, presuming=True)
        except _OtherCollections:
            return await self._begun(command, answering, presuming=False)

    async def _begun(self, command: AskQuestionCommand, answering: Answering, *, presuming: bool) -> Begun | UUID:
        started_ms = self._clock.elapsed_ms()
        turn_id, now = self._ids.new(), self._clock.now()
        of_user = MAX_RUNNING_PER_USER if self._shared and command.principal.owner.user else None
        # A conversation and its first turn are stored by one statement: BEGIN and COMMIT would be two round trips more.
        one_writes = command.keyed is None and command.conversation_id is None and of_user is None
        async with (self._alone if one_writes else self._unit_of_work)() as uow:
            if command.keyed is not None:
                effect = await uow.idempotency_keys.claim(command.keyed, turn_id, turn=turn_id, at=now)
                if effect != turn_id:
                    return effect
            slot = self._streams.admit(command.principal.owner)
            try:
                if one_writes and presuming:
                    collections, presumed = await uow.collections.presumed()
                else:
                    collections, presumed = await uow.collections.all(), None
                conversation, is_new = await self._conversation(uow, command)
                history = await self._history(uow, command)
                asked = self._asked_collections(command, conversation, collections)
                readable = _readable(command.principal, collections, asked, presumed)
                turn = Turn.begin(turn_id, conversation.id, command.principal.owner, command.question, now)
                settled = _settled(command, turn, readable, collections, history, started_ms)
                # Open before anybody else can see the turn: whoever finds its key finds its stream.
                begun = Begun(settled, self._streams.open(turn), slot, Storing())
                begun.stream.emit(TurnStarted(turn.id, turn.conversation_id))
                # A follow-up may be rewritten first, or be refused; with the database gone all are.
                at_once = command.conversation_id is None and of_user is None and self._stores
                if at_once:
                    answering(begun)
                opens = conversation if is_new else None
                await self._store(
                    uow, begun, until=now + LEASE, of_user_at_most=of_user, opens=opens, presumed=presumed
                )
            except BaseException:
                slot.give_back()
                raise
        if not at_once:
            answering(begun)
        return begun

    async def _store(
        self,
        uow: UnitOfWork,
        begun: Begun,
        *,
        until: datetime,
        of_user_at_most: int | None,
        opens: Conversation | None,
        presumed: str | None,
    ) -> None:
        try:
            state = await uow.turns.begin(
                begun.asked.turn,
                holder=self._holder,
                lease_until=until,
                of_user_at_most=of_user_at_most,
                opens=opens,
                presumed=presumed,
            )
            if state is None:
                raise _OtherCollections
            await uow.commit()
        except BaseException as error:
            # With the database gone nothing is to be bought for questions that end here.
            self._stores = not isinstance(error, PortError)
            self._streams.discard(begun.stream.turn_id)
            begun.storing.failed()
            begun.stream.cancel()
            raise
        self._stores = True
        begun.storing.stored(state)

    async def _conversation(self, uow: UnitOfWork, command: AskQuestionCommand) -> tuple[Conversation, bool]:
        """The conversation, and whether the turn opens it."""
        owner, title = command.principal.owner, Conversation.title_for(command.question)
        if command.conversation_id is not None:
            conversation = await uow.conversations.get(command.conversation_id, owner)
            if not conversation.title:
                conversation = replace(conversation, title=title)
                await uow.conversations.update(conversation)
            return conversation, False
        asked = tuple(command.collections or ())
        return Conversation(self._ids.new(), owner, title, asked, self._clock.now()), True

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


def _settled(
    command: AskQuestionCommand,
    turn: Turn,
    readable: ReadableCollections,
    collections: Sequence[Collection],
    history: tuple[Exchange, ...],
    started_ms: float,
) -> Asked:
    languages = languages_of(collections, readable)
    options = command.options
    if not options.verification_said:
        options = replaced(options, verification=verification_of(collections, readable))
    instructions = tuple(one.instructions for one in collections if one.name in readable and one.instructions)
    trust = trust_of(collections)
    known = tuple(one for one in collections if one.name in readable)
    return Asked(turn, command.question, options, readable, known, languages, trust, instructions, history, started_ms)


def _readable(
    principal: Principal, collections: Sequence[Collection], asked: Sequence[str] | None, presumed: str | None
) -> ReadableCollections:
    try:
        return readable_collections(principal, collections, asked=asked)
    except CollectionNotFound:
        if presumed is not None:
            raise _OtherCollections from None  # perhaps: it may have been made since
        raise
