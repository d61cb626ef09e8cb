"""The data directory: made, owned by one process, and where a running service can be found."""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from entrypoints.settings import Secret, Settings, SettingsError

_OWNER_ONLY: Final = 0o600


class DataDirectoryInUse(Exception):
    """Another process owns the data directory."""

    def __init__(self, path: Path, pid: str) -> None:
        whom = f"process {pid}" if pid else "another process"
        super().__init__(f"the data directory {path} is in use by {whom}; stop it, or set IBID_DATA_DIR to another")


class DataDirectory:
    """Held from ``with`` to its end; raises DataDirectoryInUse, or SettingsError when it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def index(self) -> Path:
        return self.path / "index"

    @property
    def uploads(self) -> Path:
        return self.path / "uploads"

    def __enter__(self) -> Self:
        # PostgreSQL may run as another user (it refuses root) and must pass through; it may not list.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            self.path.mkdir(mode=mode, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        except OSError as error:
            raise SettingsError(f"IBID_DATA_DIR {self.path} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(self._lock, 20).decode(errors="replace").strip()
            os.close(self._lock)
            self._lock = None
            raise DataDirectoryInUse(self.path, pid) from error
        self.index.mkdir(mode=0o700, exist_ok=True)
        self.uploads.mkdir(mode=0o700, exist_ok=True)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def admin_key(self, settings: Settings) -> Secret:
        """The key of the settings, else the kept one, else a new one that is kept in a file only its owner can read."""
        if settings.admin_key is not None:
            return settings.admin_key
        kept = kept_admin_key(self.path)
        if kept is not None:
            return kept
        key = "ibid_" + secrets.token_urlsafe(32)
        descriptor = os.open(admin_key_file(self.path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "w") as file:
            file.write(key + "\n")
        return Secret(key)

    def announce(self, url: str) -> None:
        """Tell the command line where this process serves."""
        temporary = self.path / "server.json.new"
        temporary.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
        temporary.replace(self.path / "server.json")

    def withdraw(self) -> None:
        (self.path / "server.json").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RunningServer:
    url: str
    pid: int


def admin_key_file(path: Path) -> Path:
    return path / "admin-key"


def kept_admin_key(path: Path) -> Secret | None:
    """The admin key kept in a data directory, None when there is none (yet)."""
    with suppress(FileNotFoundError):
        text = admin_key_file(path).read_text().strip()
        return Secret(text) if text else None
    return None


def running_server(path: Path) -> RunningServer | None:
    """The service that announced itself in a data directory, if its process is alive."""
    try:
        announced = json.loads((path / "server.json").read_text())
        server = RunningServer(str(announced["url"]), int(announced["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        os.kill(server.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # alive, and another user's
        pass
    return server
