"""The data model's page draws and explains the tables that there are."""

import re

from adapters.neon.drawing import PAGE, drawn, put_into
from adapters.neon.tables import metadata


def test_the_drawing_is_of_the_tables_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert put_into(page) == page, "run `make data-model` and commit docs/data-model.md"


def test_every_table_is_explained_and_no_other() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == set(metadata.tables)


def test_every_reference_is_drawn() -> None:
    lines = drawn().splitlines()
    references = [one for table in metadata.tables.values() for one in table.foreign_key_constraints]
    assert references
    for one in references:
        assert any(one.referred_table.name in line and f"{{ {one.table.name} :" in line for line in lines)
