"""Settings from the environment, read once, checked whole: a bad one stops the start with one line that says which."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from dotenv import dotenv_values

from entrypoints.model_settings import NAMES as MODEL_NAMES
from entrypoints.model_settings import ModelSettings, read_models
from entrypoints.setting_values import Secret, SettingsError, http_url, whole_number
from entrypoints.settings_shown import secrets_in

MIN_ADMIN_KEY_CHARS: Final = 24
_ORIGIN: Final = re.compile(r"https?://(?:\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?")
_TEST_PREFIX: Final = "IBID_TEST_"

__all__ = ["Secret", "Settings", "SettingsError", "read_environment", "read_settings", "unserved"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, typed. ``.env.example`` describes each for the operator."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    admin_key: Secret | None = None
    url: str | None = None
    api_key: Secret | None = None
    database_url: Secret | None = None
    database_url_unpooled: Secret | None = None
    keep_vectors: bool = True
    allowed_origins: tuple[str, ...] = ()
    models: ModelSettings | None = None
    max_upload_mb: int = 64
    max_inflated_mb: int = 50
    max_inflation: int = 20
    log: Literal["text", "json"] = "text"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for what must not let one through."""
        return tuple(secrets_in(self))


UNSERVED: Final = ("QDRANT_URL", "COHERE_API_KEY")
"""Providers that this version cannot use yet: set, they are named in a warning instead of being dropped in silence."""


def default_data_dir() -> Path:
    """Root's is under /var/lib: PostgreSQL runs as another user then, who may not look into root's home."""
    return Path("/var/lib/ibid") if os.geteuid() == 0 else Path.home() / ".local/share/ibid"


def read_environment() -> dict[str, str]:
    """The process environment over a ``.env`` beside the process."""
    beside = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**beside, **os.environ}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError for an unknown ``IBID_*`` name or a bad value. An empty value counts as unset."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    known: dict[str, Callable[[str], object]] = {
        "IBID_DATA_DIR": lambda value: Path(value).expanduser().absolute(),
        "IBID_HOST": str,
        "IBID_PORT": whole_number("IBID_PORT", 0, 65_535),
        "IBID_WORKERS": _one_worker,
        "IBID_ADMIN_KEY": _admin_key,
        "IBID_URL": lambda value: http_url("IBID_URL", value),
        "IBID_API_KEY": Secret,
        "IBID_KEEP_VECTORS": _switch,
        "IBID_ALLOWED_ORIGINS": _origins,
        "IBID_MAX_UPLOAD_MB": whole_number("IBID_MAX_UPLOAD_MB", 1, 10_000),
        "IBID_MAX_INFLATED_MB": whole_number("IBID_MAX_INFLATED_MB", 1, 10_000),
        "IBID_MAX_INFLATION": whole_number("IBID_MAX_INFLATION", 2, 1_000),
        "IBID_LOG": _log,
    }
    for name in sorted(given):
        ours = name.startswith("IBID_") and not name.startswith(_TEST_PREFIX)
        if ours and name not in known and name not in MODEL_NAMES:
            raise SettingsError(f"{name} is not a setting of this version; .env.example lists them all")
    values: dict[str, object] = {"data_dir": default_data_dir(), "models": read_models(given)}
    for name, read in known.items():
        if name in given:
            values[name.removeprefix("IBID_").lower()] = read(given[name])
    for name in ("DATABASE_URL", "DATABASE_URL_UNPOOLED"):
        if name in given:
            values[name.lower()] = _database_url(name, given[name])
    settings = Settings(**values)  # type: ignore[arg-type]  # each reader above returns its field's type
    if settings.database_url is not None and settings.admin_key is None and settings.url is None:
        raise SettingsError("IBID_ADMIN_KEY must be set when DATABASE_URL is: the key is not made up for you then")
    return settings


def unserved(environment: Mapping[str, str]) -> list[str]:
    """The providers' settings that are given and that this version does not use."""
    return [name for name in UNSERVED if environment.get(name, "").strip()]


def _one_worker(value: str) -> int:
    if value != "1":
        raise SettingsError("IBID_WORKERS must be 1: the embedded index belongs to one process")
    return 1


def _admin_key(value: str) -> Secret:
    if len(value) < MIN_ADMIN_KEY_CHARS:
        raise SettingsError(f"IBID_ADMIN_KEY must have at least {MIN_ADMIN_KEY_CHARS} characters")
    return Secret(value)


def _database_url(name: str, value: str) -> Secret:
    if not value.startswith(("postgres://", "postgresql://")):
        raise SettingsError(f"{name} must begin with postgresql://")
    return Secret(value)


def _switch(value: str) -> bool:
    if value.lower() not in ("on", "off", "true", "false", "1", "0"):
        raise SettingsError(f"IBID_KEEP_VECTORS must be on or off, not {value!r}")
    return value.lower() in ("on", "true", "1")


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(one.strip().lower() for one in value.split(",") if one.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"IBID_ALLOWED_ORIGINS must be origins as browsers send them, https://host or https://host:port,"
                f" not {origin!r}"
            )
    return origins


def _log(value: str) -> str:
    if value not in ("text", "json"):
        raise SettingsError(f"IBID_LOG must be text or json, not {value!r}")
    return value
