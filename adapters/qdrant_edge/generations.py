"""Folders of an index: the one in use, named by a pointer file, and now and then its successor in the making."""

import shutil
from pathlib import Path
from typing import Final

_POINTER: Final = "current"
_FIRST: Final = "1"


def current(index: Path) -> Path:
    """The generation in use; of a new index, the first."""
    pointer = index / _POINTER
    return index / (pointer.read_text(encoding="ascii") if pointer.exists() else _FIRST)


def copied(generation: Path) -> Path:
    """
    A copy of ``generation`` under the next number; nothing may write to it meanwhile.

    What is copied is what would be on the disk after a crash at this moment, and the engine recovers from that.
    """
    successor = generation.with_name(str(int(generation.name) + 1))
    discard(successor)
    shutil.copytree(generation, successor)
    return successor


def switch(generation: Path) -> None:
    """Make it the current one, in one step."""
    pointer = generation.with_name(_POINTER)
    written = pointer.with_suffix(".new")
    written.write_text(generation.name, encoding="ascii")
    written.replace(pointer)


def discard(generation: Path) -> None:
    shutil.rmtree(generation, ignore_errors=True)


def discard_others(generation: Path) -> None:
    """Remove what a crash has left of a switch."""
    for folder in generation.parent.iterdir():
        if folder.is_dir() and folder.name.isdigit() and folder != generation:
            discard(folder)
