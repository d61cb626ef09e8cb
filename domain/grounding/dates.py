"""The names that dates have in English."""

from typing import Final

MONTH_OR_WEEKDAY: Final = (
    r"(?:(?:Jan|Febr)uary|March|April|May|June|July|August|(?:Sept|Nov|Dec)ember|October|"
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
)
"""Part of a pattern."""
