"""The units of work that every store is tried on: in memory, and on PostgreSQL."""

from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.memory.store import InMemoryStore
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.neon.engine import statement_by_statement
from adapters.neon.known_collections import KnownCollections
from adapters.neon.known_passages import KnownPassages
from adapters.neon.presumed_collections import PresumedCollections
from adapters.neon.unit_of_work import NeonUnitOfWork
from application.ports import UnitOfWorkFactory


@pytest.fixture(params=["memory", "neon", "neon through pgbouncer"])
def unit_of_work(request: pytest.FixtureRequest) -> UnitOfWorkFactory:
    """Units of work on a fresh, empty store."""
    if request.param == "memory":
        return partial(InMemoryUnitOfWork, InMemoryStore())
    passages = request.getfixturevalue("known_passages")
    return partial(NeonUnitOfWork, _engine(request, request.param), _known(request, request.param), None, passages)


@pytest.fixture
def alone(unit_of_work: UnitOfWorkFactory, request: pytest.FixtureRequest) -> UnitOfWorkFactory:
    """Units on the same store whose statements are each a transaction of their own."""
    kind = request.node.callspec.params["unit_of_work"]
    if kind == "memory":
        return unit_of_work
    known = _known(request, kind)
    presumed = PresumedCollections() if known is None else None
    passages = request.getfixturevalue("known_passages")
    return partial(NeonUnitOfWork, statement_by_statement(_engine(request, kind)), known, presumed, passages)


@pytest.fixture
def known_collections() -> KnownCollections:
    return KnownCollections()


@pytest.fixture
async def known_passages() -> KnownPassages:
    """What was read once is asked for again: whatever changes, forgets or hides it in between must be seen."""
    return KnownPassages()


def _known(request: pytest.FixtureRequest, kind: str) -> KnownCollections | None:
    """A database that nobody else uses is read less often, and must tell the same; behind a pooler there are others."""
    known: KnownCollections = request.getfixturevalue("known_collections")
    return None if "pgbouncer" in kind else known


def _engine(request: pytest.FixtureRequest, kind: str) -> AsyncEngine:
    engine: AsyncEngine = request.getfixturevalue("pooled_engine" if "pgbouncer" in kind else "engine")
    return engine
