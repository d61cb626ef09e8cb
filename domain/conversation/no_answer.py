"""How a model says that the evidence does not answer, and how its text is held back until it is clear."""

from dataclasses import dataclass
from typing import Final

NO_ANSWER: Final = "NO_ANSWER"
"""What a model is told to write, alone, when the evidence does not answer: the turn then abstains."""

_DECORATION: Final = " \t\r\n*_`\"'“”#>[("
_LONGEST_OPENING: Final = 64


@dataclass(slots=True)
class Opening:
    """The beginning of a model's text: shown once it can no longer be NO_ANSWER, and never when it is."""

    _held: str = ""
    _clear: bool = False
    _silent: bool = False

    def add(self, piece: str) -> str:
        """What may be shown now."""
        if self._clear:
            return piece
        self._held += piece
        core = self._held.lstrip(_DECORATION)
        if core.startswith(NO_ANSWER):
            self._silent = True
        if self._silent or (NO_ANSWER.startswith(core) and len(self._held) < _LONGEST_OPENING):
            return ""
        self._clear = True
        return self._held

    def rest(self) -> str:
        """What was held back to the end and is text after all."""
        return "" if self._clear or self._silent else self._held
