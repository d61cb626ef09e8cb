"""What is set, what answers, what is wrong and how to mend it: asked on demand, by an operator."""

import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from litestar import Controller, get
from litestar.di import NamedDependency
from msgspec import Struct

from application.diagnose import Diagnose, Finding, Outcome
from domain.access.model import Principal
from entrypoints.http.openapi import ibid_version, problems

SettingsShown: TypeAlias = Callable[[], Mapping[str, str]]


class FindingBody(Struct):
    """``mend`` is what to do about a part that failed, or to have one that is unused; else empty."""

    part: str
    outcome: Literal["ok", "failed", "unused"]
    detail: str
    mend: str
    ms: int


class DiagnosticsBody(Struct):
    """``checks`` is what `/health/ready` tells from memory; ``settings`` tells of a secret only that it is set."""

    healthy: bool
    version: str
    python: str
    platform: str
    parts: list[FindingBody]
    checks: dict[str, str]
    settings: dict[str, str]


class DiagnosticsController(Controller):
    tags = ("Operating",)

    @get(
        "/v1/admin/diagnostics",
        summary="Ask every part once",
        description="Each part gets 10 seconds. Asking costs one call of each provider that is configured.",
        responses=problems(400, 401, 403, 500, 503),
    )
    async def diagnostics(
        self,
        caller: NamedDependency[Principal],
        diagnose: NamedDependency[Diagnose],
        readiness: NamedDependency[Callable[[], Mapping[str, Any]]],
        settings_shown: NamedDependency[SettingsShown],
    ) -> DiagnosticsBody:
        found = await diagnose.execute(caller)
        return DiagnosticsBody(
            healthy=all(finding.outcome is not Outcome.FAILED for finding in found),
            version=ibid_version(),
            python=platform.python_version(),
            platform=f"{sys.platform} {platform.machine()}",
            parts=[_body(finding) for finding in found],
            checks={name: str(outcome) for name, outcome in readiness().get("checks", {}).items()},
            settings=dict(settings_shown()),
        )


def _body(finding: Finding) -> FindingBody:
    return FindingBody(finding.part, finding.outcome.value, finding.detail, finding.mend, finding.ms)
