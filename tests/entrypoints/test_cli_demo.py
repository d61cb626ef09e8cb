"""The command line for real: the demonstration on the embedded default, and commands beside and after it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IBID = (sys.executable, "-c", "from entrypoints.cli import main; main()")
LAST_WORDS = "Ctrl-C ends the demonstration"


@dataclass
class Demo:
    process: subprocess.Popen[str]
    environment: dict[str, str]
    said: str

    def beside(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(self.environment, *arguments)


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*IBID, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def started(environment: dict[str, str]) -> Demo:
    """A demonstration that has said all it has to say."""
    process = subprocess.Popen(
        [*IBID, "demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job hands an ignored SIGINT down; a person's Ctrl-C is never ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if LAST_WORDS in line:
            return Demo(process, environment, said)
    raise AssertionError(f"the demonstration ended early: {process.communicate()[1]}")


def interrupted(demo: Demo) -> tuple[int, str]:
    demo.process.send_signal(signal.SIGINT)
    _, errors = demo.process.communicate(timeout=60)
    return demo.process.returncode, errors


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    # Not below pytest's own folder: as root, the database runs as another user, who must be able to pass through.
    data_dir = Path(tempfile.mkdtemp(prefix="ibid-demo-"))
    data_dir.chmod(0o711)
    yield {
        "PATH": os.environ["PATH"],
        "HOME": str(data_dir),
        "IBID_DATA_DIR": str(data_dir / "data"),
        "IBID_PORT": "0",
    }
    shutil.rmtree(data_dir)


@pytest.fixture(scope="module")
def demo(environment: dict[str, str]) -> Iterator[Demo]:
    running = started(environment)
    yield running
    if running.process.poll() is None:
        interrupted(running)


def test_the_demonstration_answers_its_first_question_with_footnotes(demo: Demo) -> None:
    assert "Ibid serves at http://127.0.0.1:" in demo.said
    assert ", 0 failed in" in demo.said
    answer, _, footnotes = demo.said.partition("\n\n[")
    assert f"[{footnotes[0]}]" in answer
    assert ".md" in footnotes


def test_the_key_is_named_by_its_file_and_never_shown(demo: Demo) -> None:
    key_file = Path(demo.environment["IBID_DATA_DIR"], "admin-key")
    assert f"$(cat {key_file})" in demo.said
    assert key_file.read_text().strip() not in demo.said


def test_commands_beside_it_find_it_and_what_they_ingest_can_be_asked(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "tea.md").write_text("# Tea\n\n## Steeping\n\nGreen tea is steeped for two minutes at 75 degrees.\n")
    ingested = demo.beside("ingest", str(tmp_path), "--collection", "tea", "--base-url", "https://tea.test/", "--json")
    assert json.loads(ingested.stdout)["counts"]["added"] == 1
    again = demo.beside("ingest", str(tmp_path), "--collection", "tea", "--base-url", "https://tea.test/", "--json")
    assert json.loads(again.stdout)["counts"]["unchanged"] == 1
    asked = demo.beside("ask", "How long is green tea steeped?", "--collection", "tea")
    assert asked.returncode == 0
    assert "two minutes" in asked.stdout
    assert "https://tea.test/tea#steeping" in asked.stdout


def test_a_turn_in_json_is_what_the_service_keeps(demo: Demo) -> None:
    turn = json.loads(demo.beside("ask", "What is a claim?", "--json").stdout)
    assert turn["status"] == "answered"
    assert {"turn_id", "claims", "evidence", "references"} <= turn.keys()


def test_an_unknown_collection_is_one_line_with_the_way_out(demo: Demo) -> None:
    refused = demo.beside("search", "tea", "--collection", "nowhere")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ibid: no collection 'nowhere' that you may see; fill it with 'ibid ingest")
    assert refused.stderr.count("\n") == 1


def test_a_second_server_on_the_data_directory_is_refused_in_one_line(demo: Demo) -> None:
    refused = demo.beside("serve")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ibid: the data directory ")
    assert refused.stderr.count("\n") == 1


@pytest.mark.long
def test_ctrl_c_ends_it_quietly_and_its_data_serve_the_next_command(demo: Demo) -> None:
    code, errors = interrupted(demo)
    assert code == 130
    assert "Traceback" not in errors
    alone = run(demo.environment, "search", "what is a claim", "--limit", "1")
    assert alone.returncode == 0, alone.stderr
    assert alone.stderr == ""
    assert alone.stdout.startswith("[1] ")
    second = started(demo.environment)
    interrupted(second)
    assert "0 added, 0 updated," in second.said
