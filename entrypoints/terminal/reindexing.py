"""`ibid reindex`: have a collection indexed in another way, and follow it to its end."""

from collections.abc import Mapping
from typing import Any

import click

from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.find_service import find_service
from entrypoints.terminal.ingest_estimate import estimated_reindex
from entrypoints.terminal.ingest_view import reindex_bar
from entrypoints.terminal.ingesting import failures_among, followed, outcomes_of
from entrypoints.terminal.rendering import print_json
from entrypoints.terminal.service import Service
from entrypoints.terminal.text_flow import printable


def reindex(name: str, wanted: Mapping[str, Any], *, rollback: bool, as_json: bool) -> bool:
    """Whether the collection is indexed as it was to be. Raises CommandFailed."""
    path = f"/v1/admin/collections/{name}"
    with find_service() as service:
        before = service.get(path)["index"]
        accepted = service.post(f"{path}/rollback", {}) if rollback else service.post(f"{path}/reindex", wanted)
        with reindex_bar() as progress:
            done = followed(service, str(accepted["id"]), progress)
        if done["status"] == "cancelled":
            raise CommandFailed(f"it was cancelled; {name} is indexed as before")
        return _told(service, path, before, done, as_json=as_json)


def estimate_reindex(name: str, wanted: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what it would buy. Raises CommandFailed."""
    with find_service() as service:
        found = estimated_reindex(service, name, wanted)
    print_json(found.as_json()) if as_json else click.echo(found.told(of="documents"))


def _told(service: Service, path: str, before: Any, done: Any, *, as_json: bool) -> bool:
    failures = failures_among(outcomes_of(service, done["id"])) if done["counts"]["failed"] else []
    now = service.get(path)["index"]
    if as_json:
        found = [{"uri": one.uri, "error": one.reason} for one in failures]
        print_json({"status": done["status"], "counts": done["counts"], "index": now, "failures": found})
    elif done["status"] == "succeeded":
        was = "" if before is None else f" (before: {_way(before)})"
        click.echo(
            f"{done['collection']} is indexed by {_way(now)}{was}; documents built: {done['counts']['updated']:,}"
        )
    else:
        for failure in failures:
            click.echo(printable(f"  failed: {failure.uri}: {failure.reason}"), err=True)
        click.echo(f"ibid: nothing was switched; {done['collection']} is indexed as before", err=True)
    return bool(done["status"] == "succeeded")


def _way(index: Mapping[str, Any]) -> str:
    return f"{index['embedder']} in passages of {index['chunk_chars']:,} characters"
