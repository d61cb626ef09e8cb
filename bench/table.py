"""The tables of the benchmarks: a row, and a page's table written anew between its two marks."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    measured: str
    wanted: str
    met: bool


def write_table(name: str, rows: Sequence[Row]) -> None:
    """Put ``rows`` between ``<!-- name: start -->`` and ``<!-- name: end -->`` of the page, with the day."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    table = ["| what | measured | wanted | |", "|---|---|---|---|"]
    table += [f"| {row.what} | {row.measured} | {row.wanted} | {'met' if row.met else 'missed'} |" for row in rows]
    text = _PAGE.read_text(encoding="utf-8")
    before, after = text.split(start)[0], text.split(end)[1]
    day = f"Measured {datetime.now(UTC):%Y-%m-%d} on 2 cores, Python {platform.python_version()}, by `make bench`."
    _PAGE.write_text("\n".join([before + start, "", day, "", *table, "", end + after]), encoding="utf-8")
