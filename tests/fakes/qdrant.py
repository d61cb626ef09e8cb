"""The part of Qdrant's REST that Ibid uses, on loopback over Qdrant Edge, so that it really searches."""

import asyncio
import json
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    IntegerIndexParams,
    KeywordIndexParams,
    MatchAny,
    MatchValue,
    Modifier,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    ScrollRequest,
    SparseVector,
    UpdateOperation,
)

from tests.fakes.http_server import HttpServer, Reply, Request
from tests.fakes.published import Published

PUBLISHED: Final = Published("qdrant-openapi-1.18.3.json")
_DISTANCES: Final = {"Cosine": Distance.Cosine, "Dot": Distance.Dot, "Euclid": Distance.Euclid}

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  the folder is made by mkdtemp

Action = Callable[[str, dict[str, Any]], Any]


class FakeQdrant(HttpServer):
    """
    ``script(reply, ...)`` answers the next calls whatever they are; ``always`` answers every one until set to None.

    ``lose_answers`` does what is asked and then breaks the connection off. ``calls`` remembers method and path.
    """

    def __init__(self, key: str | None = None, *, checked: bool = True) -> None:
        super().__init__(self._handle)
        self._key = key
        self._checked = checked
        # In memory where there is such a folder: nobody asks this fake to survive a power cut.
        self._folder = Path(tempfile.mkdtemp(prefix="fake-qdrant-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self._shards: dict[str, EdgeShard] = {}
        self._made: dict[str, dict[str, Any]] = {}
        self._aliases: dict[str, str] = {}
        self._scripted: deque[Reply] = deque()
        self._working = asyncio.Lock()
        self.always: Reply | None = None
        self.delay_s = 0.0
        self.lose_answers = 0
        self.calls: list[tuple[str, str]] = []
        self._routes: list[tuple[str, str, Action]] = [
            ("GET", "/collections/([^/]+)", self._info),
            ("GET", "/collections/([^/]+)/exists", lambda name, _: {"exists": name in self._shards}),
            ("PUT", "/collections/([^/]+)", self._create),
            ("DELETE", "/collections/([^/]+)", lambda name, _: self.drop(name)),
            ("PUT", "/collections/([^/]+)/index", self._index),
            ("POST", "/collections/(aliases)", self._alias),
            ("PUT", "/collections/([^/]+)/points", self._upsert),
            ("POST", "/collections/([^/]+)/points/delete", self._delete),
            ("POST", "/collections/([^/]+)/points/query/batch", self._query),
            ("POST", "/collections/([^/]+)/points/count", self._count),
            ("POST", "/collections/([^/]+)/points/scroll", self._scroll),
        ]

    def script(self, *replies: Reply) -> None:
        self._scripted.extend(replies)

    def drop(self, name: str) -> bool:
        """Remove a collection, named by itself or by an alias, as an operator would."""
        name = self._aliases.get(name, name)
        shard = self._shards.pop(name, None)
        if shard is not None:
            shard.close()
            shutil.rmtree(self._folder / name)
        self._aliases = {alias: to for alias, to in self._aliases.items() if to != name}
        return shard is not None

    async def stop(self) -> None:
        await super().stop()
        for name in list(self._shards):
            self.drop(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _handle(self, request: Request) -> Reply:
        if self._key is not None and request.headers.get("api-key") != self._key:
            return refusal(401, "Must provide an API key or an Authorization bearer token")
        self.calls.append((request.method, request.path))
        await asyncio.sleep(self.delay_s)
        if self._scripted:
            return self._scripted.popleft()
        if self.always is not None:
            return self.always
        # One at a time: a shard takes writes from one hand, and what is measured is never this fake's speed.
        async with self._working:
            reply = await asyncio.to_thread(self._reply, request)
        if self.lose_answers:
            self.lose_answers -= 1
            return Reply(200, b"", {"content-length": "1000", "content-type": "application/json"}, cut=True)
        return reply

    def _reply(self, request: Request) -> Reply:
        body = request.json() if request.body else {}
        if request.method != "GET" and self._checked:
            problems = PUBLISHED.problems(request.method, request.path, body)
            if problems:
                return refusal(400, "Format error in JSON body: " + "; ".join(problems))
        for method, pattern, action in self._routes:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                try:
                    return answer(action(self._aliases.get(found[1], found[1]), body))
                except _NotFoundError as error:
                    return refusal(404, str(error))
                except Exception as error:  # the engine raises nothing more specific
                    return refusal(400, f"Wrong input: {error}")
        return Reply(404, b"", {})

    def _shard(self, name: str) -> EdgeShard:
        if name not in self._shards:
            raise _NotFoundError(f"Not found: Collection `{name}` doesn't exist!")
        return self._shards[name]

    def _info(self, name: str, _: dict[str, Any]) -> Any:
        info, made = self._shard(name).info(), self._made[name]
        defaults = {"shard_number": 1, "replication_factor": 1, "write_consistency_factor": 1, "on_disk_payload": True}
        hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
        optimizers = {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1_000, "default_segment_number": 0}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "segments_count": info.segments_count,
            "config": {
                "params": defaults | {key: made[key] for key in ("vectors", "sparse_vectors") if key in made},
                "hnsw_config": hnsw,
                "optimizer_config": optimizers | {"flush_interval_sec": 5},
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
                "quantization_config": made.get("quantization_config"),
            },
            "payload_schema": {},
        }

    def _create(self, name: str, body: dict[str, Any]) -> bool:
        if name in self._shards:
            raise ValueError(f"Collection `{name}` already exists!")
        path = self._folder / name
        path.mkdir()
        vectors = {
            key: EdgeVectorParams(size=one["size"], distance=_DISTANCES[one["distance"]])
            for key, one in body["vectors"].items()
        }
        sparse = {key: EdgeSparseVectorParams(modifier=Modifier.Idf) for key in body.get("sparse_vectors", {})}
        self._shards[name] = EdgeShard.create(str(path), EdgeConfig(vectors=vectors, sparse_vectors=sparse))
        self._made[name] = body
        return True

    def _index(self, name: str, body: dict[str, Any]) -> Any:
        integers = body["field_schema"]["type"] == "integer"
        params = IntegerIndexParams(lookup=True, range=False) if integers else KeywordIndexParams()
        self._shard(name).update(UpdateOperation.create_field_index(body["field_name"], params))
        return _DONE

    def _alias(self, _: str, body: dict[str, Any]) -> bool:
        for action in body["actions"]:
            if "create_alias" in action:
                given = action["create_alias"]
                self._shard(given["collection_name"])
                self._aliases[given["alias_name"]] = given["collection_name"]
            elif "delete_alias" in action:
                self._aliases.pop(action["delete_alias"]["alias_name"], None)
        return True

    def _upsert(self, name: str, body: dict[str, Any]) -> Any:
        points = [Point(UUID(one["id"]), _vectors(one["vector"]), one.get("payload")) for one in body["points"]]
        self._shard(name).update(UpdateOperation.upsert_points(points))
        return _DONE

    def _delete(self, name: str, body: dict[str, Any]) -> Any:
        self._shard(name).update(UpdateOperation.delete_points([UUID(one) for one in body["points"]]))
        return _DONE

    def _query(self, name: str, body: dict[str, Any]) -> Any:
        batch = [
            QueryRequest(
                one["limit"],
                query=Query.Nearest(_vector(one["query"]), using=one["using"]),
                filter=_filter(one["filter"]) if one.get("filter") else None,
                with_payload=False,
                with_vector=False,
            )
            for one in body["searches"]
        ]
        answers = self._shard(name).query_batch(QueryBatchRequest(batch))
        return [
            {"points": [{"id": str(one.id), "version": 0, "score": one.score} for one in points]} for points in answers
        ]

    def _count(self, name: str, _: dict[str, Any]) -> Any:
        return {"count": self._shard(name).count(CountRequest(exact=True))}

    def _scroll(self, name: str, body: dict[str, Any]) -> Any:
        offset = None if body.get("offset") is None else UUID(body["offset"])
        of = _filter(body["filter"]) if body.get("filter") else None
        request = ScrollRequest(offset=offset, limit=body["limit"], filter=of, with_payload=False, with_vector=False)
        points, following = self._shard(name).scroll(request)
        return {
            "points": [{"id": str(one.id)} for one in points],
            "next_page_offset": None if following is None else str(following),
        }


class _NotFoundError(Exception):
    pass


_DONE: Final = {"operation_id": 1, "status": "completed"}


def answer(result: Any) -> Reply:
    return Reply.of({"result": result, "status": "ok", "time": 0.001})


def refusal(status: int, message: str, **headers: str) -> Reply:
    return Reply.of({"status": {"error": message}, "time": 0.0}, status, **headers)


def _vectors(given: dict[str, Any]) -> dict[str, Any]:
    return {name: _vector(one) for name, one in given.items()}


def _vector(given: Any) -> Any:
    if isinstance(given, dict) and "nearest" in given:
        given = given["nearest"]
    return SparseVector(given["indices"], given["values"]) if isinstance(given, dict) else given


def _filter(given: dict[str, Any]) -> Filter:
    unknown = given.keys() - {"must"}
    if any(given[key] for key in unknown):
        raise ValueError(f"the fake does not know {json.dumps(sorted(unknown))}")
    return Filter(must=[_condition(one) for one in given["must"]])


def _condition(given: dict[str, Any]) -> FieldCondition:
    match = given["match"]
    return FieldCondition(given["key"], match=MatchAny(match["any"]) if "any" in match else MatchValue(match["value"]))
