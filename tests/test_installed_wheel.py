"""What the image does, without an image: the wheel serves by itself, and writes to its data alone."""

import os
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from dotenv import dotenv_values

from bench.service_process import running
from entrypoints.settings_shown import BARE_NAMES

ROOT: Final = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The python of an environment that holds the wheel alone; what that needs is read from the tests' own."""
    with tempfile.TemporaryDirectory(prefix="ibid-wheel-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
        [wheel] = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        # A .pth file inside that folder is not read, so the checkout is not found through it.
        (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        yield folder / "venv" / "bin" / "python"


def files_below(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_the_wheel_serves_from_anywhere_and_writes_to_its_data_directory_alone(
    installed: Path, open_folder: Path
) -> None:
    home = Path(tempfile.mkdtemp(dir=open_folder))
    home.chmod(0o755)
    before = files_below(installed.parents[1])
    where = [
        str(installed),
        "-c",
        "import entrypoints, adapters.neon.migrate as m; print(entrypoints.__file__, m.scripts())",
    ]
    settings = {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home / "nowhere")}  # the first as the image has it
    found = subprocess.run(
        where, cwd=home, env=os.environ | settings, capture_output=True, text=True, check=True
    ).stdout
    assert str(ROOT) not in found
    command = ("-c", "from entrypoints.cli import main; main()", "serve")
    with (
        running(home / "data", command, environment=settings, python=str(installed), folder=home) as service,
        service.client() as client,
    ):
        documents = [{"uri": "a.md", "content": "# Doors\n\nOpen a door by its handle.", "format": "markdown"}]
        client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents}).raise_for_status()
        assert client.get("/v1/admin/diagnostics").json()["healthy"]
        assert httpx.get(f"{service.url}/docs").status_code == 200
    assert service.exit_code() == 0
    assert files_below(installed.parents[1]) == before, "an image with a read-only file system would have failed here"
    assert sorted(path.name for path in home.iterdir()) == ["data", "data.log"]


def test_the_image_runs_as_an_ordinary_user_and_is_built_from_locked_dependencies() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    final = "\n".join(lines[stages[-1] :])
    assert len(stages) == 2
    assert "\nUSER ibid\n" in final
    assert final.index("USER ibid") < final.index("ENTRYPOINT")
    assert "--require-hashes -r requirements.lock" in "\n".join(lines)
    assert "apt-get" not in final, "no compiler in what is run"
    copied = [line.split() for line in lines if line.startswith("COPY") and "--from" not in line]
    assert all((ROOT / source).exists() for line in copied for source in line[1:-1])
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in kept)


def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return composed


def test_the_composition_is_whole_and_closed() -> None:
    found = services()
    assert {"ibid", "migrate", "postgres", "qdrant"} == set(found)
    for name, service in found.items():
        assert set(service.get("depends_on", ())) <= set(found)
        published = service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in published), f"{name} would be open to the network"
    for name in ("ibid", "migrate"):
        assert found[name]["read_only"] is True
        assert found[name]["cap_drop"] == ["ALL"]
    assert found["ibid"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_composition_sets_only_what_is_read_and_no_secret() -> None:
    read = {*dotenv_values(ROOT / ".env.example"), *(name.upper() for name in BARE_NAMES)}
    for name, value in services()["ibid"]["environment"].items():
        assert name in read
        if any(word in name for word in ("KEY", "PASSWORD")):
            assert value.startswith("${")
    assert os.sep not in str(services()["ibid"]["build"])
