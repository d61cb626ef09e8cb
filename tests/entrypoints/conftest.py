"""A running service over memory adapters, with its pages in."""

from collections.abc import AsyncIterator

import pytest

from tests.entrypoints.http_service import HttpService, a_service


@pytest.fixture
async def service() -> AsyncIterator[HttpService]:
    async with a_service() as running:
        yield running


@pytest.fixture(scope="module")
async def refusing() -> AsyncIterator[HttpService]:
    """One for all the tests of a module in which every request is refused, and so changes nothing for the next."""
    async with a_service() as running:
        yield running
