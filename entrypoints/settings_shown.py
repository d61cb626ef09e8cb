"""Settings for an operator's eyes, and the secrets among them for what must not let one through."""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from entrypoints.model_settings import NAMES as MODEL_NAMES
from entrypoints.setting_values import Secret

BARE_NAMES: Final = frozenset(
    {"database_url", "database_url_unpooled", "cohere_api_key", "cohere_base_url", "qdrant_url", "qdrant_api_key"}
)
"""Settings that other programs read by the same name; all others begin with IBID_."""

MIN_MASKED_CHARS: Final = 6
"""A shorter password might be any word."""


def shown(settings: msgspec.Struct) -> dict[str, str]:
    """Every setting by the name that sets it; of a secret only that there is one."""
    told: dict[str, str] = {}
    for field in settings.__struct_fields__:
        value = getattr(settings, field)
        if field == "models":
            told |= {name: _shown(getattr(value, part, None)) for name, (part, _) in MODEL_NAMES.items()}
        else:
            told[environment_name(field)] = _shown(value)
    return told


def environment_name(field: str) -> str:
    return field.upper() if field in BARE_NAMES else f"IBID_{field.upper()}"


def secrets_in(settings: msgspec.Struct) -> Iterator[str]:
    """Every secret value, and the password within an address by itself."""
    for field in settings.__struct_fields__:
        value = getattr(settings, field)
        if isinstance(value, Secret):
            yield value.reveal()
            yield from _passwords(value.reveal())
        elif isinstance(value, msgspec.Struct):
            yield from secrets_in(value)
        elif isinstance(value, str):
            yield from _passwords(value)


def _passwords(address: str) -> Iterator[str]:
    """The password of an address, as it stands there and as it is meant."""
    try:
        password = urlsplit(address).password or ""
    except ValueError:
        return
    yield from (form for form in {password, unquote(password)} if len(form) >= MIN_MASKED_CHARS)


def _shown(value: Any) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, Secret):
        return "set, and not shown"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    # An address may carry a user and a password.
    return re.sub(r"(?<=://)[^/@]*@", "***@", str(value))
