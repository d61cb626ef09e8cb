"""pgqueuer as it is used here: one of its statements must not fail for good, and its schema is Alembic's."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from asyncpg import PostgresConnectionError, PostgresError
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job, TracebackRecord

AGAIN_AFTER_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""As long as a lease in all."""
_log = logging.getLogger("ibid.ingest")


class OurSchema(QueueManager):
    """
    Takes its tables to be there: a migration makes them, and a service looks at the schema when it starts.

    The engine asks for them, column by column, at every start of a drain: 15 statements, and half of the time that a
    small upload waits for its work to begin.
    """

    async def verify_structure(self) -> None:
        """Nothing to look at."""


class PersistentQueries(Queries):
    """
    Tries for a while to put a job off that the database did not take back.

    Where that failed, on a full disk say, the engine took the job for failed and out of the queue: what it stood for
    waited for the next start. What is not put off in the end stays as it is, being worked on: the drain gives it back
    when it ends, and says so; elsewhere its lease runs out.
    """

    again_after_s: Sequence[float] = AGAIN_AFTER_S

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        for again_s in (*self.again_after_s, None):
            try:
                await super().retry_job(job, delay, traceback_record)
            except PostgresConnectionError:
                raise
            except PostgresError as error:
                if again_s is None:
                    _log.error("a job could not be put off; it is left to come again", extra={"job_id": job.id})
                    return
                _log.warning("a job could not be put off; it is tried again", extra={"sqlstate": error.sqlstate})
                await asyncio.sleep(again_s)
            else:
                return
