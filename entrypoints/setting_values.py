"""What a setting's value is read by, and what is said when it cannot be."""

import re
from collections.abc import Callable


class SettingsError(Exception):
    """One line for the operator: which setting, what is wrong, what to do."""


class Secret:
    """A text that shows itself to nobody who does not ask with ``reveal``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def whole_number(name: str, low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        return int(value)

    return read


def http_url(name: str, value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise SettingsError(f"{name} must begin with http:// or https://, not {value[:12]!r}")
    return value.rstrip("/")
