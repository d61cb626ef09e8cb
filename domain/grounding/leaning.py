"""Sentences that are understood only together with the one before them."""

import re
from typing import Final

_DANGLING: Final = (
    r"[\"“(*_]*(?:this|that|these|those|it|its|they|their|them|he|she|his|her|such|however|therefore|thus|instead|"
    r"otherwise|then|also|but|and|so|both|the (?:former|latter)|in this case|as a result)\b"
)
_LEANS: Final = re.compile(_DANGLING, re.IGNORECASE)
_REFERS: Final = re.compile(rf"\A{_DANGLING}|\b(?:it|its|they|them|their|this|these|those)\b", re.IGNORECASE)


def leans(sentence: str) -> bool:
    """Whether an English sentence begins with a word that points at the one before it."""
    return _LEANS.match(sentence) is not None


def refers(sentence: str) -> bool:
    """Whether a word that stands for something said before is anywhere in it."""
    return _REFERS.search(sentence) is not None
