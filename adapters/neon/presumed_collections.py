"""The collections as a process that shares its database last read them, and what tells whether they still are."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ScalarSelect, Text, cast, func, literal_column, select

from adapters.neon.tables import collections, index_generations
from domain.library.model import Collection


class PresumedCollections:
    """To be held against the database by whoever uses them, in the statement that does."""

    def __init__(self) -> None:
        self.found: Sequence[Collection] | None = None
        self.standing = ""

    def keep(self, found: Sequence[Collection], standing: str) -> None:
        self.found, self.standing = found, standing


_c, _g = collections.alias("standing_c"), index_generations.alias("standing_g")
_versions = func.concat_ws(
    literal_column("' '"),
    _c.c.name,
    literal_column("standing_c.xmin::text"),
    *(_g.c[name] for name in ("number", "embedder", "dimensions", "slot", "chunk_chars")),
)

STANDING: Final[ScalarSelect[str]] = (
    select(
        cast(func.coalesce(func.sum(func.hashtextextended(_versions, literal_column("0"))), literal_column("0")), Text)
    )
    .select_from(_c.outerjoin(_g, (_g.c.collection == _c.c.name) & (_g.c.state == literal_column("'active'"))))
    .scalar_subquery()
)
"""
Another one after each change of a collection, or of the generation that is its active one: the sum of a hash of each
row's name, of the transaction that wrote it, and of what its generation is.
"""
