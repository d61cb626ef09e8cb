"""
What of a newer API description would break a client of an older one.

The promise is that of the changelog: fields and routes may be added, none renamed, removed, retyped or made narrower.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

# A limit, and whether a client that keeps the old one breaks when it grows.
_LIMITS: Final = {
    "maxLength": False, "maxItems": False, "maximum": False, "maxProperties": False,
    "minLength": True, "minItems": True, "minimum": True,
}  # fmt: skip


def breaking_changes(old: Json, new: Json) -> list[str]:
    """One line for each, with where it is; none when every client of ``old`` is served by ``new``."""
    return list(_Comparison(old, new).changes())


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, bool]] = set()

    def changes(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, before in methods.items():
                at = f"{method.upper()} {path}"
                after = self._new["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{at}: is gone"
                else:
                    yield from self._operation(at, before, after)

    def _operation(self, at: str, before: Json, after: Json) -> Iterator[str]:
        if before.get("security") == [{}] != after.get("security"):
            yield f"{at}: asks for a key now"
        yield from self._parameters(at, before, after)
        yield from self._request(at, before.get("requestBody"), after.get("requestBody"))
        for status, answer in before["responses"].items():
            if status.startswith("2"):
                yield from self._response(f"{at} {status}", answer, after["responses"].get(status))

    def _parameters(self, at: str, before: Json, after: Json) -> Iterator[str]:
        old = {(one["in"], one["name"]): one for one in before.get("parameters", ())}
        new = {(one["in"], one["name"]): one for one in after.get("parameters", ())}
        for key, one in old.items():
            where = f"{at} {key[0]} {key[1]}"
            if key not in new:
                yield f"{where}: is gone"
            else:
                yield from self._required(where, one, new[key])
                yield from self._schema(where, one["schema"], new[key]["schema"], sent=True)
        for key, one in new.items():
            if key not in old and one.get("required"):
                yield f"{at} {key[0]} {key[1]}: is required now"

    def _required(self, at: str, before: Json, after: Json) -> Iterator[str]:
        if after.get("required") and not before.get("required"):
            yield f"{at}: is required now"

    def _request(self, at: str, before: Json | None, after: Json | None) -> Iterator[str]:
        if after is not None:
            yield from self._required(f"{at} body", before or {}, after)
        if before is None:
            return
        yield from self._contents(f"{at} body", before, after or {}, sent=True)

    def _response(self, at: str, before: Json, after: Json | None) -> Iterator[str]:
        if after is None:
            yield f"{at}: is gone"
        else:
            yield from self._contents(at, before, after, sent=False)

    def _contents(self, at: str, before: Json, after: Json, *, sent: bool) -> Iterator[str]:
        for media_type, content in before.get("content", {}).items():
            if media_type not in after.get("content", {}):
                yield f"{at}: no longer as {media_type}"
            else:
                new = after["content"][media_type]
                yield from self._schema(at, content.get("schema", {}), new.get("schema", {}), sent=sent)

    def _schema(self, at: str, before: Json, after: Json, *, sent: bool) -> Iterator[str]:
        """``sent``: by the client, who may not be refused what was taken; else to it, who may not miss what it got."""
        key = (before.get("$ref", ""), after.get("$ref", ""), sent)
        if all(key[:2]):
            if key in self._seen:
                return
            self._seen.add(key)
        (old, old_null), (new, new_null) = _plain(self._old, before), _plain(self._new, after)
        if (old_null and not new_null) if sent else (new_null and not old_null):
            yield f"{at}: {'may not' if sent else 'may'} be null now"
        if "type" in old and old["type"] != new.get("type"):
            yield f"{at}: was {old['type']}, is {new.get('type', 'anything')}"
            return
        yield from self._narrowed(at, old, new, sent=sent)
        yield from self._properties(at, old, new, sent=sent)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._schema(f"{at}[]", old[part], new[part], sent=sent)

    def _narrowed(self, at: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        if not sent:
            return
        for gone in sorted({*map(str, old.get("enum", ()))} - {*map(str, new.get("enum", old.get("enum", ())))}):
            yield f"{at}: no longer takes {gone!r}"
        if "enum" in new and "enum" not in old:
            yield f"{at}: takes only listed words now"
        for limit, grows in _LIMITS.items():
            if limit in new and (limit not in old or (new[limit] > old[limit] if grows else new[limit] < old[limit])):
                yield f"{at}: {limit} is {new[limit]} now"
        if "pattern" in new and new["pattern"] != old.get("pattern"):
            yield f"{at}: must match {new['pattern']!r} now"

    def _properties(self, at: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in after:
                yield f"{at}.{name}: is gone"
            else:
                yield from self._schema(f"{at}.{name}", schema, after[name], sent=sent)
        required, asked = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(asked - required) if sent else sorted((required - asked) & set(after)):
            yield f"{at}.{name}: {'is required now' if sent else 'may be missing now'}"


def _plain(document: Json, schema: Json) -> tuple[Json, bool]:
    """A schema without references, and of "this or null" the this; whether null is allowed."""
    null = False
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            continue
        choices = schema.get("anyOf", schema.get("oneOf"))
        if not choices:
            return schema, null
        null = null or any(one.get("type") == "null" for one in choices)
        kept = [one for one in choices if one.get("type") != "null"]
        if len(kept) != 1:
            return schema, null
        schema = {**{name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")}, **kept[0]}
