"""The vectors of passages: kept ones from the database, and what is missing from the embedder."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from application.ports import UnitOfWorkFactory
from domain.access.embedding_plan import Embedded
from domain.retrieval.model import Purpose, Vector
from domain.retrieval.ports import Embedder


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """``keep``: what is bought is kept, and looked for first."""

    unit_of_work: UnitOfWorkFactory
    keep: bool = True

    async def of(
        self, embedder: Embedder, inputs: Mapping[bytes, str]
    ) -> tuple[Mapping[bytes, Vector], Mapping[bytes, Vector]]:
        """
        Every vector of the inputs, by their hashes, and of these the newly made ones, which nobody has stored yet.

        Raises a PortError.
        """
        if not inputs:
            return {}, {}
        kept: Mapping[bytes, Vector] = {}
        if self.keep:
            async with self.unit_of_work() as uow:
                kept = await uow.embeddings.get(embedder.name, list(inputs))
        missing = [digest for digest in inputs if digest not in kept]
        made = await embedder.embed([inputs[digest] for digest in missing], purpose=Purpose.PASSAGE)
        bought = dict(zip(missing, made, strict=True))
        if not self.keep:
            return bought, bought
        # Rounded now as they will be when they are read back, so that an index made again is the same one.
        async with self.unit_of_work() as uow:
            return {**kept, **uow.embeddings.as_kept(bought)}, bought

    async def unknown(self, inputs: Iterable[bytes], granted: Set[str] | None) -> Set[bytes]:
        """
        Those of the inputs that somebody who is granted these collections (None: all) must take for new.

        That another's passage has the same text is that other's affair, and nobody is told of it.
        """
        hashes = list(inputs)
        if granted is None or not hashes:
            return frozenset()
        async with self.unit_of_work() as uow:
            return frozenset(hashes) - await uow.documents.inputs_in(granted, hashes)

    async def embedded(
        self, inputs: Mapping[bytes, str], bought: Iterable[bytes], texts_a_call: int, granted: Set[str] | None
    ) -> Embedded:
        """
        What having the vectors of the inputs took, as it is told to whoever is granted these collections.

        Nothing where ``texts_a_call`` is 0: the embedder buys nothing.
        """
        if not texts_a_call:
            return Embedded()
        texts = len(await self.unknown(inputs, granted) | set(bought))
        return Embedded(-(-texts // texts_a_call), texts, len(inputs) - texts)
