"""The providers' own API descriptions, which requests to the fakes are checked against where they are at hand."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator

SPECS: Final = Path(__file__).parents[3] / "shared" / "specs"
"""Beside the project, not in it: the descriptions belong to their providers."""


@dataclass(frozen=True, slots=True)
class Published:
    """One description. ``problems`` and ``flaws`` find nothing where it is absent; ``present`` says so."""

    file: str

    @property
    def present(self) -> bool:
        return (SPECS / self.file).is_file()

    def problems(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request's JSON body; an unknown path is wrong as a whole."""
        if not self.present:
            return []
        found = _operation(self.file, method.lower(), path)
        if found is None:
            return [f"{method} {path} is not described"]
        pointer = (*found, "requestBody", "content", "application/json", "schema")
        return _errors(self.file, pointer, body)

    def flaws(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with a reply's JSON body."""
        if not self.present:
            return []
        found = _operation(self.file, method.lower(), path)
        if found is None:
            return [f"{method} {path} is not described"]
        return _errors(self.file, (*found, "responses", str(status), "content", "application/json", "schema"), body)


@cache
def _document(file: str) -> Mapping[str, Any]:
    text = (SPECS / file).read_text()
    loaded = json.loads(text) if file.endswith(".json") else yaml.load(text, yaml.CSafeLoader)
    return dict(_modern(loaded))


def _modern(node: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` as JSON Schema says it."""
    if isinstance(node, list):
        return [_modern(one) for one in node]
    if not isinstance(node, dict):
        return node
    changed = {key: _modern(value) for key, value in node.items()}
    if changed.pop("nullable", None) is True:
        kind = changed.get("type")
        if kind is None and not changed.keys() - {"description"}:
            return {"type": "null"}
        if kind is not None and "enum" not in changed:
            return changed | {"type": [kind, "null"]}
        return {"anyOf": [changed, {"type": "null"}]}
    return changed


@cache
def _operation(file: str, method: str, path: str) -> tuple[str, ...] | None:
    for template in _document(file)["paths"]:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method in _document(file)["paths"][template]:
            return "paths", template, method
    return None


def _errors(file: str, pointer: tuple[str, ...], body: Any) -> list[str]:
    node: Any = _document(file)
    for step in pointer:
        node = node.get(step) if isinstance(node, Mapping) else None
    if node is None:
        return []
    return list(_told(_validator(file, pointer), body))


@cache
def _validator(file: str, pointer: tuple[str, ...]) -> Draft202012Validator:
    node: Any = _document(file)
    for step in pointer:
        node = node[step]
    return Draft202012Validator({**node, "components": _document(file)["components"]})


def _told(validator: Draft202012Validator, body: Any) -> Iterator[str]:
    for error in validator.iter_errors(body):
        where = "/".join(map(str, error.absolute_path))
        yield f"{where or 'body'}: {error.message[:300]}"
