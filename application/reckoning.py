"""Counts what embedding prepared documents will buy, against what the plan has left."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from math import ceil

from application.passage_vectors import PassageVectors
from application.ports import PART, Clock, UnitOfWorkFactory
from application.prepare_documents import PreparedDocument, Unprepared
from domain.access.embedding_plan import EmbeddingPlan, against
from domain.access.ports import ProviderBudgets
from domain.conversation.tokens import estimated_tokens
from domain.retrieval.ports import Embedder


@dataclass(slots=True)
class Count:
    """What was counted so far; ``seen`` are the hashes of the inputs that will have been bought by then."""

    documents: int = 0
    passages: int = 0
    inputs: int = 0
    calls: int = 0
    tokens: int = 0
    seen: set[bytes] = field(default_factory=set)

    def plan(self) -> EmbeddingPlan:
        return EmbeddingPlan(self.documents, self.passages, self.inputs, self.calls, self.tokens)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """``texts_a_call``: how many texts the embedder sends in one call; 0: it buys nothing."""

    unit_of_work: UnitOfWorkFactory
    embedder: Embedder
    budgets: ProviderBudgets
    clock: Clock
    keep_vectors: bool = True
    texts_a_call: int = 0

    async def add(
        self,
        count: Count,
        prepared: Sequence[PreparedDocument | Unprepared],
        granted: Set[str] | None,
        *,
        free: bool = False,
    ) -> None:
        """
        One batch, as it will be embedded together.

        ``granted``: the collections of whoever asks (None: all); that there is a vector for a passage of another's
        collection is not counted. ``free``: they are indexed by another embedder, and nothing is bought.
        """
        inputs: dict[bytes, str] = {}
        for one in prepared:
            if isinstance(one, PreparedDocument):
                count.documents += 1
                count.passages += len(one.inputs)
                inputs |= zip(one.hashes, one.inputs, strict=True)
        if not inputs or free:
            return
        there: Set[bytes] = count.seen if self.keep_vectors else frozenset()
        if self.keep_vectors:
            async with self.unit_of_work() as uow:
                kept = (await uow.embeddings.get(self.embedder.name, list(inputs))).keys()
            there = there | (kept - await PassageVectors(self.unit_of_work).unknown(inputs, granted))
        missing = inputs.keys() - there
        count.seen |= missing
        count.inputs += len(missing)
        count.calls += ceil(len(missing) / self.texts_a_call)
        count.tokens += sum(estimated_tokens(inputs[digest]) for digest in missing)

    async def total(self, count: Count) -> EmbeddingPlan:
        return against(count.plan(), await self.budgets.left(), self.clock.now())

    async def of_a_sample(self, count: Count, *, read: int, of: int) -> EmbeddingPlan:
        """The same for ``of`` pages when only ``read`` of them were counted, which stand for the others."""
        if read >= of:
            return await self.total(count)
        plan, share = count.plan(), of / max(read, 1)
        inputs = ceil(plan.inputs * share)
        a_part = ceil(plan.inputs * PART / max(read, 1) / self.texts_a_call)
        scaled = replace(
            plan,
            documents=ceil(plan.documents * share),
            passages=ceil(plan.passages * share),
            inputs=inputs,
            calls=min(inputs, a_part * ceil(of / PART)),
            tokens=ceil(plan.tokens * share),
        )
        return against(scaled, await self.budgets.left(), self.clock.now())
