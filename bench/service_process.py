"""A service in a process of its own, and what it takes of the machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    pid: int
    url: str
    key: str
    ready_s: float
    process: subprocess.Popen[bytes]
    log_file: Path

    def exit_code(self) -> int | None:
        return self.process.poll()

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def cpu_s(self) -> float:
        """User and system seconds of the service's own process so far."""
        return _cpu_s(self.pid)

    def exact_cpu_s(self) -> float:
        """The same to the microsecond, of the threads that run now: a tick of the above is a hundredth of a second."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def tree_cpu_s(self) -> float:
        """The same with every child (PostgreSQL's processes among them), those that ended included."""
        return tree_cpu_s(self.pid)

    def pss_mb(self) -> float:
        """Proportional set size of the whole process tree."""
        return sum(_pss_kb(pid) for pid in tree_of(self.pid)) / 1_024

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60)


def tree_cpu_s(root: int) -> float:
    """User and system seconds of a process and all its children so far, those that ended included."""
    total_s = 0.0
    for pid in tree_of(root):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended just now, and its parent has its time
            total_s += _cpu_s(pid, ended_children=True)
    return total_s


@contextmanager
def running(
    data_dir: Path,
    command: Sequence[str] = ("-m", "entrypoints.cli", "serve"),
    *,
    environment: Mapping[str, str] | None = None,
    ready: str = "/health/ready",
    python: str = sys.executable,
    folder: Path | None = None,
) -> Iterator[ServiceProcess]:
    """Start ``python *command`` in a folder on a data directory; it is up when ``ready`` answers. Ends by SIGTERM."""
    port = _free_port()
    given = environment or {}
    environment = {**os.environ, **given, "IBID_DATA_DIR": str(data_dir), "IBID_PORT": str(port)}
    log = (data_dir.parent / f"{data_dir.name}.log").open("ab")
    began = time.monotonic()
    process = subprocess.Popen([python, *command], cwd=folder, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        while time.monotonic() - began < 60:
            if process.poll() is not None:
                end = Path(log.name).read_text(errors="replace")[-2_000:]
                raise RuntimeError(f"the service ended with {process.returncode}; its log ends:\n{end}")
            try:
                if httpx.get(f"{url}{ready}", timeout=1).status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                time.sleep(0.01)
        ready_s = time.monotonic() - began
        key_file = data_dir / "admin-key"
        key = given.get("IBID_ADMIN_KEY") or (key_file.read_text().strip() if key_file.is_file() else "")
        yield ServiceProcess(process.pid, url, key, ready_s, process, Path(log.name))
    finally:
        process.send_signal(signal.SIGTERM)  # one that has ended already gets none
        process.wait(60)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_s(pid: int, *, ended_children: bool = False) -> float:
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11 : 15 if ended_children else 13]) / _TICKS_PER_S


def tree_of(root: int) -> list[int]:
    """The process, its descendants, and PostgreSQL's, whose parent is no longer the service when it runs detached."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
                names[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, IndexError):
                continue
    data_dir = _environment(root).get("IBID_DATA_DIR")
    own = [pid for pid, name in names.items() if data_dir is not None and data_dir in name and "postgres" in name]
    members = {root, *own}
    while grown := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= grown
    return sorted(members)


def _environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(entry.partition("=")[::2] for entry in entries if "=" in entry)


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
