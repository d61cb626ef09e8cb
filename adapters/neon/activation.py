"""Making versions the active ones: many documents in a handful of round trips."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text, Uuid, any_, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from adapters.neon.rows import as_json, blocks_as_text
from adapters.neon.statements import each, given_like
from adapters.neon.tables import (
    PAST_REQUEST,
    document_versions,
    documents,
    generation_documents,
    passages,
    stale_passages,
)
from adapters.neon.transaction import AnyRow, Transaction
from domain.library.generations import IndexPlace, StalePassage
from domain.library.model import DocumentVersion
from domain.library.ports import Activation, Switched

_ids = bindparam("ids", type_=ARRAY(Uuid()))
_known = (
    select(documents.c.id, PAST_REQUEST.label("requested_at"), documents.c.updated_at)
    .where(documents.c.id == any_(_ids), documents.c.forgotten_at.is_(None))
    # In the order of registering: two that have the same documents at once wait for each other, and never lock up.
    .order_by(documents.c.uri_hash, documents.c.id)
)
_LOCK = _known.with_for_update()
_ACTIVE_PASSAGES = (
    select(passages.c.id, passages.c.document_id)
    .join_from(
        documents,
        passages,
        (passages.c.document_id == documents.c.id) & (passages.c.version == documents.c.version),
    )
    .where(documents.c.id == any_(_ids), passages.c.chunk_chars == bindparam("chunk_chars", type_=Integer()))
)
_UNNOTE = delete(generation_documents).where(generation_documents.c.document_id == any_(_ids))

_VERSION_COLUMNS = ("document_id", "version", "text", "sections", "blocks")
_versions = given_like(document_versions, "given", *_VERSION_COLUMNS)
_ADD_VERSIONS = (
    insert(document_versions).from_select(list(_VERSION_COLUMNS), select(_versions)).on_conflict_do_nothing()
)

_PASSAGE_COLUMNS = ("id", "document_id", "version", "chunk_chars", "start", "end", "text", "section", "input_hash")
_passages = given_like(passages, "given", *_PASSAGE_COLUMNS)
_ADD_PASSAGES = insert(passages).from_select(list(_PASSAGE_COLUMNS), select(_passages)).on_conflict_do_nothing()

_SHOWN_COLUMNS = ("title", "url", "peer_reviewed", "metadata", "version", "updated_at")
_shown = given_like(documents, "shown", "id", *_SHOWN_COLUMNS)
_ACTIVATE = (
    update(documents).where(documents.c.id == _shown.c.id).values({name: _shown.c[name] for name in _SHOWN_COLUMNS})
)

_left = given_like(stale_passages, "gone", "id", "place")
_MARK_STALE = (
    insert(stale_passages).from_select(["id", "place"], select(_left.c.id, _left.c.place)).on_conflict_do_nothing()
)
_UNMARK_STALE = delete(stale_passages).where(
    stale_passages.c.id == any_(_ids), stale_passages.c.place == bindparam("in_place", type_=Text())
)


def stale_key(place: IndexPlace | None) -> str:
    return "" if place is None else place.key


async def mark_stale(transaction: Transaction, stale: Sequence[StalePassage]) -> None:
    if stale:
        rows = sorted((one.id, stale_key(one.place)) for one in stale)
        await transaction.run(_MARK_STALE, each(("id", "place"), rows))


async def add_passages(transaction: Transaction, cut: Sequence[tuple[DocumentVersion, Sequence[bytes], int]]) -> None:
    """Store the passages of versions that are stored, with their hashes and how long they are cut."""
    rows = [row for one in cut for row in _passage_rows(*one)]
    if rows:
        await transaction.run(_ADD_PASSAGES, each(_PASSAGE_COLUMNS, rows))


class Activating:
    """The statements of ``Documents.wanted`` and ``Documents.activate``."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def wanted(self, activations: Sequence[Activation]) -> set[UUID]:
        if not activations:
            return set()
        wanted = {"ids": [activation.document.id for activation in activations]}
        known = {row.id: row for row in await self._transaction.run(_known, wanted)}
        return {one.document.id for one in activations if _may_switch(one, known.get(one.document.id))}

    async def activate(self, activations: Sequence[Activation], place: IndexPlace | None) -> Switched:
        if not activations:
            return Switched()
        # The lock first, in a statement of its own: the next one then sees what whoever held it has done.
        wanted = {"ids": [activation.document.id for activation in activations]}
        known = {row.id: row for row in await self._transaction.run(_LOCK, wanted)}
        living = [one for one in activations if _may_switch(one, known.get(one.document.id))]
        left = {one.document.id for one in activations} - {one.document.id for one in living}
        overtaken = {
            one.document.id for one in living if one.prepared_from not in (None, known[one.document.id].updated_at)
        }
        # One collection, one generation: all of them are cut alike.
        cut = {**wanted, "chunk_chars": activations[0].chunk_chars}
        before = list((await self._transaction.run(_ACTIVE_PASSAGES, cut)).all())
        active = {passage.id for activation in living for passage in activation.version.passages}
        active |= {row.id for row in before if row.document_id in left}
        await self._store(living)
        await self._transaction.run(_UNNOTE, {"ids": [one.document.id for one in living]})
        await self._transaction.run(_UNMARK_STALE, {"ids": sorted(active), "in_place": stale_key(place)})
        # What is left as it is: what the index was given for it must leave again.
        unborn = [passage.id for one in activations if one.document.id in left for passage in one.version.passages]
        gone = dict.fromkeys((*(row.id for row in before), *unborn))
        stale = [StalePassage(passage_id, place) for passage_id in gone if passage_id not in active]
        await mark_stale(self._transaction, stale)
        return Switched(stale, left, overtaken)

    async def _store(self, activations: Sequence[Activation]) -> None:
        if not activations:
            return
        await self._transaction.run(_ADD_VERSIONS, each(_VERSION_COLUMNS, map(_version_row, activations)))
        await add_passages(self._transaction, [(one.version, one.input_hashes, one.chunk_chars) for one in activations])
        await self._transaction.run(_ACTIVATE, each(("id", *_SHOWN_COLUMNS), map(_shown_row, activations)))


def _may_switch(activation: Activation, known: AnyRow | None) -> bool:
    """Not a document that was forgotten meanwhile, nor one that a later request has spoken of."""
    if known is None:
        return False
    last, now = known.requested_at, activation.requested_at
    return last is None or now is None or last <= now


def _version_row(activation: Activation) -> tuple[Any, ...]:
    version = activation.version
    return version.document_id, version.version, version.text, as_json(version.sections), blocks_as_text(version.blocks)


def _passage_rows(version: DocumentVersion, input_hashes: Sequence[bytes], chunk_chars: int) -> list[tuple[Any, ...]]:
    sections = [as_json(section) for section in version.sections]
    return [
        (
            passage.id,
            version.document_id,
            version.version,
            chunk_chars,
            passage.start,
            passage.end,
            passage.text,
            sections[passage.section],
            digest,
        )
        for passage, digest in zip(version.passages, input_hashes, strict=True)
    ]


def _shown_row(activation: Activation) -> tuple[Any, ...]:
    shown = activation.document
    return (
        shown.id,
        shown.title,
        shown.url,
        shown.peer_reviewed,
        as_json(shown.metadata),
        activation.version.version,
        shown.updated_at,
    )
