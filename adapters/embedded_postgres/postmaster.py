"""What PostgreSQL's own postmaster.pid says of a running server."""

import os
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.embedded_postgres.folders import SOCKET_NAME

_TLS_REQUEST: Final = struct.pack("!ii", 8, 80_877_103)


@dataclass(frozen=True, slots=True)
class Postmaster:
    """
    A running server. ``status`` is ``starting``, ``ready``, ``standby`` or ``stopping``, empty before it is known.

    Source: PostgreSQL 18, src/include/utils/pidfile.h (line 1 the pid, line 5 the socket folder, line 8 the status).
    """

    pid: int
    socket_dir: Path | None
    status: str

    @staticmethod
    def read(cluster: Path) -> "Postmaster | None":
        try:
            lines = [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()]
            pid = int(lines[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None
        lines += [""] * 8
        return Postmaster(abs(pid), Path(lines[4]) if lines[4] else None, lines[7])

    def serves(self, cluster: Path) -> bool:
        """Whether the pid is a server of this cluster, and not a stranger that got the number after a crash."""
        return str(cluster) in _command_of(self.pid)

    def answers(self) -> bool:
        """
        Whether somebody accepts connections: a request for TLS is answered by one letter, before any login.

        Source: PostgreSQL 18, section 54.2.11. To connect is not enough: the kernel does that for a dying server too.
        """
        if self.socket_dir is None or self.status != "ready":
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self.socket_dir / SOCKET_NAME))
                probe.sendall(_TLS_REQUEST)
                return probe.recv(1) in (b"N", b"S")
            except OSError:
                return False

    def disclaim(self, cluster: Path) -> None:
        """
        Make the lock files of a crashed server say that it is gone, without taking them away.

        PostgreSQL does not start while any process has the number in them, be it a stranger's or a zombie's; it passes
        over its own parent's. The other lines must stay: by them it finds children of the crash that still write.
        """
        for file in (cluster / "postmaster.pid", (self.socket_dir or cluster) / f"{SOCKET_NAME}.lock"):
            if file.exists():
                _, rest = file.read_text().split("\n", 1)
                file.write_text(f"{os.getpid()}\n{rest}")


def _command_of(pid: int) -> str:
    """The command line of a process, empty when there is none (a zombie has none either)."""
    if Path("/proc/self").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            return ""
    listed = subprocess.run(  # noqa: S603  fixed words and a number, no shell
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout
