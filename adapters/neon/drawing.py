"""The tables as a Mermaid diagram, for docs/data-model.md: ``python -m adapters.neon.drawing`` puts it there."""

from pathlib import Path
from typing import Final

from sqlalchemy import Column, ForeignKeyConstraint, Table
from sqlalchemy.dialects import postgresql

from adapters.neon.tables import metadata

PAGE: Final = Path(__file__).parents[2] / "docs" / "data-model.md"
_START: Final = "<!-- drawn: start -->"
_END: Final = "<!-- drawn: end -->"


def drawn() -> str:
    """Every table with its columns, and a line for each reference from one to another."""
    lines = ["erDiagram"]
    for table in sorted(metadata.tables.values(), key=lambda one: one.name):
        lines += [f"  {name}" for name in sorted(set(_references(table)))]
    for table in sorted(metadata.tables.values(), key=lambda one: one.name):
        lines += [f"  {table.name} {{", *(f"    {_column(table, column)}" for column in table.columns), "  }"]
    return "\n".join(lines)


def put_into(page: str) -> str:
    """The page with its diagram as the tables are now."""
    before, rest = page.split(_START)
    _, after = rest.split(_END)
    return f"{before}{_START}\n\n```mermaid\n{drawn()}\n```\n\n{_END}{after}"


def _references(table: Table) -> list[str]:
    found = []
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            columns = ", ".join(column.name for column in constraint.columns)
            optional = all(column.nullable for column in constraint.columns)
            found.append(f'{constraint.referred_table.name} ||--{"o" if optional else ""}{{ {table.name} : "{columns}"')
    return [line.replace("||--{", "||--o{") for line in found]


def _column(table: Table, column: "Column[object]") -> str:
    kind = column.type.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
    keys = [key for key, holds in (("PK", column.primary_key), ("FK", bool(column.foreign_keys))) if holds]
    shown = kind.replace("[]", "_array").split("(")[0].replace(" ", "_")
    comment = ' "may be null"' if column.nullable else ""
    return f"{shown} {column.name}{' ' + ', '.join(keys) if keys else ''}{comment}"


if __name__ == "__main__":
    PAGE.write_text(put_into(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
