"""
`ibid serve` or `ibid worker` that kills itself at a named step: `python -m tests.kills.program serve switched:3`.

Every step is a write: `before switched` is the moment before its third commit, `switched` the moment after it. A lease
in seconds may follow, where waiting for the real one would take too long.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from dependency_injector import providers
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.unit_of_work import NeonUnitOfWork
from adapters.neon.work_queue import PgQueuerWorkQueue
from entrypoints import containers
from entrypoints import outside as chosen
from entrypoints.server import run_server
from entrypoints.settings import read_environment, read_settings
from entrypoints.terminal.failures import leave_on_sigterm
from entrypoints.worker import run_worker

COMMITS = {
    ("ingestions", "add"): "accepted",
    ("ingestions", "start"): "taken",
    ("documents", "register"): "registered",
    ("documents", "activate"): "switched",
    ("documents", "discard_stale"): "unlisted",
    ("ingestions", "finish"): "ended",
    ("generations", "note"): "noted",
    ("generations", "drop"): "dropped",
}
"""What a unit of work did, by store and method: its commit is that step. The last one counts."""

STEPS = [
    *(step for name in ("taken", "registered") for step in (f"before {name}", name)),
    "prepared",
    "embedded",
    *(step for name in ("indexed", "switched", "unindexed", "unlisted", "ended") for step in (f"before {name}", name)),
]
"""In the order of one batch; the two of `accepted`, which come before them, are of the serving process alone."""

REINDEX_STEPS = [
    *(step for name in ("accepted", "taken") for step in (f"before {name}", name)),
    "prepared",
    *(step for name in ("built", "noted", "settled", "ended", "dropped") for step in (f"before {name}", name)),
]
"""The same of a reindex; it is switched by the step `ended`."""

_seen: Counter[str] = Counter()
_deadly = ("", 0)


def step(name: str) -> None:
    _seen[name] += 1
    if (name, _seen[name]) == _deadly:
        os.kill(os.getpid(), signal.SIGKILL)


class DyingUnitOfWork(NeonUnitOfWork):
    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._did = ""
        for (store, method), name in COMMITS.items():
            self._note(getattr(self, store), method, name)

    def _note(self, store: Any, method: str, name: str) -> None:
        original = getattr(store, method)

        async def noted(*args: Any, **kwargs: Any) -> Any:
            self._did = name
            return await original(*args, **kwargs)

        setattr(store, method, noted)

    async def commit(self) -> None:
        if not self._did:
            return await super().commit()
        step(f"before {self._did}")
        await super().commit()
        step(self._did)
        return None


def dying(made: Any, steps: dict[str, str]) -> Any:
    for method, name in steps.items():
        setattr(made, method, _around(getattr(made, method), name))
    return made


def _around(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    async def stepped(*args: Any, **kwargs: Any) -> Any:
        step(f"before {name}")
        done = await original(*args, **kwargs)
        step(name)
        return done

    return stepped


def _index(*args: Any) -> Any:
    return dying(chosen.passage_index(*args), {"put": "indexed", "remove": "unindexed"})


def _indexes(*args: Any) -> Any:
    made = chosen.indexes(*args)
    original, beside = made.at, set[int]()

    async def at(place: Any) -> Any:
        index = await original(place)
        if place.slot and id(index) not in beside:
            beside.add(id(index))
            dying(index, {"put": "built", "settle": "settled"})
        return index

    made.at = at
    return made


def _override(lease_s: float | None) -> None:
    live = containers.LiveAdapters
    index, indexes, preparer, embedder = live.passage_index, live.indexes, live.preparer, live.embedder
    live.unit_of_work.override(providers.Factory(DyingUnitOfWork, live.engine))
    live.background_unit_of_work.override(providers.Factory(DyingUnitOfWork, live.background))
    live.passage_index.override(providers.Singleton(_index, *index.args))
    live.indexes.override(providers.Singleton(_indexes, *indexes.args))
    live.preparer.override(
        providers.Singleton(lambda *args: dying(preparer.cls(*args), {"prepare": "prepared"}), *preparer.args)
    )
    live.embedder.override(
        providers.Singleton(lambda *args: dying(embedder.cls(*args), {"embed": "embedded"}), *embedder.args)
    )
    if lease_s is not None:
        live.queue.override(providers.Singleton(PgQueuerWorkQueue, live.direct_url, lease_s=lease_s))


def main(program: str, deadly: str, lease_s: str | None = None) -> None:
    global _deadly
    name, _, times = deadly.partition(":")
    _deadly = (name, int(times or 1))
    _override(None if lease_s is None else float(lease_s))
    settings = read_settings(read_environment())
    if program == "worker":
        run_worker(settings, on_ready=lambda: print("working", file=sys.stderr, flush=True))
    else:
        leave_on_sigterm(0)  # as `ibid serve` does
        run_server(settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
