"""
What is read of one real file of each format, against what was read of it when somebody last looked (golden/).

``python -m tests.adapters.test_real_files`` writes the golden files anew: read the difference before you keep it.
"""

from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest

from adapters.formats.by_format import FormatParser
from domain.errors import DocumentUnreadable
from domain.library.files import document_of
from domain.library.model import Format, ParsedDocument

FILES = Path(__file__).parent / "real_files"
GOLDEN = FILES / "golden"
READ = (
    *("by-hand.md", "by-hand.mdx", "by-hand.txt", "docutils.html", "pandoc.rst", "jupyter.ipynb"),
    *("libreoffice.pdf", "two-columns.pdf", "pandoc.docx", "libreoffice.docx"),
)


def golden(name: str) -> str:
    """Each section with its path, anchor or page, and below it each block with its kind, whole."""
    source = document_of(name, (FILES / name).read_bytes())
    parsed = FormatParser().parse(source)
    lines = [f"{source.format.value}: {parsed.title}", *(f"{key} = {parsed.metadata[key]}" for key in parsed.metadata)]
    for section in parsed.sections:
        where = "".join(
            f" {name} {value}" for name, value in (("#", section.anchor), ("page", section.page)) if value is not None
        )
        lines += ["", f"== {' > '.join(section.heading_path)} (level {section.level}){where}"]
        lines += _blocks(parsed, section.start, section.end)
    return "\n".join(lines) + "\n"


def _blocks(parsed: ParsedDocument, start: int, end: int) -> list[str]:
    inside = (block for block in parsed.blocks if start <= block.start and block.end <= end)
    return [f"{block.kind.value}: {parsed.text[block.start : block.end]}" for block in inside]


@pytest.mark.parametrize("name", READ)
def test_a_real_file_is_read_as_it_was(name: str) -> None:
    assert golden(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in READ if name not in ("by-hand.txt", "two-columns.pdf")])
def test_of_a_link_the_text_is_kept_and_the_target_is_not(name: str) -> None:
    text = FormatParser().parse(document_of(name, (FILES / name).read_bytes())).text
    assert "See the guide for the reasons." in text
    assert "example.org" not in text


def test_every_format_has_a_real_file() -> None:
    kinds = {document_of(name, (FILES / name).read_bytes()).format for name in READ}
    assert kinds == set(Format)


@pytest.mark.parametrize(
    ("name", "called", "kind"),
    [
        ("libreoffice.pdf", "report.txt", Format.PDF),
        ("pandoc.docx", "letter.txt", Format.DOCX),
        ("docutils.html", "page.txt", Format.HTML),
    ],
)
def test_the_type_is_found_by_content_whatever_the_name(name: str, called: str, kind: Format) -> None:
    assert document_of(called, (FILES / name).read_bytes()).format is kind


def test_a_pdf_of_pictures_says_what_to_do() -> None:
    with pytest.raises(DocumentUnreadable, match="only pictures of pages; run it through OCR first"):
        FormatParser().parse(document_of("scan.pdf", _a_page_without_text()))


def _a_page_without_text() -> bytes:
    file = pypdfium2.PdfDocument.new()
    file.new_page(200, 200)
    saved = BytesIO()
    file.save(saved)
    return saved.getvalue()


if __name__ == "__main__":
    for one in READ:
        (GOLDEN / f"{one}.txt").write_text(golden(one), encoding="utf-8")
