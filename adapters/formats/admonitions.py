"""The lines ``:::note Title`` and ``:::`` of Docusaurus's admonitions."""

import re
from typing import Final

_DIRECTIVE: Final = re.compile(
    r":{3,}(?:(?P<name>[A-Za-z][\w-]*)(?:\[(?P<label>.*)\])?(?:\{(?P<attributes>[^{}]*)\})?(?:[ \t]+(?P<title>.*))?)?\Z"
)
_TITLE_ATTRIBUTE: Final = re.compile(r"""\btitle=(?:"([^"]*)"|'([^']*)'|(\S+))""")
_ADMONITIONS: Final = frozenset(
    {"secondary", "info", "success", "danger", "note", "tip", "warning", "important", "caution"}
)
"""Docusaurus's own keywords; a site may add others, which are read without the title-after-a-space form."""


def admonition_title(line: str) -> str | None:
    """What the line shows: a title, the keyword, or nothing where it only closes; None when it is no such line."""
    found = _DIRECTIVE.match(line)
    if not found or (found["title"] and found["name"] not in _ADMONITIONS):
        return None
    attribute = _TITLE_ATTRIBUTE.search(found["attributes"] or "")
    title = found["title"] or found["label"] or (attribute and (attribute[1] or attribute[2] or attribute[3]))
    if title:
        return title.strip()
    return found["name"].capitalize() if found["name"] in _ADMONITIONS else ""
