"""Use cases over the in-memory adapters."""

import pytest

from tests.story import Story


@pytest.fixture
def story() -> Story:
    return Story()
