"""Replies that are no JSON of the shape that was asked for."""

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises: the second for a string that is no UTF-8, the third for brackets by the thousand."""
