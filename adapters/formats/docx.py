"""Word documents, by way of the HTML that their styles mean."""

from dataclasses import replace
from io import BytesIO
from typing import Any, Final
from zipfile import BadZipFile, LargeZipFile, ZipFile

import mammoth
from selectolax.lexbor import LexborHTMLParser

from adapters.formats.binary import file_in
from adapters.formats.html import HtmlParser
from adapters.formats.html_head import one_line
from domain.errors import DocumentUnreadable
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser

_STYLES: Final = """
p[style-name='Title'] => h1.title:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Preformatted Text'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
r[style-name='Verbatim Char'] => code
r[style-name='Source Text'] => code
comment-reference =>
"""
MAX_INFLATED: Final = 200 * 1024 * 1024
"""Bytes that the parts of one document may have together when unpacked, pictures left out."""


class DocxParser(DocumentParser):
    """
    Headings, lists, tables and notes as their styles say. Word gives headings no address that a reader could open, so
    sections have no anchor.
    """

    def __init__(self) -> None:
        self._html = HtmlParser()

    def parse(self, source: SourceDocument) -> ParsedDocument:
        content = file_in(source)
        metadata = _said_of_itself(source.uri, content)
        html = _html(source.uri, content)
        title = source.title or metadata.pop("title", None)
        page = replace(source, content=f"<main>{html}</main>", format=Format.HTML, title=title)
        parsed = self._html.parse(page)
        sections = tuple(replace(section, anchor=None) for section in parsed.sections)
        return replace(parsed, sections=sections, metadata=metadata)


def _html(uri: str, content: bytes) -> str:
    try:
        found = mammoth.convert_to_html(
            BytesIO(content),
            style_map=_STYLES,
            include_embedded_style_map=False,
            convert_image=mammoth.images.img_element(lambda _: {}),
        )
    except Exception as error:  # the library lets through whatever the parts of a broken file raise
        raise DocumentUnreadable(uri, "it is not a Word document that can be read") from error
    return str(found.value)


def _said_of_itself(uri: str, content: bytes) -> dict[str, Any]:
    """Title and author of the core properties (ISO/IEC 29500-2). Refuses a file that unpacks to too much."""
    try:
        with ZipFile(BytesIO(content)) as parts:
            texts = [part for part in parts.infolist() if part.filename.endswith((".xml", ".rels"))]
            if sum(part.file_size for part in texts) > MAX_INFLATED:
                raise DocumentUnreadable(uri, f"it unpacks to more than {MAX_INFLATED // 1024**2} MB")
            if any(part.flag_bits & 1 for part in texts):
                raise DocumentUnreadable(uri, "it is locked by a password")
            names = parts.namelist()
            core = parts.read("docProps/core.xml") if "docProps/core.xml" in names else b""
    except (BadZipFile, LargeZipFile, NotImplementedError, OSError, RuntimeError) as error:
        raise DocumentUnreadable(uri, "it is not a Word document that can be read") from error
    tree = LexborHTMLParser(core.decode("utf-8", "replace"))
    found: dict[str, Any] = {}
    for tag, key in (("dc:title", "title"), ("dc:creator", "authors"), ("dc:language", "lang")):
        node = next((one for one in tree.css("*") if one.tag == tag), None)
        said = one_line(node.text()) if node is not None else ""
        if said:
            found[key] = [said] if key == "authors" else said
    return found
