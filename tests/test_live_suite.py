"""The live tests themselves: each runs, on fakes in place of the real services; each says why where it does not."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.fakes.cohere import FakeCohere
from tests.fakes.openrouter import KEY as MODELS_KEY
from tests.fakes.openrouter import FakeOpenRouter
from tests.fakes.qdrant import FakeQdrant
from tests.live.test_live import COHERE_CALLS, MODEL_CALLS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ASKED_FOR = ("COHERE_", "OPENROUTER_", "DATABASE_", "QDRANT_", "IBID_")


async def lived(folder: Path, **settings: str) -> tuple[str, dict[str, int]]:
    """What `make test-live` prints with these settings alone, and how many tests ended how."""
    program = re.search(r"^test-live:.*\n\t(?:\$\(BIN\)/python )(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert program is not None
    arguments = [one.strip('"') for one in re.findall(r'"[^"]*"|\S+', program[1])]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ASKED_FOR)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        "-p",
        "no:cacheprovider",
        f"--rootdir={ROOT}",
        cwd=ROOT,
        env={**kept, **settings, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(240):
        told = (await process.communicate())[0].decode()
    ended = {word: int(count) for count, word in re.findall(r"(\d+) (passed|skipped|failed|error)", told)}
    return told, ended


async def test_without_a_key_each_is_left_out_and_says_why(open_folder: Path) -> None:
    told, ended = await lived(open_folder)
    assert ended.keys() == {"skipped"}, told
    for name in ("COHERE_API_KEY", "OPENROUTER_API_KEY", "DATABASE_URL", "IBID_TEST_QDRANT_URL"):
        assert name in told


async def test_each_runs_and_together_they_stay_below_twenty_calls(open_folder: Path, postgres_url: str) -> None:
    async with FakeCohere() as cohere, FakeOpenRouter() as models, FakeQdrant() as qdrant:
        told, ended = await lived(
            open_folder,
            COHERE_API_KEY="fake-cohere-key",
            COHERE_BASE_URL=cohere.url,
            OPENROUTER_API_KEY=MODELS_KEY,
            OPENROUTER_BASE_URL=models.url,
            IBID_TEST_QDRANT_URL=qdrant.url,
            DATABASE_URL=postgres_url,
        )
        assert ended.keys() == {"passed"}, told
        calls = len(cohere.calls) + len(models.calls)
        assert ended["passed"] > 20
        assert qdrant.calls
    refused = 2  # the fakes do not remember what comes with a wrong key
    assert 8 <= calls + refused < 20
    assert COHERE_CALLS + MODEL_CALLS + 6 + 2 < 20
