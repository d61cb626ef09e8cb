"""Of what a search brought, what an answer is written from; scores are taken only of what they are needed for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.retrieval.model import FoundPassage
from domain.retrieval.near_duplicates import drop_near_duplicates
from domain.retrieval.preference import Scored, are_peers, by_trust, prefer, varied
from domain.retrieval.relevance import relevance
from domain.text import Analyzer


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely each passage answers the question; of ``lexical`` collections by words alone. Once a passage."""

    question: str
    analyzer: Analyzer
    language: str
    dense_asked: bool
    lexical: frozenset[str] = frozenset()
    _known: dict[int, float] = field(default_factory=dict)
    """By the ids' numbers: an id is hashed in Python."""

    def of(self, found: FoundPassage) -> float:
        source = found.source
        number = source.passage.id.int
        chance = self._known.get(number)
        if chance is None:
            chance = self._known[number] = relevance(
                self.question,
                source.passage.text,
                (source.document.title, *source.section.heading_path),
                found.hit,
                analyzer=self.analyzer,
                language=self.language,
                dense_asked=self.dense_asked and source.document.collection not in self.lexical,
            )
        return chance


def choose(
    read: Sequence[FoundPassage],
    first: Sequence[FoundPassage],
    trust: Mapping[str, int],
    chances: Chances,
    *,
    top_k: int,
    reranked: bool = False,
) -> list[FoundPassage]:
    """
    The passages to answer from: the ``first`` of those that were ``read`` where no rule of preference applies.

    Both are in the order of their rank. A reranker's order is kept as it is, but for trust: how alike its scores are is
    not known.
    """
    if are_peers(read, trust):
        if reranked:
            return list(first)
        shown = {found.source.passage.id for found in first}
        others = [found for found in read if found.source.passage.id not in shown]
        chosen = varied(first, others, chances.of)
        # What is taken instead may repeat what is there; seldom is anything taken.
        exchanged = any(found.source.passage.id not in shown for found in chosen)
        return list(first) if exchanged and len(drop_near_duplicates(chosen)) < len(chosen) else chosen
    merits = {found.source.passage.id: -place if reranked else found.hit.score for place, found in enumerate(read)}
    distinct = drop_near_duplicates(by_trust(read, trust))
    scored = [Scored(found, chances.of(found), merits[found.source.passage.id]) for found in distinct]
    return [one.passage for one in prefer(scored, trust, top_k=top_k)]
