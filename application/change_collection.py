"""Change what is known of a collection."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from application.ports import UnitOfWorkFactory
from application.read_collections import CountedCollection
from domain.access.model import Principal
from domain.access.readable import require_to_administer
from domain.errors import CollectionInUse
from domain.library.model import check_collection


@dataclass(frozen=True, slots=True)
class ChangeCollection:
    """
    Give some settings of a collection new values, by their names; from the next question on they hold.

    The language may only change while the collection is empty: the stems of its passages are those of the language
    that they were indexed in, and a question in another would miss them without a word. Raises ScopeMissing,
    CollectionNotFound, CollectionInUse, a Refused that names the field, or a PortError.
    """

    unit_of_work: UnitOfWorkFactory

    async def execute(self, principal: Principal, name: str, changes: Mapping[str, Any]) -> CountedCollection:
        require_to_administer(principal, name)
        async with self.unit_of_work() as uow:
            before = await uow.collections.hold(name)
            after = check_collection(replace(before, **changes))
            if after.language != before.language and await uow.documents.any_in(name):
                raise CollectionInUse(name, "language")
            await uow.collections.change(after)
            counts = await uow.documents.counts([name])
            await uow.commit()
        return CountedCollection(after, counts.get(name, 0))
