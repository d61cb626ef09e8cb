"""The units of work that every store is tried on: in memory, and on PostgreSQL."""

from functools import partial

import pytest

from adapters.memory.store import InMemoryStore
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.neon.unit_of_work import NeonUnitOfWork
from application.ports import UnitOfWorkFactory


@pytest.fixture(params=["memory", "neon", "neon through pgbouncer"])
def unit_of_work(request: pytest.FixtureRequest) -> UnitOfWorkFactory:
    """Units of work on a fresh, empty store."""
    if request.param == "memory":
        return partial(InMemoryUnitOfWork, InMemoryStore())
    pooled = "pgbouncer" in request.param
    return partial(NeonUnitOfWork, request.getfixturevalue("pooled_engine" if pooled else "engine"))
