"""`ibid documents`: list, show and delete documents. What a command needs is imported when it runs."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

if TYPE_CHECKING:
    from entrypoints.terminal.service import Service

PATH: Final = "/v1/documents"
_PAGE: Final = 100

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.group()
def documents() -> None:
    """List, show and delete documents."""


@documents.command("list")
@click.option("--collection", metavar="NAME", help="Of this collection only.")
@click.option("--uri", metavar="URI", help="At this uri only.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="So many at most, the newest; all by default.")
@_json
def list_documents(collection: str | None, uri: str | None, limit: int | None, as_json: bool) -> None:
    """Show every document, newest first."""
    from entrypoints.terminal.find_service import find_service
    from entrypoints.terminal.rendering import print_json

    wanted = {name: value for name, value in (("collection", collection), ("uri", uri)) if value is not None}
    with find_service() as service:
        found = list(islice(_all_documents(service, wanted), limit))
    if as_json:
        print_json({"items": found})
    elif found:
        for one in found:
            _say(_line(one))
    else:
        click.echo("There is no such document; 'ibid ingest PATH' takes some in.", err=True)


@documents.command("show")
@click.argument("document_id", metavar="ID", type=click.UUID)
@click.option("--text", is_flag=True, help="Print the text that passages are cut from, and nothing else.")
@_json
def show_document(document_id: UUID, text: bool, as_json: bool) -> None:
    """Show the document ID: title, address, version and metadata, or its text."""
    from entrypoints.terminal.find_service import find_service
    from entrypoints.terminal.rendering import print_json

    with find_service() as service:
        found = service.get(f"{PATH}/{document_id}/text" if text else f"{PATH}/{document_id}")
    if as_json:
        print_json(found)
    elif text:
        _say(found["text"])
    else:
        _show(found)


@documents.command("delete")
@click.argument("document_ids", metavar="ID...", nargs=-1, required=True, type=click.UUID)
@_json
def delete_documents(document_ids: tuple[UUID, ...], as_json: bool) -> None:
    """Delete the documents ID...: no search finds them from then on; turns that cited them keep their evidence."""
    from entrypoints.terminal.find_service import find_service
    from entrypoints.terminal.rendering import print_json

    with find_service() as service:
        for one in document_ids:
            service.delete(f"{PATH}/{one}")
            if not as_json:
                click.echo(f"Document {one} is gone.")
    if as_json:
        print_json({"deleted": [str(one) for one in document_ids]})


def _all_documents(service: "Service", wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = service.get(PATH, limit=_PAGE, **wanted, **({"cursor": cursor} if cursor else {}))
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _line(document: Mapping[str, Any]) -> str:
    return f"{document['id']}  {document['collection']}  {document['uri']}\n    {document['title']}"


def _show(document: Mapping[str, Any]) -> None:
    _say(_line(document))
    if document["url"]:
        _say(f"    {document['url']}")
    click.echo(f"    version {document['version']}, changed {document['updated_at']}")
    for name, value in document["metadata"].items():
        _say(f"    {name}: {value}")


def _say(text: str) -> None:
    """What documents say of themselves may hold characters that steer a terminal."""
    from entrypoints.terminal.text_flow import printable

    for line in text.split("\n"):
        click.echo(printable(line))
