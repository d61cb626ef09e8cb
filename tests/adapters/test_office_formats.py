"""Files of real producers (pandoc, LibreOffice, Jupyter), against what stands in them."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pypdfium2
import pytest

from adapters.formats.by_format import FormatParser
from domain.errors import DocumentUnreadable, OutOfRange
from domain.library.files import document_of
from domain.library.model import BlockKind, Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentLimits

FILES = Path(__file__).parent / "real_files"
PARSER = FormatParser()
HEADINGS = ["Why pin", "How to pin", "In a lock file", "When to unpin"]
TABLE = "| Tool | Command |\n| uv | uv lock |\n| pip | pip freeze |"


def parsed(name: str) -> ParsedDocument:
    return PARSER.parse(document_of(name, (FILES / name).read_bytes()))


def blocks(document: ParsedDocument, kind: BlockKind) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind is kind]


@pytest.mark.parametrize("name", ["pandoc.docx", "libreoffice.docx", "pandoc.rst", "libreoffice.pdf"])
def test_headings_title_and_author_are_kept(name: str) -> None:
    document = parsed(name)
    assert document.title == "Pinning dependencies"
    assert document.metadata["authors"] == ["The Ibid manual"]
    assert [section.heading_path[-1] for section in document.sections][-4:] == HEADINGS
    lock_file = next(one for one in document.sections if one.heading_path[-1] == "In a lock file")
    assert lock_file.heading_path == ("Pinning dependencies", "How to pin", "In a lock file")


@pytest.mark.parametrize("name", ["pandoc.docx", "libreoffice.docx", "pandoc.rst"])
def test_code_lists_tables_and_notes_are_kept(name: str) -> None:
    document = parsed(name)
    [code] = blocks(document, BlockKind.CODE)
    assert code.startswith("```")
    assert code.splitlines()[1:-1] == ["[requires]", "router = 1.2"]
    assert blocks(document, BlockKind.TABLE) == [TABLE]
    assert "One line for each package" in " ".join(blocks(document, BlockKind.LIST_ITEM))
    assert "Write `==1.2` after the name:" in document.text
    assert "The notice names the first fixed version." in document.text


def test_anchors_are_those_that_the_published_page_has() -> None:
    assert [section.anchor for section in parsed("pandoc.rst").sections][1:] == [
        "why-pin",
        "how-to-pin",
        "in-a-lock-file",
        "when-to-unpin",
    ]
    assert [section.anchor for section in parsed("jupyter.ipynb").sections] == [
        "Counting-lanterns",
        "By-hour",
        "What-follows",
    ]
    assert {section.anchor for section in parsed("pandoc.docx").sections} == {None}


def test_a_notebook_is_its_prose_its_code_and_what_that_printed() -> None:
    document = parsed("jupyter.ipynb")
    assert document.title == "Counting lanterns"
    assert blocks(document, BlockKind.CODE) == [
        "```python\nlit = {'six': 2, 'ten': 5}\nsum(lit.values())\n```",
        "```text\n7\n```",
        "```python\nfor hour, count in lit.items():\n    print(hour, count)\n```",
        "```text\nsix 2\nten 5\n```",
    ]


def test_a_pdf_in_columns_is_read_column_by_column_with_its_pages() -> None:
    document = parsed("two-columns.pdf")
    by_night = document.text[: document.text.index("The house by day")]
    told = [int(word.split(".")[0]) for word in by_night.split("Paragraph ")[1:]]
    assert told == list(range(40))
    assert [section.page for section in document.sections] == [1, 2, 3, 4, 4, 5, 6, 7]
    assert document.sections[-1].heading_path == ("The house at night", "The house by day")


def test_what_returns_at_the_foot_of_every_page_is_left_out() -> None:
    assert "The house book, page" not in parsed("two-columns.pdf").text


def test_a_line_of_a_pdf_goes_on_with_the_next() -> None:
    text = parsed("libreoffice.pdf").text
    assert "Pinning writes down the exact version of each package, so that nobody is surprised by a release." in text


def test_a_pdf_under_another_name_is_read_as_what_it_is() -> None:
    source = document_of("letter.txt", (FILES / "libreoffice.pdf").read_bytes())
    assert source.format is Format.PDF
    assert PARSER.parse(source).title == "Pinning dependencies"


def test_a_page_of_html_under_the_name_of_a_text_is_read_as_html() -> None:
    assert document_of("page.txt", b"<!DOCTYPE html><title>A</title><p>B").format is Format.HTML
    assert document_of("page.txt", b"A page of <html>").format is Format.TEXT


def unreadable(name: str, content: bytes) -> str:
    with pytest.raises(DocumentUnreadable) as refused:
        PARSER.parse(document_of(name, content))
    return refused.value.reason


def test_a_scanned_pdf_says_what_to_do() -> None:
    scan = pypdfium2.PdfDocument.new()
    scan.new_page(200, 200)
    out = BytesIO()
    scan.save(out)
    assert "OCR" in unreadable("scan.pdf", out.getvalue())


def test_a_locked_pdf_says_so() -> None:
    assert "password" in unreadable("locked.pdf", (FILES / "locked.pdf").read_bytes())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.pdf", b"%PDF-1.7\nnothing of it"),
        ("broken.docx", b"PK\x03\x04 word/ and no more"),
        ("text.docx", b"hello"),
        ("broken.ipynb", b'{"nbformat": 4, "cells": 7}'),
        ("deep.ipynb", b'{"metadata": {"more": %b%b}}' % (b"[" * 100_000, b"]" * 100_000)),
        ("old.ipynb", b'{"nbformat": 3, "worksheets": []}'),
        ("empty.pdf", b""),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_with_a_reason(name: str, content: bytes) -> None:
    assert unreadable(name, content)


def test_a_word_document_that_unpacks_to_too_much_is_refused() -> None:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as parts:
        for number in range(5):
            parts.writestr(f"word/part{number}.xml", b" " * 50 * 1024 * 1024)
    assert "unpacks" in unreadable("bomb.docx", out.getvalue())


def test_a_text_in_rst_reads_no_other_file() -> None:
    content = (
        "A\n=\n\n.. include:: /etc/hostname\n\n.. raw:: html\n   :file: /etc/hostname\n\nB :class:`~a.b.C` here.\n"
    )
    document = PARSER.parse(SourceDocument("a.rst", content, Format.RST))
    assert document.text == "A\n\nB `C` here."


def test_what_sphinx_adds_is_kept_as_text() -> None:
    content = """Title
