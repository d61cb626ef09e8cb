"""What is handed back to the system, and that nothing is lost by it."""

import mmap
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.qdrant_edge.memory import give_back, let_go_of
from tests.adapters.test_qdrant_edge import resident_kb

SIZE = 4 << 20


def written(stack: ExitStack, path: Path) -> mmap.mmap:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(SIZE))
    mapped = mmap.mmap(stack.enter_context(path.open("r+b")).fileno(), SIZE)
    mapped[:] = b"x" * SIZE
    return mapped


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is let go of")
def test_pages_leave_the_memory_and_keep_what_was_written(tmp_path: Path) -> None:
    with ExitStack() as stack:
        maps = {name: written(stack, tmp_path / name / "a b") for name in ("files", "log", "other")}
        let_go_of(tmp_path / "files", tmp_path / "log")
        assert resident_kb(tmp_path / "files") == 0
        assert resident_kb(tmp_path / "log") < SIZE / 1_024
        assert resident_kb(tmp_path / "other") == SIZE / 1_024
        assert all(mapped[:] == b"x" * SIZE for mapped in maps.values())
        for mapped in maps.values():
            mapped.close()
    assert all((tmp_path / name / "a b").read_bytes() == b"x" * SIZE for name in maps)


def test_giving_back_is_no_harm() -> None:
    kept = bytearray(SIZE)
    give_back()
    assert kept == bytearray(SIZE)
