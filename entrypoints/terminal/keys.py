"""`ibid keys`: issue, list and revoke API keys. What a command needs is imported when it runs."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

if TYPE_CHECKING:
    from entrypoints.terminal.service import Service

PATH: Final = "/v1/admin/api-keys"
_PAGE: Final = 100


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.group()
def keys() -> None:
    """Issue, list and revoke API keys."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["ask", "ingest", "admin", "act_as"]),
    help="What it may do; can be given several times.",
)
@click.option(
    "--collection", "collections", multiple=True, metavar="NAME", help="Limit it to these; can be given several times."
)
@click.option("--days", type=click.IntRange(1, 36_500), metavar="N", help="It expires after so many days.")
@click.option("--tenant", metavar="NAME", help="Share end users with the other keys of this tenant.")
@_json
def create_key(
    name: str,
    scopes: tuple[str, ...],
    collections: tuple[str, ...],
    days: int | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Issue a key called NAME and print its secret, which is shown this once."""
    from entrypoints.terminal.find_service import find_service
    from entrypoints.terminal.rendering import print_json

    wanted = {
        "name": name,
        "scopes": list(dict.fromkeys(scopes)),
        "collections": list(collections) or None,
        "expires_at": _expiry(days),
        "tenant": tenant,
    }
    with find_service() as service:
        issued = service.post(PATH, {field: value for field, value in wanted.items() if value is not None})
    (print_json if as_json else _print_issued)(issued)


@keys.command("list")
@_json
def list_keys(as_json: bool) -> None:
    """Show every key, newest first; nobody can show a secret again."""
    from entrypoints.terminal.find_service import find_service
    from entrypoints.terminal.rendering import print_json

    with find_service() as service:
        found = list(_all_keys(service))
    if as_json:
        print_json({"items": found})
    else:
        _print_keys(found)


@keys.command("revoke")
@click.argument("key_id", metavar="ID", type=click.UUID)
@_json
def revoke_key(key_id: UUID, as_json: bool) -> None:
    """Revoke the key ID: the next request with it is refused."""
    from entrypoints.terminal.find_service import find_service
    from entrypoints.terminal.rendering import print_json

    with find_service() as service:
        service.delete(f"{PATH}/{key_id}")
    if as_json:
        print_json({"revoked": str(key_id)})
    else:
        click.echo(f"Key {key_id} opens nothing any more.")


def _all_keys(service: "Service") -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = service.get(PATH, limit=_PAGE, **({"cursor": cursor} if cursor else {}))
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _expiry(days: int | None) -> str | None:
    """So many days from now, as the wire writes it."""
    return None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()


def _print_issued(issued: Mapping[str, Any]) -> None:
    """The secret alone on standard output, so that it can be put into a file or a variable."""
    click.echo(f"Key {issued['id']}: {_grant(issued)}. Its secret is shown this once:", err=True)
    click.echo(issued["secret"])


def _print_keys(keys: list[dict[str, Any]]) -> None:
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
