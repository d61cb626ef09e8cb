"""Jupyter notebooks: their prose as Markdown, their code as fences, what it printed beneath."""

import re
from dataclasses import replace
from typing import Any, Final

import msgspec

from adapters.formats.markdown import MarkdownParser
from domain.errors import DocumentUnreadable
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser

MAX_OUTPUT_CHARS: Final = 4_000
"""Of one cell: a log that a cell printed says little, and would crowd the prose out of the index."""
_EMPTY: Final = '{"nbformat": 4}'
_FENCE_RUN: Final = re.compile(r"^`{3,}", re.MULTILINE)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class _Output(msgspec.Struct):
    output_type: str
    text: str | list[str] = ""
    data: dict[str, Any] = {}


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""
    outputs: list[_Output] = []


class _Notebook(msgspec.Struct):
    nbformat: int
    cells: list[_Cell] = []
    metadata: dict[str, Any] = {}


class NotebookParser(DocumentParser):
    """
    Reads nbformat 4 (jupyter.org, Notebook file format); earlier ones are refused with the way to convert them.

    Pictures and HTML that a cell showed are left out. Headings get the anchors that nbconvert gives them.
    """

    def __init__(self, markdown: MarkdownParser) -> None:
        self._markdown = markdown

    def parse(self, source: SourceDocument) -> ParsedDocument:
        try:
            notebook = msgspec.json.decode(source.content.strip() or _EMPTY, type=_Notebook)
        except (msgspec.DecodeError, RecursionError) as error:  # the latter of brackets by the thousand
            raise DocumentUnreadable(source.uri, "it is not a notebook that can be read") from error
        if notebook.nbformat < 4:
            raise DocumentUnreadable(
                source.uri, "its format is older than 4; convert it: jupyter nbconvert --to notebook"
            )
        language = _language(notebook.metadata)
        text = "\n\n".join(part for cell in notebook.cells for part in _parts(cell, language))
        parsed = self._markdown.parse(
            replace(source, content=text, format=Format.MARKDOWN, title=_title(source, notebook))
        )
        sections = tuple(
            replace(section, anchor=section.heading_path[-1].replace(" ", "-") if section.level else None)
            for section in parsed.sections
        )
        return replace(parsed, sections=sections)


def _title(source: SourceDocument, notebook: _Notebook) -> str | None:
    said = notebook.metadata.get("title")
    return source.title or (said if isinstance(said, str) and said.strip() else None)


def _language(metadata: dict[str, Any]) -> str:
    for part in ("language_info", "kernelspec"):
        found = metadata.get(part)
        if isinstance(found, dict):
            name = found.get("name" if part == "language_info" else "language")
            if isinstance(name, str) and re.fullmatch(r"[\w+#-]{1,30}", name):
                return name
    return ""


def _parts(cell: _Cell, language: str) -> list[str]:
    source = _text(cell.source).strip("\n")
    if cell.cell_type == "markdown":
        return [source]
    if cell.cell_type != "code" or not source.strip():
        return []
    printed = "".join(_printed(output) for output in cell.outputs).strip("\n")
    parts = [_fenced(source, language)]
    if printed.strip():
        cut = printed if len(printed) <= MAX_OUTPUT_CHARS else printed[:MAX_OUTPUT_CHARS].rsplit("\n", 1)[0]
        parts.append(_fenced(cut, "text"))
    return parts


def _printed(output: _Output) -> str:
    if output.output_type == "stream":
        return _COLOURS.sub("", _text(output.text))
    shown = output.data.get("text/plain", "")
    return _COLOURS.sub("", _text(shown)) + "\n" if isinstance(shown, str | list) else ""


def _text(lines: str | list[Any]) -> str:
    return lines if isinstance(lines, str) else "".join(line for line in lines if isinstance(line, str))


def _fenced(code: str, language: str) -> str:
    fence = max((run + "`" for run in _FENCE_RUN.findall(code)), key=len, default="```")
    return f"{fence}{language}\n{code}\n{fence}"
