"""Which sentences of an answer assert something."""

import re
from functools import lru_cache
from typing import Final

_MARKER: Final = re.compile(r"\[\d{1,3}\]")
_HEADING: Final = re.compile(r"#{1,6}[ \t]|\*\*[^*]+\*\*:?\Z")
_QUOTATION: Final = "\"'“”‘’«»„‹›「」『』"
_WORD: Final = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_CONNECTING: Final = {
    "en": re.compile(
        r"(?:here(?:'s|’s| is| are) |sure\b|certainly\b|of course\b|absolutely\b|yes\W*\Z|no\W*\Z|okay?\b|thanks\b|"
        r"thank you|you(?:'re|’re| are) welcome|let me know|let(?:'s|’s| us) (?:look|see|go|take|start)|"
        r"i hope|hope this|feel free|good luck|happy to|glad to|great question|good question|"
        r"in (?:summary|short|conclusion)\W*\Z|"
        r"for (?:example|instance)\W*\Z|i(?:'m|’m| am) (?:sorry|not sure)|i (?:do not|don't|don’t) (?:know|have)|"
        r"i (?:can ?not|can't|can’t|could not|couldn't|couldn’t) (?:find|answer|say))",
        re.IGNORECASE,
    )
}
"""Phrases that hold an English answer together, or speak of the answer and not of the world."""


@lru_cache(maxsize=4)
def without_markers(text: str) -> str:
    """A sentence without its markers ``[n]`` and the blanks before them."""
    if "[" not in text:
        return text.strip()
    # A pattern that began with the blanks would be tried at every character.
    *before, last = _MARKER.split(text)
    return ("".join([part.rstrip(" \t") for part in before]) + last).strip()


def is_claim(text: str, *, language: str = "en") -> bool:
    """
    Whether a written sentence, markers included, asserts something that evidence can bear out.

    Questions, headings and code fences never do. Table rows, lines that only announce what follows and connecting
    phrases do when they carry a marker: whoever cites, asserts. Phrases are known for English alone.
    """
    cited = _MARKER.search(text) is not None
    core = without_markers(text)
    if core.startswith(("```", "~~~")) or _HEADING.match(core) or not _WORD.search(core):
        return False
    ending = core.rstrip(_QUOTATION + ")*_ ")
    quoted = core[:1] in '"“«「『'
    if ending.endswith(("?", "？", "؟")) and not (quoted and cited):
        return False
    if cited:
        return True
    connecting = _CONNECTING.get(language)
    announces = ending.endswith((":", "："))
    return not (announces or core.startswith("|") or (connecting and connecting.match(core)))
