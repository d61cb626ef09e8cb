"""Ingestion requests and their staged documents on PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    true,
    tuple_,
    update,
)

from adapters.neon.cursors import Position, decode, decode_ordinal, encode, encode_ordinal
from adapters.neon.frequent import Frequent
from adapters.neon.statements import each, given
from adapters.neon.tables import TIME, Json, SqlType, ingestion_documents, ingestions
from adapters.neon.transaction import AnyRow, Transaction
from application.ports import (
    PART,
    Arrival,
    DocumentOutcome,
    Ingestion,
    IngestionKind,
    Ingestions,
    IngestionStatus,
    Outcome,
    StagedDocument,
    StagedPage,
)
from domain.access.embedding_plan import Embedded, EmbeddingPlan
from domain.access.model import Owner
from domain.errors import IngestionNotFound
from domain.library.model import Page, SourceDocument
from domain.library.web_sources import WebPage, WebSource, within_limits

_SOURCE: Final = msgspec.json.Decoder(SourceDocument)
_PLAN: Final = msgspec.json.Decoder(EmbeddingPlan)
_SITE: Final = msgspec.json.Decoder(WebSource)
_PAGE: Final = msgspec.json.Decoder(WebPage)
_A_PAGE: Final = b"page "
"""What a staged page's bytes begin with; a document's are JSON, and begin with a brace."""

_i = ingestions.c
_d = ingestion_documents.c
_this = bindparam("ingestion", type_=Uuid())
# A literal, not a parameter: a partial index serves a prepared statement only if its condition is spelt out.
_pending = _d.outcome == literal_column("'pending'")

_unfinished = _i.status.in_([literal_column("'queued'"), literal_column("'running'")])

_STAGED: Final[Mapping[str, SqlType]] = {
    "ordinal": BigInteger(),
    "uri": Text(),
    "outcome": Text(),
    "error": Text(),
    "source": LargeBinary(),
    "address": Text(),
}
_staged = given("staged", _STAGED)
_ADD = insert(ingestions)
_STAGE = insert(ingestion_documents).from_select(
    ["ingestion_id", *_STAGED], select(_this, *(_staged.c[name] for name in _STAGED))
)

_PLAIN = select(ingestions).where(_i.id == _this)
_counted = (
    select(_d.outcome, func.count().label("documents"), func.sum(_d.passages).label("made"))
    .where(_d.ingestion_id == _i.id)
    .group_by(_d.outcome)
    .lateral("counted")
)
# Looked at again and again while somebody waits: a row for each outcome, all of them with the ingestion.
_GET = Frequent(
    select(ingestions, _counted.c.outcome, _counted.c.documents, _counted.c.made)
    .join_from(ingestions, _counted, true(), isouter=True)
    .where(_i.id == _this)
)
_COUNTS = (
    select(_d.ingestion_id, _d.outcome, func.count(), func.sum(_d.passages))
    .where(_d.ingestion_id == any_(bindparam("ids", type_=ARRAY(Uuid()))))
    .group_by(_d.ingestion_id, _d.outcome)
)
_NEWEST = select(ingestions).order_by(_i.created_at.desc(), _i.id.desc()).limit(bindparam("rows"))
_UNFINISHED = select(_i.id).where(_unfinished).order_by(_i.created_at, _i.id)
_RUNNING = _PLAIN.where(_i.status == IngestionStatus.RUNNING.value)
_START = (
    update(ingestions)
    .where(_i.id == _this, _unfinished)
    .values(status=IngestionStatus.RUNNING.value)
    .returning(*ingestions.c)
)
_KEEP_PLAN = update(ingestions).where(_i.id == _this, _i.plan.is_(None)).values(plan=bindparam("kept_plan", type_=Json))
_LEAVE_OUT = update(ingestions).where(_i.id == _this).values(left_out=_i.left_out + bindparam("count", type_=Integer()))
_COUNT_EMBEDDED = (
    update(ingestions)
    .where(_i.id == _this)
    .values(
        embed_calls=_i.embed_calls + bindparam("calls", type_=Integer()),
        texts_embedded=_i.texts_embedded + bindparam("texts", type_=Integer()),
        texts_reused=_i.texts_reused + bindparam("reused", type_=Integer()),
    )
)
_FINISH = (
    update(ingestions)
    .where(_i.id == _this, _unfinished)
    .values(status=bindparam("new_status"), finished_at=bindparam("at", type_=TIME))
)
_CANCEL_PENDING = (
    update(ingestion_documents).where(_d.ingestion_id == _this, _pending).values(outcome=Outcome.CANCELLED.value)
)
_LOCK = select(_i.status).where(_i.id == _this).with_for_update()
_RETRY = (
    update(ingestions)
    .where(_i.id == _this)
    .values(status=IngestionStatus.QUEUED.value, finished_at=None, retries=_i.retries + 1)
)
_RETRY_DOCUMENTS = (
    update(ingestion_documents)
    .where(
        _d.ingestion_id == _this,
        _d.outcome.in_([Outcome.FAILED.value, Outcome.CANCELLED.value]),
        _d.source.is_not(None),
    )
    .values(outcome=Outcome.PENDING.value, error=None, gone=False)
)

_DOCUMENTS = (
    select(_d.ordinal, _d.uri, _d.outcome, _d.error, _d.passages)
    .where(_d.ingestion_id == _this, _d.ordinal > bindparam("after"), _d.outcome != Outcome.PASSED.value)
    .order_by(_d.ordinal)
    .limit(bindparam("rows"))
)
_PENDING = (
    select(_d.ordinal, _d.source)
    .where(_d.ingestion_id == _this, _pending, _d.ordinal >= bindparam("first"), _d.ordinal < bindparam("end"))
    .order_by(_d.ordinal)
)
_PENDING_URIS = _PENDING.with_only_columns(_d.ordinal, _d.uri)
_PENDING_ORDINALS = select(_d.ordinal).where(_d.ingestion_id == _this, _pending).order_by(_d.ordinal)
_ANY_PENDING = select(exists().where(_d.ingestion_id == _this, _pending))
_REQUESTED = (
    select(_d.uri)
    .where(_d.ingestion_id == _this, _d.outcome.not_in([Outcome.REMOVED.value, Outcome.PASSED.value]), ~_d.gone)
    .order_by(_d.ordinal)
)
_ADDRESSES = select(_d.uri, _d.address, _d.ordinal).where(_d.ingestion_id == _this)
_CALLED = select(
    exists().where(
        _d.ingestion_id == _this,
        _d.ordinal != bindparam("ordinal"),
        _d.uri == bindparam("new_uri"),
        _d.outcome.not_in([Outcome.REMOVED.value, Outcome.PASSED.value]),
    )
)
_CALL = (
    update(ingestion_documents)
    .where(_d.ingestion_id == _this, _d.ordinal == bindparam("of_ordinal"))
    .values(uri=bindparam("new_uri"))
)

_RECORDED: Final[Mapping[str, SqlType]] = {
    "ordinal": BigInteger(),
    "outcome": Text(),
    "error": Text(),
    "passages": Integer(),
    "gone": Boolean(),
}
_recorded = given("recorded", _RECORDED)
_RECORD = (
    update(ingestion_documents)
    .where(
        _d.ingestion_id == _this,
        _d.ordinal == _recorded.c.ordinal,
        _d.outcome.in_([Outcome.PENDING.value, Outcome.CANCELLED.value]),
    )
    .values(
        outcome=_recorded.c.outcome,
        error=_recorded.c.error,
        passages=_recorded.c.passages,
        gone=_recorded.c.gone,
        source=case((_recorded.c.outcome == Outcome.FAILED.value, _d.source), else_=null()),
    )
)
_gone = given("gone", {"place": BigInteger(), "uri": Text()})
_of_ingestion = ingestion_documents.alias()
_RECORD_REMOVED = insert(ingestion_documents).from_select(
    ["ingestion_id", "ordinal", "uri", "outcome"],
    select(
        _this,
        select(func.coalesce(func.max(_of_ingestion.c.ordinal), -1))
        .where(_of_ingestion.c.ingestion_id == _this)
        .scalar_subquery()
        + _gone.c.place,
        _gone.c.uri,
        literal(Outcome.REMOVED.value, Text),
    ).where(
        ~exists().where(
            _of_ingestion.c.ingestion_id == _this,
            _of_ingestion.c.outcome == Outcome.REMOVED.value,
            _of_ingestion.c.uri == _gone.c.uri,
        )
    ),
)


class NeonIngestions(Ingestions):
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, ingestion: Ingestion, arrivals: Sequence[Arrival]) -> None:
        await self._transaction.run(
            _ADD,
            {
                "id": ingestion.id,
                "tenant": ingestion.owner.tenant,
                "user": ingestion.owner.user,
                "collection": ingestion.collection,
                "base_url": ingestion.base_url,
                "prune": ingestion.prune,
                "status": ingestion.status.value,
                "created_at": ingestion.created_at,
                "finished_at": ingestion.finished_at,
                "source": None if ingestion.source is None else msgspec.json.encode(ingestion.source).decode(),
                "kind": ingestion.kind.value,
                "granted": None if ingestion.granted is None else sorted(ingestion.granted),
            },
        )
        await self.stage(ingestion.id, arrivals, first=0)

    async def stage(self, ingestion_id: UUID, arrivals: Sequence[Arrival], *, first: int) -> None:
        if arrivals:
            rows = (_staged_row(ordinal, arrival) for ordinal, arrival in enumerate(arrivals, start=first))
            await self._transaction.run(_STAGE, {"ingestion": ingestion_id, **each(tuple(_STAGED), rows)})

    async def get(self, ingestion_id: UUID, owner: Owner | None) -> Ingestion:
        rows = await self._transaction.fetch(_GET, {"ingestion": ingestion_id})
        if not rows or (owner is not None and Owner(rows[0].tenant, rows[0].user) != owner):
            raise IngestionNotFound(ingestion_id)
        counted = [(row.outcome, row.documents, row.made) for row in rows if row.outcome is not None]
        return _with_counts(rows[0], counted)

    async def list(self, owner: Owner | None, *, limit: int, cursor: str | None) -> Page[Ingestion]:
        listing = f"ingestions of {owner}"
        statement = _NEWEST
        wanted: dict[str, Any] = {"rows": limit + 1}
        if owner is not None:
            statement = statement.where(_i.tenant == bindparam("tenant"), _i.user == bindparam("user"))
            wanted |= {"tenant": owner.tenant, "user": owner.user}
        if cursor is not None:
            last = decode(listing, cursor)
            place = tuple_(bindparam("before", type_=TIME), bindparam("last", type_=Uuid()))
            statement = statement.where(tuple_(_i.created_at, _i.id) < place)
            wanted |= {"before": last.created_at, "last": last.id}
        rows = (await self._transaction.run(statement, wanted)).all()
        found = await self._counted(rows[:limit])
        more = len(rows) > limit
        return Page(found, encode(listing, Position(found[-1].created_at, found[-1].id)) if more else None)

    async def _counted(self, rows: Sequence[AnyRow]) -> Sequence[Ingestion]:
        counts: dict[UUID, list[tuple[str, int, int]]] = {row.id: [] for row in rows}
        for ingestion_id, *counted in await self._transaction.run(_COUNTS, {"ids": list(counts)}):
            counts[ingestion_id].append(tuple(counted))
        return [_with_counts(row, counts[row.id]) for row in rows]

    async def documents(self, ingestion_id: UUID, *, limit: int, cursor: str | None) -> Page[DocumentOutcome]:
        listing = f"documents of ingestion {ingestion_id}"
        after = -1 if cursor is None else decode_ordinal(listing, cursor)
        wanted = {"ingestion": ingestion_id, "after": after, "rows": limit + 1}
        rows = (await self._transaction.run(_DOCUMENTS, wanted)).all()
        found = [DocumentOutcome(row.uri, Outcome(row.outcome), row.error, row.passages) for row in rows[:limit]]
        return Page(found, encode_ordinal(listing, rows[limit - 1].ordinal) if len(rows) > limit else None)

    async def unfinished(self) -> Sequence[UUID]:
        return list((await self._transaction.run(_UNFINISHED)).scalars())

    async def pending(self, ingestion_id: UUID, ordinals: range) -> Sequence[StagedDocument | StagedPage]:
        wanted = {"ingestion": ingestion_id, "first": ordinals.start, "end": ordinals.stop}
        rows = await self._transaction.run(_PENDING, wanted)
        return [_staged_of(ordinal, source) for ordinal, source in rows]

    async def discover(self, ingestion_id: UUID, pages: Sequence[WebPage], *, most: int) -> Sequence[int]:
        if not pages or not await self._goes_on(ingestion_id):
            return []
        rows = (await self._transaction.run(_ADDRESSES, {"ingestion": ingestion_id})).all()
        known = {row.uri for row in rows} | {row.address for row in rows}
        new = list({page.address: page for page in pages if page.address not in known}.values())
        there = sum(row.address is not None for row in rows)
        taken = within_limits(new, there=there, sitemaps_there=len(rows) - there, most=most)
        first = (max((row.ordinal for row in rows), default=-1) // PART + 1) * PART
        await self.stage(ingestion_id, taken, first=first)
        await self.leave_out(ingestion_id, len(new) - len(taken))
        return range(first, first + len(taken))

    async def call(self, ingestion_id: UUID, ordinal: int, uri: str) -> bool:
        await self._goes_on(ingestion_id)
        wanted = {"ingestion": ingestion_id, "new_uri": uri}
        if (await self._transaction.run(_CALLED, {**wanted, "ordinal": ordinal})).scalar_one():
            return False
        await self._transaction.run(_CALL, {**wanted, "of_ordinal": ordinal})
        return True

    async def leave_out(self, ingestion_id: UUID, count: int) -> None:
        if count:
            await self._transaction.run(_LEAVE_OUT, {"ingestion": ingestion_id, "count": count})

    async def _goes_on(self, ingestion_id: UUID) -> bool:
        """Whether it has not ended; its row is held until this unit ends."""
        row = (await self._transaction.run(_LOCK, {"ingestion": ingestion_id})).one_or_none()
        return row is not None and not IngestionStatus(row.status).is_final

    async def pending_uris(self, ingestion_id: UUID, ordinals: range) -> Sequence[tuple[int, str]]:
        wanted = {"ingestion": ingestion_id, "first": ordinals.start, "end": ordinals.stop}
        return [(row.ordinal, row.uri) for row in await self._transaction.run(_PENDING_URIS, wanted)]

    async def pending_ordinals(self, ingestion_id: UUID) -> Sequence[int]:
        return list((await self._transaction.run(_PENDING_ORDINALS, {"ingestion": ingestion_id})).scalars())

    async def requested_uris(self, ingestion_id: UUID) -> Sequence[str]:
        return list((await self._transaction.run(_REQUESTED, {"ingestion": ingestion_id})).scalars())

    async def start(self, ingestion_id: UUID) -> Ingestion | None:
        # Most of its parts find it running: with a new version of the row for each they would wait for one another.
        row = (await self._transaction.run(_RUNNING, {"ingestion": ingestion_id})).one_or_none()
        if row is None:
            row = (await self._transaction.run(_START, {"ingestion": ingestion_id})).one_or_none()
        return None if row is None else _ingestion_of(row)

    async def keep_plan(self, ingestion_id: UUID, plan: EmbeddingPlan) -> None:
        kept = msgspec.json.encode(plan).decode()
        await self._transaction.run(_KEEP_PLAN, {"ingestion": ingestion_id, "kept_plan": kept})

    async def count_embedded(self, ingestion_id: UUID, more: Embedded) -> None:
        counted = {"calls": more.calls, "texts": more.texts, "reused": more.reused}
        await self._transaction.run(_COUNT_EMBEDDED, {"ingestion": ingestion_id, **counted})

    async def done(self, ingestion_id: UUID) -> bool:
        # Most parts find others pending, and need hold nobody up. The last to record what it did finds none.
        if await self._any_pending(ingestion_id):
            return False
        # The lock first, in a statement of its own: the next one then sees what whoever held it has done.
        row = (await self._transaction.run(_LOCK, {"ingestion": ingestion_id})).one()
        return not IngestionStatus(row.status).is_final and not await self._any_pending(ingestion_id)

    async def _any_pending(self, ingestion_id: UUID) -> bool:
        return bool((await self._transaction.run(_ANY_PENDING, {"ingestion": ingestion_id})).scalar_one())

    async def record(self, ingestion_id: UUID, outcomes: Mapping[int, DocumentOutcome]) -> None:
        if not outcomes:
            return
        rows = ((ordinal, one.outcome.value, one.error, one.passages, one.gone) for ordinal, one in outcomes.items())
        recorded = each(tuple(_RECORDED), rows)
        await self._transaction.run(_RECORD, {"ingestion": ingestion_id, **recorded})

    async def record_removed(self, ingestion_id: UUID, uris: Sequence[str]) -> None:
        if uris:
            gone = each(("place", "uri"), enumerate(dict.fromkeys(uris), start=1))
            await self._transaction.run(_RECORD_REMOVED, {"ingestion": ingestion_id, **gone})

    async def finish(self, ingestion_id: UUID, status: IngestionStatus, *, at: datetime) -> None:
        await self._transaction.run(_FINISH, {"ingestion": ingestion_id, "new_status": status.value, "at": at})

    async def cancel(self, ingestion_id: UUID, *, at: datetime) -> bool:
        ended = {"ingestion": ingestion_id, "new_status": IngestionStatus.CANCELLED.value, "at": at}
        if (await self._transaction.run(_FINISH, ended)).rowcount == 0:
            return False
        await self._transaction.run(_CANCEL_PENDING, {"ingestion": ingestion_id})
        return True

    async def retry(self, ingestion_id: UUID) -> int:
        row = (await self._transaction.run(_LOCK, {"ingestion": ingestion_id})).one()
        if not IngestionStatus(row.status).is_final:
            return 0
        again = (await self._transaction.run(_RETRY_DOCUMENTS, {"ingestion": ingestion_id})).rowcount
        if again:
            await self._transaction.run(_RETRY, {"ingestion": ingestion_id})
        return again


def _staged_row(ordinal: int, arrival: Arrival) -> tuple[int, str, str, str | None, bytes | None, str | None]:
    if isinstance(arrival, DocumentOutcome):
        return ordinal, arrival.uri, arrival.outcome.value, arrival.error, None, None
    encoded = msgspec.json.encode(arrival)
    if isinstance(arrival, WebPage):
        address = None if arrival.is_sitemap else arrival.address
        return ordinal, arrival.uri, Outcome.PENDING.value, None, _A_PAGE + encoded, address
    return ordinal, arrival.uri, Outcome.PENDING.value, None, encoded, None


def _staged_of(ordinal: int, source: bytes) -> StagedDocument | StagedPage:
    if source.startswith(_A_PAGE):
        return StagedPage(ordinal, _PAGE.decode(source[len(_A_PAGE) :]))
    return StagedDocument(ordinal, _SOURCE.decode(source))


def _with_counts(row: Any, counted: Sequence[tuple[str, int, int]]) -> Ingestion:
    """An ingestion from its row; how many documents have each outcome, and how many passages they have made."""
    counts = {**dict.fromkeys(Outcome, 0), **{Outcome(outcome): count for outcome, count, _ in counted}}
    passages = sum(made for _, _, made in counted)
    return replace(_ingestion_of(row), counts=_named(counts), passages=passages)


def _ingestion_of(row: Any) -> Ingestion:
    return Ingestion(
        row.id,
        Owner(row.tenant, row.user),
        row.collection,
        row.base_url,
        row.prune,
        IngestionStatus(row.status),
        row.created_at,
        row.finished_at,
        retries=row.retries,
        plan=None if row.plan is None else _PLAN.decode(row.plan),
        source=None if row.source is None else _SITE.decode(row.source),
        left_out=row.left_out,
        kind=IngestionKind(row.kind),
        embedded=Embedded(row.embed_calls, row.texts_embedded, row.texts_reused),
        granted=None if row.granted is None else frozenset(row.granted),
    )


def _named(counts: Mapping[Outcome, int]) -> dict[str, int]:
    requested = sum(count for one, count in counts.items() if one not in (Outcome.REMOVED, Outcome.PASSED))
    named = {one.value: count for one, count in counts.items() if one not in (Outcome.PENDING, Outcome.PASSED)}
    return {"total": requested, **named}
