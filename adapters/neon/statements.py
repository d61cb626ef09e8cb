"""Rows of parameters as a table: any number of them in one statement and one round trip."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Table, TableValuedAlias, bindparam, column, func

from adapters.neon.tables import SqlType


def given(name: str, columns: Mapping[str, SqlType]) -> TableValuedAlias:
    """
    ``unnest(:each_a, :each_b) AS given(a, b)``: one statement for any number of rows, compiled and prepared once.

    ``each`` makes its parameters.
    """
    lists = [bindparam(f"each_{key}", type_=ARRAY(kind)) for key, kind in columns.items()]
    shape = [column(key, kind) for key, kind in columns.items()]
    return func.unnest(*lists).table_valued(*shape).render_derived(name=name)


def each(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """The parameters of ``given``: one list per column, from rows in the order of ``names``."""
    columns = zip(*rows, strict=True)
    return {f"each_{name}": list(values) for name, values in zip(names, columns, strict=True)}


def given_like(table: Table, name: str, *columns: str) -> TableValuedAlias:
    """``given`` for some of a table's columns, of their types."""
    return given(name, {column: table.c[column].type for column in columns})
