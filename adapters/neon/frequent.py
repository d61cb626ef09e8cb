"""Statements that every question runs, handed to the driver as they were compiled once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECT: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # it has no types


class Found(asyncpg.Record):  # type: ignore[misc]  # it has no types
    """A row whose columns can be had by name, as SQLAlchemy's can."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(slots=True)
class Frequent:
    """
    A statement of SQLAlchemy's whose SQL, and the order of whose parameters, are worked out once.

    SQLAlchemy takes some 200 µs to execute one that it has in its cache, asyncpg 20. Every execution gives the same
    parameters by name. Nothing is converted on the way: asyncpg speaks PostgreSQL's types itself.
    """

    statement: Executable
    _sql: str = ""
    _places: tuple[tuple[str | None, Any], ...] = field(default=())

    def for_driver(self, given: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """SQL with numbered parameters, and their values."""
        if not self._sql:
            self._compile(given)
        return self._sql, [value if name is None else given[name] for name, value in self._places]

    def _compile(self, given: Mapping[str, Any]) -> None:
        statement = self.statement
        assert isinstance(statement, ClauseElement)  # noqa: S101  every statement is one
        compiled = statement.compile(dialect=_DIALECT, column_keys=list(given))
        assert isinstance(compiled, SQLCompiler)  # noqa: S101  what is no DDL is compiled by one
        # What the statement itself holds has its value already; the rest comes with each execution.
        values = compiled.construct_params(dict(given))
        names = compiled.positiontup or ()
        self._places = tuple((name, None) if name in given else (None, values[name]) for name in names)
        self._sql = compiled.string
