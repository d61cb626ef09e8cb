"""How many tokens a text is likely to be, without any model's tokenizer."""

from typing import Final

_ASCII_PER_TOKEN: Final = 3.6
_OTHER_PER_TOKEN: Final = 1.1
"""
Characters a token, on the cautious side: English prose has 4 to 4.5 (o200k, Llama 3), code and Markdown some 3.5;
Cyrillic some 2, Chinese and Japanese 1 to 1.5.
"""


def estimated_tokens(text: str) -> int:
    ascii_chars = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return int(ascii_chars / _ASCII_PER_TOKEN + (len(text) - ascii_chars) / _OTHER_PER_TOKEN) + 1
