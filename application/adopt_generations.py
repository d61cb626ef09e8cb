"""Learn how the collections of a time before generations are indexed, so that their vectors are never mixed."""

import logging
from dataclasses import dataclass

from application.embedders import Embedders
from application.ports import Clock, UnitOfWorkFactory
from domain.library.chunking import CHUNK_CHARS

_log = logging.getLogger("ibid.index")


@dataclass(frozen=True, slots=True)
class AdoptGenerations:
    """Note for each collection that has documents how it is indexed, where that was not noted yet."""

    unit_of_work: UnitOfWorkFactory
    embedders: Embedders
    clock: Clock

    async def execute(self) -> None:
        """Raises a PortError."""
        async with self.unit_of_work() as uow:
            for name, places in (await uow.generations.unknown()).items():
                # What was embedded by another model is that one's; where it cannot be told, it was as the settings say.
                place = self.embedders.place
                if places and place not in places:
                    place = places[0]
                await uow.generations.adopt(name, place, CHUNK_CHARS, at=self.clock.now())
            await uow.commit()

    async def warn(self) -> None:
        """Name the collections that another embedder indexes than the one that is set; raises a PortError."""
        async with self.unit_of_work() as uow:
            collections = await uow.collections.all()
        for collection in collections:
            place, _ = self.embedders.place_and_cut(collection)
            if place.embedder == self.embedders.default.name:
                continue
            available = self.embedders.named(place.embedder) is not None
            _log.warning(
                "a collection is indexed by another embedder than the settings name; it goes on %s until you run "
                "`ibid reindex %s --embedder %s`",
                "as it is" if available else "by words alone, and takes no documents,",
                collection.name,
                self.embedders.default.name,
                extra={"collection": collection.name, "indexed_by": place.embedder, "set": self.embedders.default.name},
            )
