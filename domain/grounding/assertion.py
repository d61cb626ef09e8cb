"""Sentences that raise a matter and assert nothing of it."""

import re
from functools import lru_cache
from typing import Final

_AIM: Final = re.compile(
    r"\b(?:whether|objectives?|background|methods?|aim(?:s|ed)?|purpose|goals?|hypothe\w*|unknown|unclear|uncertain|"
    r"(?:poorly|not|incompletely) (?:well )?understood|remains?|sought|questions?|investigat\w*|examin\w*|explor\w*|"
    r"main outcomes?|outcome measures?|little is known|need(?:s|ed)? (?:to|for)|"
    r"to (?:determine|assess|evaluate|test|identify|study|compare|investigate|examine|address|explore|define|"
    r"characteri[sz]e|understand|estimate|measure)|"
    r"we (?:studied|used|performed|analy[sz]ed|conducted|measured|reviewed|assessed|evaluated|collected|obtained|"
    r"tested|compared|developed)|"
    r"(?:was|were) (?:studied|performed|analy[sz]ed|conducted|reviewed|assessed|evaluated|collected|obtained|"
    r"tested|examined))\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def asks_rather_than_says(text: str, language: str) -> bool:
    """Whether a sentence tells what was asked, planned or done to find out: it raises a matter and asserts nothing."""
    return language == "en" and _AIM.search(text) is not None
