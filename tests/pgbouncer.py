"""A real PgBouncer in transaction mode before the tests' PostgreSQL, where its program is installed."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from adapters.embedded_postgres.programs import account

PROGRAM: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

_SETTINGS: Final = """\
[databases]
* = host={sockets} user=postgres pool_size=5
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
server_lifetime = 60
"""


@contextmanager
def pgbouncer(postgres_url: str) -> Iterator[str]:
    """The address of a pooler that hands a connection to another client after each transaction."""
    assert PROGRAM is not None
    url = make_url(postgres_url)
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o755)
    port = _free_port()
    settings = folder / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(sockets=url.query["host"], port=port))
    log = (folder / "log").open("wb")
    # It refuses to run as root, and the socket's folder is PostgreSQL's account's alone.
    process = subprocess.Popen([PROGRAM, str(settings)], stdout=log, stderr=log, **account().run_as)
    try:
        _wait_for(port, process, folder / "log")
        yield f"postgresql://postgres@127.0.0.1:{port}/{url.database}?pgbouncer=true"
    finally:
        process.terminate()
        process.wait(10)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
