"""
What Schemathesis is told of this API that no setting of its own can say; ``fuzz.py`` has it loaded.

The check ``ensure_resource_availability`` (ST302) takes every 404 on ``/v1/conversations/{id}`` for "the conversation
just made is not there". Here a 404 may also speak of what the body names, a collection that is not there or not yours
to see, and the problem's code says of what it speaks. The check stays on; only those answers are none of its business.

The check ``positive_data_acceptance`` (ST202) takes a text that matches ``\\S`` for one that says something.
Five control characters are no white space to JavaScript, whose patterns these are, and are to Python, which trims them.
And to JSON Schema 5.0 is an integer; this service tells whole numbers from floats, and refuses it.
"""

from typing import Any

import msgspec
import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

_MISSING = "_not_found"
_TO_PYTHON_ALONE = frozenset("\x1c\x1d\x1e\x1f\x85")


def speaks_of_another(path: str, problem: Any) -> bool:
    """Whether a 404's problem document names a kind of thing of which the path itself names none."""
    code = problem.get("code", "") if isinstance(problem, dict) else ""
    kind = code.removesuffix(_MISSING)
    return bool(kind != code and f"{kind.replace('_', '-')}s" not in path.split("/"))


def is_blank_to_python_alone(value: Any) -> bool:
    """Whether a text anywhere in a body is nothing but white space, of a kind that JavaScript takes for text."""
    if isinstance(value, dict):
        return any(map(is_blank_to_python_alone, value.values()))
    if isinstance(value, list):
        return any(map(is_blank_to_python_alone, value))
    return isinstance(value, str) and not value.strip() and not _TO_PYTHON_ALONE.isdisjoint(value)


def holds_a_whole_float(value: Any) -> bool:
    """Whether a number anywhere in a body is whole but written with a fraction."""
    if isinstance(value, dict):
        return any(map(holds_a_whole_float, value.values()))
    if isinstance(value, list):
        return any(map(holds_a_whole_float, value))
    return isinstance(value, float) and value.is_integer()


def _has_its_reason(problem: Any, body: Any) -> bool:
    """Whether a body that the schema allows was refused for what no schema can say."""
    if problem.get("code") == "blank":
        return is_blank_to_python_alone(body)
    messages = [error["message"] for error in problem.get("errors", [])]
    return bool(messages) and all("not float" in message for message in messages) and holds_a_whole_float(body)


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: Response
) -> bool:
    if not isinstance(failure, EnsureResourceAvailability | RejectedPositiveData):
        return True
    try:
        problem = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return True
    if isinstance(failure, RejectedPositiveData):
        return not _has_its_reason(problem, case.body)
    return not speaks_of_another(case.operation.path, problem)
