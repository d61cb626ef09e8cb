"""PDFs of any number of pages, of plain text in a font that needs no file, to measure what reading them takes."""

from itertools import cycle, islice
from textwrap import wrap
from typing import Final

LINES: Final = 46
CHARACTERS: Final = 88


def pdf(text: str, pages: int) -> bytes:
    """The text, from its beginning again when it is used up. Source: ISO 32000-1, sections 7.5 and 9.4."""
    lines = cycle(wrap(text.encode("ascii", "ignore").decode(), CHARACTERS))
    font, root, tree, first = 1, 2, 3, 4
    objects = [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Catalog /Pages 3 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%b] >>"
        % (pages, b" ".join(b"%d 0 R" % (first + 2 * page) for page in range(pages))),
    ]
    for page in range(pages):
        shown = (line.replace("\\", "").replace("(", "").replace(")", "") for line in islice(lines, LINES))
        content = (
            b"BT /F1 10 Tf 15 TL 50 760 Td\n" + b"".join(b"(%b) Tj T*\n" % line.encode() for line in shown) + b"ET"
        )
        objects.append(
            b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 %d 0 R >> >> >>" % (tree, first + 2 * page + 1, font)
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    body, places = b"%PDF-1.4\n", []
    parts = [body]
    length = len(body)
    for number, one in enumerate(objects, start=1):
        places.append(length)
        parts.append(b"%d 0 obj\n%b\nendobj\n" % (number, one))
        length += len(parts[-1])
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, table))
    parts.append(b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, length))
    return b"".join(parts)
