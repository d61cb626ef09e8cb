"""Ask a service every question of a gold file, several at a time, and note what came of each."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from domain.evaluation.gold import GoldQuestion, Observed, ObservedClaim, Place
from domain.evaluation.scoring import Scores, score
from entrypoints.terminal.failures import CommandFailed
from entrypoints.terminal.service import Service, TryLater
from entrypoints.terminal.wording import ENDINGS

TRIES: Final = 5
LONGEST_WAIT_S: Final = 60
"""A rate limit lets the next request through within a minute."""

Json: TypeAlias = Mapping[str, Any]
Progress: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Asking:
    """How to ask: ``k`` passages are looked at to measure retrieval, ``top_k`` go into an answer (None: as set)."""

    collections: Sequence[str] = ()
    k: int = 10
    top_k: int | None = None
    jobs: int = 4


@dataclass(frozen=True, slots=True)
class Result:
    """``error`` says why a question has no scores; ``turn_id`` is the turn that answered it."""

    gold: GoldQuestion
    scores: Scores = field(default_factory=dict)
    status: str = "failed"
    turn_id: str | None = None
    error: str | None = None

    def as_json(self) -> Json:
        return {
            "id": self.gold.id,
            "question": self.gold.question,
            "status": self.status,
            "turn_id": self.turn_id,
            "error": self.error,
            "scores": {name.value: value for name, value in self.scores.items()},
        }


def evaluate(service: Service, questions: Sequence[GoldQuestion], asking: Asking, progress: Progress) -> list[Result]:
    """Every question once, in the order of the file; one that fails stops no other."""
    with ThreadPoolExecutor(asking.jobs) as pool:
        running = [pool.submit(_result, service, question, asking) for question in questions]
        try:
            for done, _ in enumerate(as_completed(running), start=1):
                progress(done)
        except BaseException:  # Ctrl-C: what has not begun need not
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in running]


def _result(service: Service, gold: GoldQuestion, asking: Asking) -> Result:
    try:
        turn, ms = _ask(service, gold, asking)
        if turn["status"] not in ("answered", "abstained"):
            said = ENDINGS.get(turn["status"], turn["status"])
            return Result(gold, status=turn["status"], turn_id=turn["turn_id"], error=said)
        found = _search(service, gold, turn["standalone_question"], asking) if gold.relevant else []
    except CommandFailed as error:
        return Result(gold, error=error.format_message())
    scores = score(gold, _observed(turn, found, ms), k=asking.k)
    return Result(gold, scores, turn["status"], turn["turn_id"])


def _ask(service: Service, gold: GoldQuestion, asking: Asking) -> tuple[Json, float]:
    """The turn of the question itself, after those of its history, and its milliseconds."""
    conversation: str | None = None
    for question in (*gold.history, gold.question):
        body = {
            "question": question,
            "collections": list(gold.collections or asking.collections) or None,
            "conversation_id": conversation,
            "top_k": asking.top_k,
        }
        began_s = time.perf_counter()
        turn = _patiently(service, "/v1/ask", body)
        ms = 1_000 * (time.perf_counter() - began_s)
        conversation = turn["conversation_id"]
    return turn, ms


def _search(service: Service, gold: GoldQuestion, query: str, asking: Asking) -> Sequence[Json]:
    body = {"query": query, "collections": list(gold.collections or asking.collections) or None, "limit": asking.k}
    return list(_patiently(service, "/v1/search", body)["passages"])


def _patiently(service: Service, path: str, body: Json) -> Json:
    """Post, and again when the service says when; raises CommandFailed after TRIES."""
    sent = {name: value for name, value in body.items() if value is not None}
    for _ in range(TRIES - 1):
        try:
            return dict(service.post(path, sent))
        except TryLater as later:
            time.sleep(min(later.seconds, LONGEST_WAIT_S))
    return dict(service.post(path, sent))


def _observed(turn: Json, found: Sequence[Json], ms: float) -> Observed:
    by_number = {piece["n"]: _place(piece) for piece in turn["evidence"]}
    usage = turn["usage"] or {}
    return Observed(
        answered=turn["status"] == "answered",
        answer=turn["answer"],
        found=[_place(piece) for piece in found],
        claims=[
            ObservedClaim(claim["verdict"], [by_number[one["evidence"]] for one in claim["citations"]])
            for claim in turn["claims"]
        ],
        ms=ms,
        tokens=usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0),
        cost_usd=usage.get("cost_usd", 0.0),
    )


def _place(piece: Json) -> Place:
    document = piece["document"]
    return Place(document["uri"], document["url"], piece["section"]["anchor"])
