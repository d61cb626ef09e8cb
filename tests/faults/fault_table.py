"""The tables of docs/faults.md, which the fault tests are made of."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"


@dataclass(frozen=True, slots=True)
class Expected:
    attempts: tuple[str, ...]
    by: str
    resets: tuple[str, ...]
    opens: tuple[str, ...]


def expected(heading: str) -> dict[str, Expected]:
    """The rows under a heading, by fault."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {
        fault: Expected(_listed(attempts), by, _listed(resets), _listed(opens))
        for fault, attempts, by, resets, opens in rows[2:]
    }


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(re.split(r",\s*", cell)) if cell else ()
