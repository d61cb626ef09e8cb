"""Services for the suites of bad input, shared by a module: no bad input may change what the next one gets."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.abuse.schema_walk import Schema
from tests.entrypoints.http_service import HttpService, a_service

SHARED: Final = Path(__file__).parents[3] / "shared/data"
FILES: Final = SHARED / "jsontestsuite/test_parsing"
BLNS: Final = SHARED / "blns/blns.json"


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[HttpService]:
    async with a_service() as running:
        yield running


@pytest.fixture(scope="module")
def schema(service: HttpService) -> Schema:
    return Schema(service.app)


@pytest.fixture(scope="session")
def json_files() -> list[Path]:
    """The 318 files of the JSON test suite."""
    if not FILES.is_dir():
        pytest.skip(f"the JSON test suite is not at {FILES}")
    found = sorted(FILES.glob("*.json"))
    assert len(found) == 318
    return found


@pytest.fixture(scope="session")
def naughty_strings() -> list[str]:
    """The 515 of the Big List of Naughty Strings."""
    if not BLNS.is_file():
        pytest.skip(f"the Big List of Naughty Strings is not at {BLNS}")
    strings: list[str] = json.loads(BLNS.read_text())
    assert len(strings) == 515
    return strings
