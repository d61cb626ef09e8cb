"""What a diagnosis asks of the database besides whether it answers: is its schema this release's."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.migrate import REVISIONS, SchemaState, schema_state
from domain.errors import PortRefused


@dataclass(frozen=True, slots=True)
class SchemaProbe:
    engine: AsyncEngine
    mend: str = "run `ibid migrate`"
    part: str = "schema"

    async def ask(self) -> str:
        state = await schema_state(self.engine)
        if state in (SchemaState.EMPTY, SchemaState.BEHIND):
            raise PortRefused("database", f"its schema is {state.value}, this release needs {REVISIONS[-1]}")
        if state is SchemaState.UNKNOWN:
            return f"newer than this release, which knows {REVISIONS[-1]}"
        return f"current ({REVISIONS[-1]})"
