"""pgqueuer's statements, of which one must not fail for good."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from asyncpg import PostgresConnectionError, PostgresError
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job, TracebackRecord

_AGAIN_S: Final = 1.0
_log = logging.getLogger("ibid.ingest")


class PersistentQueries(Queries):
    """
    Puts a job off until the database takes it.

    Where that failed, on a full disk say, the engine took the job for failed and out of the queue: what it stood for
    waited for the next start.
    """

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        while True:
            try:
                await super().retry_job(job, delay, traceback_record)
            except PostgresConnectionError:
                raise
            except PostgresError as error:
                _log.warning("a job could not be put off; it is tried again", extra={"sqlstate": error.sqlstate})
                await asyncio.sleep(_AGAIN_S)
            else:
                return