=====

.. _here:

.. function:: open(path)

   Opens :ref:`the file <files>` since the start.

   .. versionadded:: 3.2
      Also folders.

.. toctree::

   other

.. code-block:: python

   open("x")
"""
    document = PARSER.parse(SourceDocument("a.rst", content, Format.RST))
    assert document.text == (
        "Title\n\n`open(path)`\n\nOpens the file since the start.\n\nNew in version 3.2 Also folders.\n\n"
        '```python\nopen("x")\n```'
    )


def test_a_binary_document_by_the_api_is_base64() -> None:
    content = b64encode((FILES / "pandoc.docx").read_bytes()).decode()
    assert PARSER.parse(SourceDocument.checked("a.docx", content, Format.DOCX)).title == "Pinning dependencies"
    with pytest.raises(OutOfRange, match="base64"):
        SourceDocument.checked("a.docx", "no base64!", Format.DOCX)


def test_the_limit_of_pages_of_a_pdf_is_a_setting() -> None:
    file = pypdfium2.PdfDocument.new()
    for _ in range(3):
        file.new_page(200, 200)
    saved = BytesIO()
    file.save(saved)
    pages = document_of("pages.pdf", saved.getvalue())
    with pytest.raises(DocumentUnreadable, match="it has 3 pages; split it: 2 are taken"):
        FormatParser(DocumentLimits(pages=2)).parse(pages)
    with pytest.raises(DocumentUnreadable, match="only pictures"):
        FormatParser(DocumentLimits(pages=3)).parse(pages)
