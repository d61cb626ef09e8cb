"""What tells, in the statement that it is read by, whether any document has changed since another one read it."""

from typing import Final

from sqlalchemy import ScalarSelect, Text, cast, func, literal_column, select

from adapters.neon.tables import document_changes
from domain.library.model import UNTOLD

LIBRARY_STATE: Final[ScalarSelect[str]] = (
    select(
        func.coalesce(
            cast(func.sum(func.uuid_hash_extended(document_changes.c.mark, literal_column("0"))), Text),
            literal_column(f"'{UNTOLD}'"),
        )
    )
    .select_from(document_changes)
    .scalar_subquery()
)
"""
Another one after each transaction that changed or removed documents, whoever made it, by the trigger of migration 0017:
the sum of a hash of each mark that they left. A mark is random, and goes only by the hand of one that leaves its own.
UNTOLD where there is none, as in a table that was emptied by hand.
"""
