"""API keys on a terminal."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from entrypoints.terminal.service import Service

PATH: Final = "/v1/admin/api-keys"
_PAGE: Final = 100


def all_keys(service: Service) -> list[dict[str, Any]]:
    """Every key of the service, newest first."""
    return list(_keys(service))


def _keys(service: Service) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = service.get(PATH, limit=_PAGE, **({"cursor": cursor} if cursor else {}))
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def expiry(days: int | None) -> str | None:
    """So many days from now, as the wire writes it."""
    return None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()


def print_issued(issued: Mapping[str, Any]) -> None:
    """The secret alone on standard output, so that it can be put into a file or a variable."""
    click.echo(f"Key {issued['id']}: {_grant(issued)}. Its secret is shown this once:", err=True)
    click.echo(issued["secret"])


def print_keys(keys: list[dict[str, Any]]) -> None:
    if not keys:
        click.echo("There are no keys but the admin key of the settings.", err=True)
    for key in keys:
        click.echo(f"{key['id']}  {key['name']}\n    {_grant(key)}")


def _grant(key: Mapping[str, Any]) -> str:
    limited = key["collections"]
    where = "every collection" if limited is None else f"collections: {', '.join(limited) or 'none'}"
    tenant = "" if key["tenant"] == key["id"] else f", tenant: {key['tenant']}"
    until = f"until {key['expires_at']}" if key["expires_at"] else "without end"
    return f"{', '.join(key['scopes'])}; {where}{tenant}; {until}"
