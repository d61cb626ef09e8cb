import asyncio
import math
from hashlib import sha256

import pytest

from application.ports import UnitOfWorkFactory


def digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


def unit(*values: float) -> list[float]:
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


async def put(unit_of_work: UnitOfWorkFactory, embedder: str, vectors: dict[bytes, list[float]]) -> None:
    async with unit_of_work() as uow:
        await uow.embeddings.put(embedder, vectors)
        await uow.commit()


@pytest.mark.parametrize("dimensions", [2, 256, 1_536])
async def test_vectors_come_back_within_one_127th_of_each_value(
    unit_of_work: UnitOfWorkFactory, dimensions: int
) -> None:
    vectors = {
        digest(f"{n}"): unit(*(math.sin(place * (n + 1)) * (1 + place % 7) for place in range(1, dimensions + 1)))
        for n in range(5)
    }
    vectors[digest("axis")] = [1.0, *([0.0] * (dimensions - 1))]
    vectors[digest("back")] = [*([0.0] * (dimensions - 1)), -1.0]
    await put(unit_of_work, "static", vectors)
    async with unit_of_work() as uow:
        kept = await uow.embeddings.get("static", list(vectors))
    assert set(kept) == set(vectors)
    for key, vector in vectors.items():
        assert len(kept[key]) == dimensions
        assert max(abs(a - b) for a, b in zip(kept[key], vector, strict=True)) <= 1 / 127


async def test_a_vector_of_zeros_stays_one(unit_of_work: UnitOfWorkFactory) -> None:
    await put(unit_of_work, "static", {digest("nothing"): [0.0] * 8})
    async with unit_of_work() as uow:
        assert list((await uow.embeddings.get("static", [digest("nothing")]))[digest("nothing")]) == [0.0] * 8


async def test_unknown_inputs_and_other_embedders_are_left_out(unit_of_work: UnitOfWorkFactory) -> None:
    await put(unit_of_work, "static", {digest("a"): unit(1, 2)})
    async with unit_of_work() as uow:
        assert set(await uow.embeddings.get("static", [digest("a"), digest("b")])) == {digest("a")}
        assert await uow.embeddings.get("another", [digest("a")]) == {}
        assert await uow.embeddings.get("static", []) == {}


async def test_putting_a_hash_again_keeps_the_first_vector(unit_of_work: UnitOfWorkFactory) -> None:
    await put(unit_of_work, "static", {digest("a"): [1.0, 0.0]})
    await put(unit_of_work, "static", {digest("a"): [0.0, 1.0], digest("b"): [0.0, 1.0]})
    await put(unit_of_work, "static", {})
    async with unit_of_work() as uow:
        kept = await uow.embeddings.get("static", [digest("a"), digest("b")])
    assert kept[digest("a")] == pytest.approx([1.0, 0.0], abs=1 / 127)
    assert kept[digest("b")] == pytest.approx([0.0, 1.0], abs=1 / 127)


async def test_two_that_put_the_same_hashes_at_once_both_succeed(unit_of_work: UnitOfWorkFactory) -> None:
    names = [digest(f"{n}") for n in range(300)]
    vectors = {name: unit(1, 2, 3) for name in names}
    await asyncio.gather(
        put(unit_of_work, "static", vectors),
        put(unit_of_work, "static", dict(reversed(vectors.items()))),
        put(unit_of_work, "static", {name: vectors[name] for name in names[150:] + names[:150]}),
    )
    async with unit_of_work() as uow:
        assert len(await uow.embeddings.get("static", names)) == 300


async def test_what_will_be_read_back_is_known_before(unit_of_work: UnitOfWorkFactory) -> None:
    vectors = {digest("a"): unit(1, 2, 3), digest("b"): unit(0.3, -0.7, 0.001), digest("c"): [0.0, 0.0, 0.0]}
    async with unit_of_work() as uow:
        foretold = uow.embeddings.as_kept(vectors)
        assert uow.embeddings.as_kept({}) == {}
    await put(unit_of_work, "static", vectors)
    async with unit_of_work() as uow:
        read_back = await uow.embeddings.get("static", list(vectors))
    assert {name: list(vector) for name, vector in read_back.items()} == {
        name: list(vector) for name, vector in foretold.items()
    }
