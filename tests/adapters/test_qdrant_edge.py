"""What the contract of the passage index cannot say: files, processes, crashes."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from qdrant_edge import EdgeShard, KeywordIndexParams, UpdateOperation

from adapters.qdrant_edge import generations
from adapters.qdrant_edge.index import QdrantEdgeIndex
from domain.errors import PortRefused, PortUnavailable
from domain.retrieval.model import IndexedPassage, SearchFilters, SparseVector
from tests.builders import reading

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
    import asyncio, sys
    from pathlib import Path
    from uuid import UUID
    from adapters.qdrant_edge.index import QdrantEdgeIndex
    from domain.retrieval.model import IndexedPassage, SparseVector

    async def main():
        index = QdrantEdgeIndex(Path(sys.argv[1]), 4, optimize_from=int(sys.argv[2]))
        await index.open()
        number = 0
        while True:
            some = range(number, number + 50)
            await index.put(
                [
                    IndexedPassage(
                        UUID(int=n), UUID(int=0), "docs", "a", None, {}, [1.0, 0.0, 0.0, 0.0], SparseVector([n], [1.0])
                    )
                    for n in some
                ]
            )
            number += 50
            print(number, flush=True)
            if number % 200 == 0:
                settling = asyncio.create_task(index.settle())

    asyncio.run(main())
"""


@asynccontextmanager
async def opened(folder: Path, dimensions: int = 4, *, optimize_from: int = 10_000) -> AsyncIterator[QdrantEdgeIndex]:
    index = QdrantEdgeIndex(folder, dimensions, optimize_from=optimize_from)
    await index.open()
    try:
        yield index
    finally:
        await index.close()


def points(count: int, *, first: int = 0) -> list[IndexedPassage]:
    return [
        IndexedPassage(UUID(int=n), UUID(int=0), "docs", "a", None, {}, [1.0, 0.0, 0.0, 0.0], SparseVector([n], [1.0]))
        for n in range(first, first + count)
    ]


async def found(index: QdrantEdgeIndex, number: int) -> bool:
    hits = await index.search(
        dense=None, sparse=SparseVector([number], [1.0]), readable=reading("docs"), filters=SearchFilters(), limit=1
    )
    return [hit.passage_id for hit in hits.sparse] == [UUID(int=number)]


def a_writer(folder: Path, *, optimize_from: int = 10_000) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(folder), str(optimize_from)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."})


def killed_after(writer: "subprocess.Popen[str]", passages: int) -> int:
    """Kill the writer once it has acknowledged so many; returns how many it did in the end."""
    assert writer.stdout is not None
    acknowledged = 0
    while acknowledged < passages:
        acknowledged = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    return int(rest[-1]) if rest else acknowledged


async def test_what_was_put_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    async with opened(tmp_path / "index") as index:
        await index.put(points(3))
    async with opened(tmp_path / "index") as index:
        assert await index.count() == 3
        assert await found(index, 2)


@pytest.mark.parametrize("optimize_from", [10_000, 100])
async def test_no_acknowledged_passage_is_lost_when_the_process_is_killed(tmp_path: Path, optimize_from: int) -> None:
    writer = a_writer(tmp_path / "index", optimize_from=optimize_from)
    acknowledged = await asyncio.to_thread(killed_after, writer, 3_000)
    async with opened(tmp_path / "index") as index:
        assert await index.count() >= acknowledged
        assert all([await found(index, number) for number in range(0, acknowledged, 97)])


async def test_a_second_process_is_told_that_the_data_directory_is_in_use(tmp_path: Path) -> None:
    writer = a_writer(tmp_path / "index")
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        with pytest.raises(PortRefused, match="in use by another process"):
            await QdrantEdgeIndex(tmp_path / "index", 4).open()
    finally:
        await asyncio.to_thread(killed_after, writer, 0)


async def test_an_index_of_other_dimensions_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "index", 4) as index:
        await index.put(points(1))
    with pytest.raises(PortRefused, match="another size"):
        await QdrantEdgeIndex(tmp_path / "index", 8).open()


async def test_fields_that_an_earlier_version_indexed_in_another_way_are_indexed_in_today_s(tmp_path: Path) -> None:
    async with opened(tmp_path / "index") as index:
        await index.put(points(20))
    current = str(generations.current(tmp_path / "index"))
    shard = EdgeShard.load(current)
    fields = memory_of_fields(shard)
    shard.update(UpdateOperation.create_field_index("document", KeywordIndexParams()))
    shard.update(UpdateOperation.delete_field_index("uri"))
    shard.update(UpdateOperation.create_field_index("uri", KeywordIndexParams(prefix=True)))
    assert memory_of_fields(shard) != fields
    shard.close()

    async with opened(tmp_path / "index") as index:
        found = await index.search(
            dense=[1.0, 0.0, 0.0, 0.0],
            sparse=None,
            readable=reading("docs"),
            filters=SearchFilters(uri_prefix="a"),
            limit=50,
        )
        assert len(found.dense) == 20

    shard = EdgeShard.load(current)
    assert memory_of_fields(shard) == fields
    shard.close()


def memory_of_fields(shard: EdgeShard) -> dict[str, object]:
    return {field: getattr(index.params, "memory", None) for field, index in shard.info().payload_schema.items()}


