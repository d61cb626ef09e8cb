"""What a diagnosis asks of the database besides whether it answers: is its schema this release's."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.migrate import REVISIONS, SchemaState, schema_state
from domain.errors import PortRefused


@dataclass(frozen=True, slots=True)
class SchemaProbe:
    engine: AsyncEngine
    mend: str = "run `ibid migrate` of the newest release that uses this database"
    part: str = "schema"

    async def ask(self) -> str:
        state = await schema_state(self.engine)
        if state in (SchemaState.EMPTY, SchemaState.BEHIND):
            raise PortRefused("database", f"its schema is {state.value}, this release needs {REVISIONS[-1]}")
        if state is SchemaState.UNKNOWN:
            raise PortRefused("database", f"its schema is newer than {REVISIONS[-1]}, which is what this release knows")
        if state is SchemaState.AHEAD:
            return f"one release newer than this one's {REVISIONS[-1]}, which still runs on it"
        return f"current ({REVISIONS[-1]})"
