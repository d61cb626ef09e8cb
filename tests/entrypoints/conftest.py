"""A running service over memory adapters, with its pages in."""

from collections.abc import AsyncIterator

import pytest

from tests.entrypoints.http_service import HttpService, a_service


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    async with a_service() as running:
        yield running
