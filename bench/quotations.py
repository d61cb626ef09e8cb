"""What an extractive answer quotes: its sentences, and the cells of its table rows."""

import re
from collections.abc import Iterator
from typing import Final

_SENTENCE: Final = re.compile(r"“(.*?)” ((?:\[\d+\])+)", re.DOTALL)
_ROW: Final = re.compile(r"^\|(.*?) ((?:\[\d+\])+) \|$", re.MULTILINE)
_CELL: Final = re.compile(r"“(.*?)”(?= \||\Z)")
_NUMBER: Final = re.compile(r"\d+")


def quotations(answer: str) -> Iterator[tuple[str, list[int]]]:
    """Each quotation with the numbers of the evidence that it cites, those of table rows last."""
    for quote, markers in _SENTENCE.findall(_ROW.sub("", answer)):
        yield quote, _numbers(markers)
    for row, markers in _ROW.findall(answer):
        for cell in _CELL.findall(row):
            yield cell, _numbers(markers)


def _numbers(markers: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(markers)]