async def test_a_damaged_index_is_unavailable(tmp_path: Path) -> None:
    async with opened(tmp_path / "index") as index:
        await index.put(points(1))
    (tmp_path / "index" / "1" / "edge_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(PortUnavailable):
        await QdrantEdgeIndex(tmp_path / "index", 4).open()


async def test_the_engines_errors_become_port_errors(tmp_path: Path) -> None:
    async with opened(tmp_path / "index") as index:
        with pytest.raises(PortUnavailable):
            await index.search(
                dense=[1.0, 0.0], sparse=None, readable=reading("docs"), filters=SearchFilters(), limit=1
            )


async def test_a_closed_index_is_unavailable_and_closing_twice_is_no_harm(tmp_path: Path) -> None:
    async with opened(tmp_path / "index") as index:
        await index.close()
        with pytest.raises(PortUnavailable):
            await index.count()


async def test_searches_and_writes_go_on_while_the_index_settles(tmp_path: Path) -> None:
    async with opened(tmp_path / "index", optimize_from=2_000) as index:
        await index.put(points(2_000))
        settling = asyncio.create_task(index.settle())
        rounds = 0
        while not settling.done():
            rounds += 1
            await index.put(points(1, first=10_000 + rounds))
            await index.remove([UUID(int=rounds)])
            assert await found(index, 0)
            assert await found(index, 10_000 + rounds)
            assert not await found(index, rounds)
        await settling
        # A call that kept the GIL for the whole time would have let one round through.
        assert rounds > 10
        held = 2_000 + rounds - min(rounds, 1_999)  # each put one, and removed one of the first while there were any
        assert await index.count() == held
        assert await found(index, 10_001)
        assert not await found(index, 1)
    assert {path.name for path in (tmp_path / "index").iterdir()} == {"2", "current"}
    async with opened(tmp_path / "index") as index:
        assert await index.count() == held


async def test_what_changes_again_and_again_while_the_index_settles_is_in_the_end_what_it_was_last(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "index", optimize_from=2_000) as index:
        await index.put(points(2_000))
        settling = asyncio.create_task(index.settle())
        rounds = 0
        while not settling.done():
            rounds += 1
            await index.put(points(1, first=5_000))
            await index.remove([UUID(int=5_000), UUID(int=7)])
            await index.put(points(200, first=6_000))
            await index.remove([UUID(int=number) for number in range(6_100, 6_200)])
            await index.put(points(1, first=7))
        await settling
        assert rounds
        assert await index.count() == 2_100
        assert await found(index, 7)
        assert await found(index, 6_099)
        assert not await found(index, 5_000)
        assert not await found(index, 6_100)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is let go of")
async def test_the_files_of_an_index_do_not_stay_in_memory(tmp_path: Path) -> None:
    dimensions, count = 256, 8_000
    wide = [
        replace(point, dense=[1.0, *[float(number % 7)] * (dimensions - 1)])
        for number, point in enumerate(points(count))
    ]
    async with opened(tmp_path / "index", dimensions, optimize_from=5_000) as index:
        await index.put(wide)
        assert resident_kb(tmp_path / "index") < count * dimensions * 4 / 1_024, "as it is written, log and all"
        await index.settle()
        assert resident_kb(tmp_path / "index") < 1_024, "after it was taken over"
        for number in range(0, count, 97):
            assert await found(index, number)
    async with opened(tmp_path / "index", dimensions) as index:
        assert resident_kb(tmp_path / "index") < 1_024, "after a start"
        assert await index.count() == count


def resident_kb(folder: Path) -> int:
    """How much of the files in ``folder`` is mapped into this process and in memory."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(errors="surrogateescape").splitlines():
        if " " in line.partition(":")[0]:
            inside = str(folder.resolve()) in line
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


async def test_closing_ends_the_settling_and_keeps_everything(tmp_path: Path) -> None:
    async with opened(tmp_path / "index", optimize_from=100) as index:
        # So many that they are not settled before a busy machine comes to the close.
        await index.put(points(20_000))
        settling = asyncio.create_task(index.settle())
        await asyncio.sleep(0.2)
        await index.close()
        with pytest.raises(PortUnavailable):
            await settling
    async with opened(tmp_path / "index") as index:
        assert await index.count() == 20_000
    assert {path.name for path in (tmp_path / "index").iterdir() if path.is_dir()} == {"1"}


async def test_a_settled_index_is_not_built_again_until_enough_came(tmp_path: Path) -> None:
    async with opened(tmp_path / "index", optimize_from=500) as index:
        for count in (600, 300):
            await index.put(points(count, first=count))
            await index.settle()
            await index.settle()
    assert (tmp_path / "index" / "current").read_text(encoding="ascii") == "2"


async def test_a_passage_that_is_replaced_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    async with opened(tmp_path / "index", optimize_from=2_000) as index:
        await index.put(points(1_000))
        await index.settle()
        for number in range(1_000, 1_600):
            await index.put(points(1, first=number))
            await index.remove([UUID(int=number - 1)])
        before = await held(index)
        await index.settle()
        assert (tmp_path / "index" / "current").read_text(encoding="ascii") == "2"
        assert await index.count() == 1_000
        assert await found(index, 1_599)
        assert not await found(index, 1_598)
        # The engine counts vectors of removed passages until it lets go of them.
        assert before == 1_600
        assert await held(index) <= 2 * 1_000


async def held(index: QdrantEdgeIndex) -> int:
    """Vectors that the engine's search structures hold."""
    return int((await index._read(EdgeShard.info)).indexed_vectors_count)


async def test_nothing_is_written_to_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write through a mapped file that finds no room ends the process."""
    async with opened(tmp_path / "index") as index:
        await index.put(points(10))
        monkeypatch.setattr("adapters.qdrant_edge.index.ROOM_BYTES", 1 << 60)
        with pytest.raises(PortUnavailable, match="of disk left"):
            await index.put(points(10, first=10))
        assert await found(index, 3)
        assert await index.count() == 10
        monkeypatch.undo()
        await index.put(points(10, first=10))
        assert await index.count() == 20
