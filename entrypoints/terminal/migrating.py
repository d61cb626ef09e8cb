"""Bring the operator's database up to date; the embedded one does so itself at every start."""

import asyncio

from domain.errors import PortError
from entrypoints.settings import read_environment, read_settings
from entrypoints.terminal.failures import CommandFailed


def migrate_database() -> str:
    """What was done, in a line. Raises CommandFailed or SettingsError."""
    settings = read_settings(read_environment())
    # Migrations need a session of their own, which a transaction pooler does not give.
    secret = settings.database_url_unpooled or settings.database_url
    if secret is None:
        return "The embedded database is brought up to date at every start; there is nothing to do."
    from adapters.neon.migrate import migrate

    try:
        asyncio.run(migrate(secret.reveal()))
    except PortError as error:
        raise CommandFailed(f"{error}; check DATABASE_URL and DATABASE_URL_UNPOOLED") from error
    return "The database's schema is up to date."
