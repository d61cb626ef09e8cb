"""The demonstration: Ibid serves its own manual and answers a first question about it."""

import logging
import os
import shlex
from pathlib import Path
from typing import Final

import click

from entrypoints.data_directory import admin_key_file
from entrypoints.settings import Settings
from entrypoints.terminal.asking import ask
from entrypoints.terminal.documents import ReadDocuments, read_documents
from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.find_service import own_service
from entrypoints.terminal.ingest_view import ingest_bar, print_summary
from entrypoints.terminal.ingesting import IngestRequest, ingest
from entrypoints.terminal.wording import program

COLLECTION: Final = "ibid-manual"
QUESTION: Final = "How do I use my own documents?"


def manual_folder() -> Path:
    """Inside the package in a wheel, beside it in a checkout. Raises CommandFailed."""
    package = Path(__file__).parents[1]
    for folder in (package / "manual", package.parent / "docs" / "guide"):
        if folder.is_dir():
            return folder
    raise CommandFailed("the manual is missing from this installation; install Ibid again")


def read_manual() -> ReadDocuments:
    return read_documents(manual_folder())


def introduce(url: str, settings: Settings, manual: ReadDocuments) -> None:
    """Ingest the manual into the running service, ask it the first question, and say how to go on."""
    logging.getLogger("ibid").setLevel(logging.WARNING)  # the conversation is what is to be seen
    click.echo(f"Ibid serves at {url} and takes in its own manual.\n")
    with own_service(url, settings) as service:
        with ingest_bar(len(manual.documents)) as progress:
            request = IngestRequest(COLLECTION, base_url=None, prune=True)
            summary = ingest(service, request, manual, progress)
        print_summary(summary)
        click.echo(f"\n> {QUESTION}\n")
        ask(service, {"question": QUESTION, "collections": [COLLECTION]})
    _say_how_to_go_on(url, settings)


def _say_how_to_go_on(url: str, settings: Settings) -> None:
    data_dir = ""
    if "IBID_DATA_DIR" in os.environ:
        data_dir = f"IBID_DATA_DIR={shlex.quote(str(settings.data_dir))} "
    if settings.admin_key is None:
        key = f"$(cat {shlex.quote(str(admin_key_file(settings.data_dir)))})"
    else:
        key = "$IBID_ADMIN_KEY"
    click.echo(
        f"""
Ask on from another terminal:

  {data_dir}{program()} ask "How do I remove a document?"

or by HTTP:

  curl {url}/v1/ask \\
    -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"question": "How do I remove a document?"}}'

The API is described at {url}/docs
Ctrl-C ends the demonstration; its data stay."""
    )
