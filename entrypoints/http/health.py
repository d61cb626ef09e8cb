"""Is it alive, is it ready: answered from memory, so that a probe costs no database or provider anything."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from entrypoints.http.auth import NEVER_LIMITED, OPEN
from entrypoints.http.errors import RETRY_AFTER_S, not_ready, problem_response
from entrypoints.http.openapi import NO_KEY, problems


class LiveBody(Struct):
    status: str


class ReadyBody(Struct):
    status: str
    checks: dict[str, str]


class HealthController(Controller):
    tags = ("Health",)
    opt = OPEN | NEVER_LIMITED
    security = NO_KEY

    @get("/health/live", summary="Is the process alive", sync_to_thread=False)
    def live(self) -> LiveBody:
        return LiveBody("ok")

    @get("/health/ready", summary="Can it answer", sync_to_thread=False, responses=problems(503))
    def ready(
        self, request: Request[Any, Any, Any], readiness: NamedDependency[Callable[[], Mapping[str, Any]]]
    ) -> Response[Any]:
        state = readiness()
        checks = {name: str(outcome) for name, outcome in state.get("checks", {}).items()}
        if not state.get("ready"):
            problem = not_ready(checks, instance=request.scope["path"])
            return problem_response(problem, {"Retry-After": str(RETRY_AFTER_S)})
        return Response(ReadyBody("ok", checks))
