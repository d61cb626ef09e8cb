"""The settings of the models that write answers."""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from entrypoints.setting_values import Secret, SettingsError, http_url, whole_number

DEFAULT_MODELS: Final = ("openrouter/free",)
"""OpenRouter's router over the free models, so that a key alone costs nothing."""
DEFAULT_BASE_URL: Final = "https://openrouter.ai/api/v1"

Price: TypeAlias = tuple[str, str]
"""USD for a million tokens of prompt and of completion, as decimal text."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``names`` first choice first; ``key`` None: a server that asks for none."""

    names: tuple[str, ...] = DEFAULT_MODELS
    key: Secret | None = None
    base_url: str = DEFAULT_BASE_URL
    answer_tokens: int = 1_024
    prompt_tokens: int = 12_000
    data_collection: Literal["deny", "allow"] = "deny"
    max_price: Price | None = None


NAMES: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "OPENROUTER_API_KEY": ("key", Secret),
    "OPENROUTER_BASE_URL": ("base_url", lambda value: http_url("OPENROUTER_BASE_URL", value)),
    "IBID_MODELS": ("names", lambda value: _names(value)),
    "IBID_MAX_ANSWER_TOKENS": ("answer_tokens", whole_number("IBID_MAX_ANSWER_TOKENS", 16, 32_000)),
    "IBID_MAX_PROMPT_TOKENS": ("prompt_tokens", whole_number("IBID_MAX_PROMPT_TOKENS", 1_000, 1_000_000)),
    "IBID_DATA_COLLECTION": ("data_collection", lambda value: _data_collection(value)),
    "IBID_MAX_PRICE": ("max_price", lambda value: _price(value)),
}
"""Each setting, its field, and how it is read."""


def read_models(given: Mapping[str, str]) -> ModelSettings | None:
    """
    None: neither a key nor another address is given, and no model writes answers. Raises SettingsError.

    ``given`` holds no blank value.
    """
    values = {field: read(given[name]) for name, (field, read) in NAMES.items() if name in given}
    if "key" not in values and "base_url" not in values:
        return None
    if "base_url" in values and "names" not in values:
        raise SettingsError("IBID_MODELS must be set when OPENROUTER_BASE_URL is: name the models of that server")
    return ModelSettings(**values)  # type: ignore[arg-type]  # each reader returns its field's type


def _names(value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names or any(len(name) > 200 or re.search(r"\s", name) for name in names):
        raise SettingsError("IBID_MODELS must be model names separated by commas")
    return names


def _data_collection(value: str) -> str:
    if value not in ("deny", "allow"):
        raise SettingsError(f"IBID_DATA_COLLECTION must be deny or allow, not {value!r}")
    return value


def _price(value: str) -> Price:
    prices = [part.strip() for part in value.split(",")]
    if len(prices) != 2 or not all(re.fullmatch(r"\d{1,6}(\.\d{1,6})?", price) for price in prices):
        raise SettingsError("IBID_MAX_PRICE must be USD for a million tokens of prompt and completion, like 0.5,1.5")
    return prices[0], prices[1]
