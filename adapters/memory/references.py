from collections.abc import Mapping
from typing import Any

from domain.errors import OutOfRange
from domain.grounding.ports import ReferenceFormatter
from domain.grounding.references import STYLES


class PlainReferenceFormatter(ReferenceFormatter):
    """Authors, year, title, container, address: in this order and one form, whatever the style."""

    def format(self, item: Mapping[str, Any], *, style: str) -> str:
        if style not in STYLES:
            raise OutOfRange("citation_style", "must be one of " + ", ".join(sorted(STYLES)))
        authors = "; ".join(
            author.get("literal") or " ".join(filter(None, (author.get("given"), author.get("family"))))
            for author in item.get("author", ())
        )
        [parts] = item.get("issued", {}).get("date-parts", [[]])
        doi = f"https://doi.org/{item['DOI']}" if "DOI" in item else item.get("URL")
        named = (authors, str(parts[0]) if parts else "n.d.", item["title"], item.get("container-title"), doi)
        return " ".join(f"{part}. ".replace("\n", " ") for part in named if part).strip()
