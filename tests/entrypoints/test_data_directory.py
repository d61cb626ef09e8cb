"""The data directory: one owner, a private key, and a way to be found."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.data_directory import DataDirectory, DataDirectoryInUse, kept_admin_key, running_server
from entrypoints.settings import Secret, SettingsError, read_settings


def test_a_second_process_is_refused_with_the_name_of_the_directory_and_the_first_ones_number(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from entrypoints.data_directory import DataDirectory\n"
        "with DataDirectory(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryInUse) as refused, DataDirectory(tmp_path):
            pass
        other.stdin.close()
    assert str(tmp_path) in str(refused.value)
    assert str(other.pid) in str(refused.value)


def test_a_directory_whose_owner_was_killed_is_free_again(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        pass
    with DataDirectory(tmp_path) as directory:
        assert directory.path == tmp_path


def test_a_path_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(SettingsError, match="IBID_DATA_DIR"), DataDirectory(file):
        pass


def test_the_admin_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    settings = read_settings({"IBID_DATA_DIR": str(tmp_path)})

    with DataDirectory(tmp_path) as directory:
        key = directory.admin_key(settings)
        again = directory.admin_key(settings)

    assert key == again == kept_admin_key(tmp_path)
    assert len(key.reveal()) >= 40
    assert stat.S_IMODE((tmp_path / "admin-key").stat().st_mode) == 0o600


def test_the_key_of_the_settings_goes_first_and_is_not_written_down(tmp_path: Path) -> None:
    settings = read_settings({"IBID_ADMIN_KEY": "ibid_given_0123456789abcdef"})

    with DataDirectory(tmp_path) as directory:
        assert directory.admin_key(settings) == Secret("ibid_given_0123456789abcdef")

    assert not (tmp_path / "admin-key").exists()


def test_a_service_is_found_while_its_process_lives(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    directory.announce("http://127.0.0.1:1")

    server = running_server(tmp_path)

    assert server is not None
    assert (server.url, server.pid) == ("http://127.0.0.1:1", os.getpid())
    directory.withdraw()
    assert running_server(tmp_path) is None


@pytest.mark.parametrize(
    "announced", ["", "{", '{"url": "x"}', '{"url": "x", "pid": "y"}', '{"url": "x", "pid": 4194999}']
)
def test_a_stale_or_broken_announcement_is_no_service(tmp_path: Path, announced: str) -> None:
    (tmp_path / "server.json").write_text(announced)

    assert running_server(tmp_path) is None
