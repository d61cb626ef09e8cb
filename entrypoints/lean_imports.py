"""Importing a library without those it merely looks for."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

LOOKED_FOR: Final = ("pydantic", "pydantic_settings", "attrs", "attr", "werkzeug")
"""
What Litestar and dependency-injector support where it is installed, and Ibid uses with neither.

pgqueuer, aiohttp or a tool of development brings each of them: importing them all takes 0.2 s of every start.
"""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """
    Importing any of these packages fails inside, as if it were not installed, unless it is imported already.

    It holds for every thread: nothing that needs them may be imported at the same time.
    """
    refusing = _Refusing(frozenset(names))
    sys.meta_path.insert(0, refusing)
    try:
        yield
    finally:
        sys.meta_path.remove(refusing)


@dataclass(frozen=True, slots=True)
class _Refusing(MetaPathFinder):
    names: frozenset[str]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self.names:
            raise ModuleNotFoundError(f"{fullname} is left out", name=fullname)
        return None
