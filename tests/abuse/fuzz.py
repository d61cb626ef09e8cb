"""
Schemathesis against the running service: ``python -m tests.abuse.fuzz --cases 200`` ends with its exit code.

The service runs as it ships, in a process of its own on the embedded database; what is generated follows from /schema.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.service_process import ServiceProcess, running
from tests.story import PINNING, SNAPSHOTS

ROOT: Final = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="generated cases an operation")
    parser.add_argument("--seed", type=int, default=None, help="try the same again")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ibid-fuzz-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when this runs as root, and must pass through
    try:
        with running(folder / "data") as service:
            _prepare(service)
            failed = _fuzz(service, chosen.cases, chosen.seed, folder)
            broken = [line for line in service.log().splitlines() if "unhandled" in line]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in broken[:20]:
        print(line)
    sys.exit(failed or bool(broken))


def _prepare(service: ServiceProcess) -> None:
    """Something to find, a conversation and an ingestion, so that ids of real objects can be come by."""
    documents = [
        {"uri": uri, "content": text, "format": "markdown"}
        for uri, text in {"pinning.md": PINNING, "snapshots.md": SNAPSHOTS}.items()
    ]
    with service.client() as client:
        sent = client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents})
        status_url = sent.raise_for_status().headers["location"]
        while client.get(status_url).json()["status"] in ("queued", "running"):
            time.sleep(0.05)
        client.post("/v1/ask", json={"question": "How do I pin a dependency?"}).raise_for_status()


def _fuzz(service: ServiceProcess, cases: int, seed: int | None, folder: Path) -> int:
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(ROOT / "schemathesis.toml"),
        "run", f"{service.url}/schema", "--header", f"Authorization: Bearer {service.key}",
        "--checks", "all", "--max-examples", str(cases), "--continue-on-failure", "--no-color",
        "--generation-database", "none",
        *(["--seed", str(seed)] if seed is not None else []),
    ]  # fmt: skip
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(ROOT / "tests" / "abuse" / "fuzz_hooks.py")}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
