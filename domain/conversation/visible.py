"""What a reader of a document would see of its text: what hides in it does not reach a model."""

import re
from typing import Final

from domain.grounding.hidden import without_hidden_markup

_HIDDEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""
Of no width, or turning the direction of writing: format characters, fillers, tags, controls (Unicode 16). The two
joiners stay: they belong to the spelling of Persian, Hindi and others.
"""
_TEMPLATE: Final = re.compile(
    r"<\|(?=[\w/ -]{1,40}\|>)|\[(?=/?INST\])|<(?=/?(?:s|start_of_turn|end_of_turn|bos|eos)>)|<<(?=/?SYS>>)",
    re.IGNORECASE,
)
"""Marks by which models tell speakers apart. A local server may read them out of any text."""


def visible(text: str) -> str:
    """``text`` without hidden characters and hidden markup, and with the marks of chat templates broken up."""
    shown = _TEMPLATE.sub(lambda mark: mark[0] + " ", _HIDDEN.sub("", text))
    return without_hidden_markup(shown)
