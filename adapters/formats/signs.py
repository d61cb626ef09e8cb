"""What a page gives away of itself before it is parsed."""

import re
from typing import Final

ESM: Final = re.compile(
    r"""import(?:\s*["'{*]|\s+[\w$]+\s*(?:,|\s+from\b))"""
    r"""|export(?:\s*[{*]|\s+(?:default|const|let|var|function|class|async)\b)"""
)
"""The beginning of an import or export line, as far as prose does not begin so, too."""
_FOOTNOTE: Final = re.compile(r"^ {0,3}\[\^([^\]\s]+)\]:", re.MULTILINE)
_MDX_SIGN: Final = re.compile(rf"^(?:{ESM.pattern}|[ \t]*</?[A-Z]|.*\{{/\*)", re.MULTILINE)
_FENCE_LINE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})")


def footnotes_of(body: str) -> frozenset[str]:
    """The labels of the footnotes that a page defines."""
    return frozenset(_FOOTNOTE.findall(body)) if "[^" in body else frozenset()


def reads_as_mdx(body: str) -> bool:
    """Whether a page that is called Markdown uses MDX: imports or exports, components, ``{/* comments */}``."""
    if not _MDX_SIGN.search(body):
        return False
    fence = ""
    for line in body.split("\n"):
        found = _FENCE_LINE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
        elif not fence and _MDX_SIGN.match(line):
            return True
    return False
