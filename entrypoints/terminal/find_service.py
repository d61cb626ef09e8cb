"""Which service a command speaks to: a named one, the one that runs on this data directory, or its own."""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from entrypoints.data_directory import admin_key_file, kept_admin_key, running_server
from entrypoints.settings import Secret, Settings, read_environment, read_settings
from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.service import Service

STORES: Final = {
    **dict.fromkeys(("database_url", "database_url_unpooled", "qdrant_url", "qdrant_api_key", "api_key")),
    "qdrant_keep_alive": False,
    "workers": 1,
}
"""Settings that lead to what the operator keeps, and the key that belongs there."""

PROBE_S: Final = 3.0
"""A live service answers /health/live from memory, in milliseconds even on a busy machine."""


@contextmanager
def find_service() -> Iterator[Service]:
    """Raises CommandFailed, SettingsError or DataDirectoryInUse."""
    settings = read_settings(read_environment())
    if settings.url is not None:
        if settings.api_key is None:
            raise CommandFailed("IBID_URL is set and IBID_API_KEY is not; set it to a key of that service")
        with Service(settings.url, settings.api_key, key_source="IBID_API_KEY") as service:
            yield service
        return
    server = running_server(settings.data_dir)
    if server is not None and answers(server.url):
        with own_service(server.url, settings) as service:
            yield service
        return
    from entrypoints.server import serve_in_background  # a second of imports that a running service spares

    with serve_in_background(settings) as served:
        logging.getLogger("ibid").setLevel(logging.WARNING)  # nobody asked this command for a service's log
        with own_service(served.url, settings) as service:
            yield service


@contextmanager
def fresh_service() -> Iterator[Service]:
    """
    A service of this command's own over an empty folder, which goes with it; models and embedders as they are set.

    The operator's database and index are left alone. Raises SettingsError.
    """
    from entrypoints.server import serve_in_background

    settings = read_settings(read_environment())
    with TemporaryDirectory(prefix="ibid-") as folder:
        # Started by root, PostgreSQL runs as another user, who must be let through; the folder cannot be listed.
        Path(folder).chmod(0o711)
        settings = msgspec.structs.replace(settings, data_dir=Path(folder), **STORES)
        with serve_in_background(settings) as served:
            logging.getLogger("ibid").setLevel(logging.WARNING)
            with own_service(served.url, settings) as service:
                yield service


def own_service(url: str, settings: Settings) -> Service:
    """The service of this data directory, with the key that is kept beside its data."""
    key, source = _own_key(settings)
    return Service(url, key, key_source=source)


def answers(url: str) -> bool:
    """Whether a service is alive at an address; asked without any key, for it may be a stranger's by now."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/health/live", timeout=PROBE_S) as response:
            return isinstance(json.load(response), dict)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _own_key(settings: Settings) -> tuple[Secret, str]:
    if settings.api_key is not None:
        return settings.api_key, "IBID_API_KEY"
    if settings.admin_key is not None:
        return settings.admin_key, "IBID_ADMIN_KEY"
    path = admin_key_file(settings.data_dir)
    try:
        key = kept_admin_key(settings.data_dir)
    except OSError as error:
        raise CommandFailed(
            f"the key in {path} cannot be read ({error.strerror}); run this as the user who serves, "
            "or set IBID_URL and IBID_API_KEY"
        ) from error
    if key is None:
        raise CommandFailed(f"there is no key in {path}; set IBID_API_KEY, or IBID_ADMIN_KEY as the service has it")
    return key, str(path)
