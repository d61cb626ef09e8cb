"""CR-9: the disk under the data directory is full: the service says so, and goes on when there is room again."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.service_process import ServiceProcess, running
from tests.kills.site import left_behind, resumed, sent

pytestmark = pytest.mark.slow
ABSTRACTS = 300


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: nothing is known of a full one")
    yield folder
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()


def refused(service: ServiceProcess) -> list[int]:
    """The statuses of what must be stored to be acknowledged."""
    page = ("a.md", b"# Hello\n\n" + b"World. " * 100_000)
    with service.client() as client:
        answers = [
            client.post("/v1/ask", json={"question": "What is the role of genes?"}),
            client.post("/v1/admin/ingestions", data={"collection": "docs"}, files=[("files", page)]),
        ]
        assert client.get("/health/live").status_code == httpx.codes.OK
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    return [answer.status_code for answer in answers]


def test_a_full_disk_costs_what_cannot_be_stored_and_nothing_of_what_was(small_disk: Path) -> None:
    data_dir = small_disk / "data"
    with running(data_dir) as service:
        status_url = sent(service, ABSTRACTS, 0)
        with filled(small_disk):
            assert [refused(service) for _ in range(5)] == [[503, 503]] * 5
            time.sleep(1)
        resumed(service, status_url)
        with service.client() as client:
            assert client.post("/v1/ask", json={"question": "What is the role of genes?"}).status_code == 200
    assert service.exit_code() == 0
    assert left_behind(data_dir, ABSTRACTS, 0) == []
