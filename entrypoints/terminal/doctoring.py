"""``ibid doctor``: what this machine and the service's parts say of themselves, and what to do about what is wrong."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from domain.errors import PortError
from entrypoints.data_directory import DataDirectoryInUse, admin_key_file
from entrypoints.settings import Settings, SettingsError, read_environment, read_settings
from entrypoints.settings_shown import shown
from entrypoints.terminal.find_service import find_service
from entrypoints.terminal.text_flow import printable

LEAST_FREE_MB: Final = 500
"""The embedded PostgreSQL's write-ahead log alone takes up to 256 MB under heavy ingestion."""

_SIGNS: Final = {"ok": "ok    ", "unused": "unused", "failed": "FAILED"}


@dataclass(frozen=True, slots=True)
class Found:
    part: str
    outcome: str
    detail: str
    mend: str = ""


def examine() -> dict[str, Any]:
    """Everything that can be found out, as ``--json`` prints it; ``healthy`` is false when anything failed."""
    findings = [Found("python", "ok", f"{platform.python_version()} on {sys.platform} {platform.machine()}")]
    settings, told = _settings(findings)
    if settings is not None:
        findings += _directory(settings)
        theirs = _service(findings)
        told = theirs if theirs and settings.url is not None else told
    healthy = all(one.outcome != "failed" for one in findings)
    return {"healthy": healthy, "parts": [asdict(one) for one in findings], "settings": told}


def show(report: dict[str, Any]) -> None:
    for part in report["parts"]:
        click.echo(f"{_SIGNS[part['outcome']]}  {part['part']}: {printable(part['detail'])}")
        if part["mend"]:
            click.echo(
                f"        {'to mend' if part['outcome'] == 'failed' else 'to have it'}: {printable(part['mend'])}"
            )
    for name, value in report["settings"].items():
        if value != "not set":
            click.echo(f"        {name}: {printable(value)}")


def _settings(findings: list[Found]) -> tuple[Settings | None, dict[str, str]]:
    try:
        settings = read_settings(read_environment())
    except SettingsError as error:
        findings.append(Found("settings", "failed", str(error), "correct it in the environment or in .env"))
        return None, {}
    findings.append(Found("settings", "ok", "each is one that is known, with a value that is taken"))
    return settings, shown(settings)


def _directory(settings: Settings) -> Iterator[Found]:
    """What can be seen of the data directory from outside; nothing is made or changed."""
    if settings.url is not None:
        return
    path = settings.data_dir
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        yield Found("data directory", "failed", f"{there} cannot be written to", "set IBID_DATA_DIR, or its owner")
        return
    free_mb = shutil.disk_usage(there).free // 1_000_000
    if free_mb < LEAST_FREE_MB:
        yield Found("data directory", "failed", f"{path}: {free_mb:,} MB free", f"make {LEAST_FREE_MB} MB of room")
    else:
        state = "" if there == path else ", made at the first start"
        yield Found("data directory", "ok", f"{path}: {free_mb:,} MB free{state}")
    yield from _key_file(admin_key_file(path))


def _key_file(path: Path) -> Iterator[Found]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & 0o077:
        yield Found("admin key", "failed", f"{path} can be read by others (mode {mode:o})", f"chmod 600 {path}")
    else:
        yield Found("admin key", "ok", f"kept in {path}, for its owner alone")


def _service(findings: list[Found]) -> dict[str, str] | None:
    """What the service says of its parts: the one that runs, else one of this command's own. Its settings, if any."""
    try:
        with find_service() as service:
            told = service.get("/v1/admin/diagnostics")
    except (click.ClickException, SettingsError, DataDirectoryInUse, PortError) as error:
        why = error.format_message() if isinstance(error, click.ClickException) else str(error)
        findings.append(Found("service", "failed", why, "see the line above, and the service's log"))
        return None
    findings.append(Found("service", "ok", f"version {told['version']} answers"))
    findings += [Found(one["part"], one["outcome"], one["detail"], one["mend"]) for one in told["parts"]]
    settings: dict[str, str] = told["settings"]
    return settings
