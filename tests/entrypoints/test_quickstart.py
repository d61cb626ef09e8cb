"""Every command of the quickstart, run as it stands there, but for the address and where the programs lie."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "guide" / "quickstart.md"
IBID: Final = f"{sys.executable} -m entrypoints.cli"


def commands() -> list[str]:
    """What the page tells to type, a command each; lines that go on are one, and remarks are dropped."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+# .*$", "", line).strip() for line in lines if line.strip()]


@pytest.fixture
def home(open_folder: Path) -> Path:
    """A home folder with documents to take in, in the place that the page names."""
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    (folder / "path/to/docs").mkdir(parents=True)
    (folder / "path/to/docs/doors.md").write_text("# Doors\n\nOpen a door by turning its handle to the left.\n")
    return folder


class Shell:
    """A terminal whose home is a folder of the test's own, and where nothing is configured but that."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "IBID_PORT": str(self.port),
            # The default for everybody but root, which is what the page's curl reads the key from.
            "IBID_DATA_DIR": str(home / ".local/share/ibid"),
        }  # fmt: skip

    def line(self, command: str) -> str:
        command = command.replace(".venv/bin/ibid", IBID).replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        return command.replace('"..."', '"How do I open a door?"')

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", self.line(command)], cwd=self.home, env=self.environment, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def going_on(self, command: str, until: str) -> Iterator[None]:
        """A command that runs until Ctrl-C, once it has said these words."""
        log = self.home / "terminal.log"
        with log.open("w") as said:
            typed = ["/bin/sh", "-c", f"exec {self.line(command)}"]
            process = subprocess.Popen(typed, cwd=self.home, env=self.environment, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + 120
            while until not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def recipe(target: str) -> str:
    """The command that a target of the Makefile runs at last."""
    lines = (ROOT / "Makefile").read_text().split(f"\n{target}:")[1].splitlines()[1:]
    return lines[0].strip().removeprefix("@").replace("$(BIN)", ".venv/bin")


@pytest.mark.long
def test_the_commands_of_the_quickstart_do_what_it_says(home: Path) -> None:
    demo, ask, curl, serve, ingest, ask_of_collection, ingest_with_address = commands()
    shell = Shell(home)
    assert demo == "make demo"
    with shell.going_on(recipe("demo"), "Ctrl-C ends the demonstration"):
        assert "[1]" in shell.run(ask)
        assert json.loads(shell.run(curl))["status"] == "answered"

    with shell.going_on(serve, "event=ready"):
        assert "1 added" in shell.run(ingest)
        assert "turning its handle" in shell.run(ask_of_collection)
        shell.run(ingest_with_address)
        assert "https://docs.example.com/doors" in shell.run(ask_of_collection)
