"""What a page says of itself, in YAML between two lines of three hyphens."""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import yaml

from domain.errors import DocumentUnreadable

KEYS: Final = frozenset(
    {"title", "slug", "id", "authors", "published", "doi", "isbn", "venue", "license", "lang", "peer_reviewed"}
)
"""Kept whatever their shape; of other keys only single values are."""
MAX_FRONT_MATTER_CHARS: Final = 64_000
_OPENING: Final = re.compile(r"---[ \t]*\n")
_CLOSING: Final = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)
_NO_ALIASES: Final = "its front matter uses YAML aliases, which are not read: a few can stand for gigabytes"
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def split_front_matter(source: str, *, uri: str) -> tuple[dict[str, Any], str]:
    """
    Metadata as JSON-able values, and the text after it.

    What is not closed, or is no mapping (two thematic breaks, say), is text like any other. Raises
    DocumentUnreadable for YAML that cannot be read, as the site's own build refuses it.
    """
    opening = _OPENING.match(source)
    closing = _CLOSING.search(source, opening.end()) if opening else None
    if not opening or not closing:
        return {}, source
    if closing.start() - opening.end() > MAX_FRONT_MATTER_CHARS:
        raise DocumentUnreadable(uri, f"its front matter is longer than {MAX_FRONT_MATTER_CHARS:,} characters")
    values = _load(source[opening.end() : closing.start()], uri)
    if values is None:
        return {}, source[closing.end() :]
    if not isinstance(values, Mapping):
        return {}, source
    try:
        return _kept(values), source[closing.end() :]
    except RecursionError as error:
        raise DocumentUnreadable(uri, "its front matter is nested too deeply") from error


def _load(text: str, uri: str) -> object:
    try:
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.CSafeLoader)):
            raise DocumentUnreadable(uri, _NO_ALIASES)
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        at = f" at line {error.problem_mark.line + 2}" if error.problem_mark else ""
        raise DocumentUnreadable(uri, f"its front matter is not valid YAML{at}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise DocumentUnreadable(uri, f"its front matter cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:  # a date such as 2024-13-45; nesting beyond the stack
        raise DocumentUnreadable(uri, "its front matter holds a value that cannot be read") from error


def _kept(values: Mapping[Any, Any]) -> dict[str, Any]:
    plain = {str(key): json_value(value) for key, value in values.items()}
    return {
        storable(key): value
        for key, value in plain.items()
        if value is not None and (key in KEYS or not isinstance(value, list | dict))
    }


def json_value(value: object) -> Any:
    """A YAML value as JSON would hold it; dates in ISO 8601; None for what JSON has no form for."""
    if isinstance(value, Mapping):
        return {storable(str(key)): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [json_value(inner) for inner in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else None


def storable(text: str) -> str:
    """YAML escapes can write NUL and lone surrogates, which PostgreSQL cannot store."""
    return _UNSTORABLE.sub("", text)
