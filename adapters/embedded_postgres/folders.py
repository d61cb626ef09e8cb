"""The folders of an embedded server: made private, checked, and never opened wider than they are found."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from adapters.embedded_postgres.programs import Account
from domain.errors import PortRefused

MAX_SOCKET_PATH_BYTES: Final = 100
"""sockaddr_un.sun_path holds 104 bytes on macOS and 108 on Linux, the closing NUL included."""

SOCKET_NAME: Final = ".s.PGSQL.5432"


def make_data_dir(data_dir: Path, owner: Account) -> None:
    """
    Make the data directory unless it is there, and see that the server may reach it.

    Raises PortRefused, naming the folder, when one on the way is closed to the server's account: opening it would be
    up to whoever closed it.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if owner.switch else 0o700)
    for folder in (data_dir, *data_dir.parents):
        if not owner.may_pass(folder):
            raise PortRefused(
                "database",
                f"PostgreSQL runs under an account of its own, which may not pass through {folder}; "
                f"choose another data directory or run: chmod o+x {folder}",
            )


def make_private(folder: Path, owner: Account) -> Path:
    """A folder that the server's account alone may enter. Raises PortRefused when somebody else made it."""
    try:
        folder.mkdir(mode=0o700)
        if owner.switch:
            os.chown(folder, owner.uid, owner.gid)
    except FileExistsError:
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != owner.uid or seen.st_mode & 0o077:
            raise PortRefused("database", f"{folder} belongs to somebody else; remove it") from None
    return folder


def make_socket_dir(data_dir: Path, owner: Account) -> Path:
    """A private folder for the socket: in the data directory, or where the path to it is short enough."""
    inside = data_dir / "socket"
    if len(os.fsencode(inside / SOCKET_NAME)) < MAX_SOCKET_PATH_BYTES:
        return make_private(inside, owner)
    # The data directory is told apart by its inode too: a new one at an old path is another server.
    identity = f"{data_dir}:{data_dir.stat().st_ino}:{owner.uid}"
    short = f"ibid-{hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108  private by mode
        if not base or len(os.fsencode(Path(base) / short / SOCKET_NAME)) >= MAX_SOCKET_PATH_BYTES:
            continue
        if all(owner.may_pass(folder) for folder in (Path(base), *Path(base).parents)):
            return make_private(Path(base) / short, owner)
    raise PortRefused("database", f"no folder is short enough for a socket; choose a shorter path than {data_dir}")
