"""Settings from the environment, read once, checked whole: a bad one stops the start with one line that says which."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Literal

import msgspec
from dotenv import dotenv_values

from domain.access.quotas import Plan
from domain.library.web_sources import DEFAULT_PAGES
from entrypoints.model_settings import NAMES as MODEL_NAMES
from entrypoints.model_settings import ModelSettings, read_models
from entrypoints.setting_values import Secret, SettingsError, http_url, whole_number
from entrypoints.settings_shown import secrets_in

MIN_ADMIN_KEY_CHARS: Final = 24
_ORIGIN: Final = re.compile(r"https?://(?:\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?")
_TEST_PREFIX: Final = "IBID_TEST_"

__all__ = ["Secret", "Settings", "SettingsError", "read_environment", "read_settings"]


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
    max_running_turns: int = 1_000
    keep_ingestions_days: int = 30
    keep_turns_days: int = 0
    keep_index_days: int = 30
    plan: Plan = Plan.FREE
    cohere_api_key: Secret | None = None
    cohere_base_url: str = "https://api.cohere.com"
    embed_model: str = "embed-v4.0"
    embed_dimensions: int = 1_024
    embed_type: Literal["float", "int8", "base64"] = "base64"
    rerank_model: str = "rerank-v4.0-fast"
    rerank_budget_ms: int = 170
    verifier: Literal["lexical", "rerank", "model"] = "lexical"
    judge_model: str | None = None
    judge_budget_ms: int = 8_000
    cohere_calls_per_month: int = 1_000
    model_calls_per_day: int | None = None
    qdrant_url: str | None = None
    qdrant_api_key: Secret | None = None
    qdrant_shards: int = 1
    qdrant_replicas: int = 1
    qdrant_keep_alive: bool = False
    allowed_origins: tuple[str, ...] = ()
    models: ModelSettings | None = None
    max_upload_mb: int = 64
    max_inflated_mb: int = 50
    max_inflation: int = 20
    max_blocks: int = 60_000
    max_pdf_pages: int = 3_000
    max_passages: int = 20_000
    parse_seconds: int = 120
    fetch_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    fetch_ports: tuple[int, ...] = ()
    fetch_per_second: int = 4
    fetch_pages: int = DEFAULT_PAGES
    rate_per_minute: int = 60_000
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    log: Literal["text", "json"] = "text"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for what must not let one through."""
        return tuple(secrets_in(self))


EMBED_V4_DIMENSIONS: Final = (256, 512, 1_024, 1_536)
"""Source: Cohere's embed reference, read 2026-11."""


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
        "IBID_WORKERS": whole_number("IBID_WORKERS", 1, 64),
        "IBID_ADMIN_KEY": _admin_key,
        "IBID_URL": partial(http_url, "IBID_URL"),
        "IBID_API_KEY": Secret,
        "IBID_KEEP_VECTORS": _switch("IBID_KEEP_VECTORS"),
        "IBID_MAX_RUNNING_TURNS": whole_number("IBID_MAX_RUNNING_TURNS", 1, 100_000),
        "IBID_KEEP_INDEX_DAYS": whole_number("IBID_KEEP_INDEX_DAYS", 0, 36_500),
        "IBID_KEEP_INGESTIONS_DAYS": whole_number("IBID_KEEP_INGESTIONS_DAYS", 0, 36_500),
        "IBID_KEEP_TURNS_DAYS": whole_number("IBID_KEEP_TURNS_DAYS", 0, 36_500),
        "IBID_ALLOWED_ORIGINS": _origins,
        "IBID_MAX_UPLOAD_MB": whole_number("IBID_MAX_UPLOAD_MB", 1, 10_000),
        "IBID_MAX_INFLATED_MB": whole_number("IBID_MAX_INFLATED_MB", 1, 10_000),
        "IBID_MAX_INFLATION": whole_number("IBID_MAX_INFLATION", 2, 1_000),
        "IBID_MAX_BLOCKS": whole_number("IBID_MAX_BLOCKS", 100, 10_000_000),
        "IBID_MAX_PDF_PAGES": whole_number("IBID_MAX_PDF_PAGES", 1, 100_000),
        "IBID_MAX_PASSAGES": whole_number("IBID_MAX_PASSAGES", 10, 10_000_000),
        "IBID_PARSE_SECONDS": whole_number("IBID_PARSE_SECONDS", 1, 3_600),
        "IBID_FETCH_NETWORKS": partial(_networks, "IBID_FETCH_NETWORKS"),
        "IBID_FETCH_PORTS": _ports,
        "IBID_FETCH_PER_SECOND": whole_number("IBID_FETCH_PER_SECOND", 1, 100),
        "IBID_FETCH_PAGES": whole_number("IBID_FETCH_PAGES", 1, 100_000),
        "IBID_RATE_PER_MINUTE": whole_number("IBID_RATE_PER_MINUTE", 1, 1_000_000),
        "IBID_TRUSTED_PROXIES": partial(_networks, "IBID_TRUSTED_PROXIES"),
        "IBID_PLAN": _one_of("IBID_PLAN", Plan),
        "IBID_EMBED_MODEL": str,
        "IBID_EMBED_DIMENSIONS": whole_number("IBID_EMBED_DIMENSIONS", 1, 4_096),
        "IBID_EMBED_TYPE": _one_of("IBID_EMBED_TYPE", ("float", "int8", "base64")),
        "IBID_RERANK_MODEL": str,
        "IBID_RERANK_BUDGET_MS": whole_number("IBID_RERANK_BUDGET_MS", 0, 60_000),
        "IBID_VERIFIER": _one_of("IBID_VERIFIER", ("lexical", "rerank", "model")),
        "IBID_JUDGE_MODEL": _model,
        "IBID_JUDGE_BUDGET_MS": whole_number("IBID_JUDGE_BUDGET_MS", 100, 60_000),
        "IBID_COHERE_CALLS_PER_MONTH": whole_number("IBID_COHERE_CALLS_PER_MONTH", 0, 999_999_999),
        "IBID_MODEL_CALLS_PER_DAY": whole_number("IBID_MODEL_CALLS_PER_DAY", 0, 999_999_999),
        "IBID_QDRANT_SHARDS": whole_number("IBID_QDRANT_SHARDS", 1, 1_000),
        "IBID_QDRANT_REPLICAS": whole_number("IBID_QDRANT_REPLICAS", 1, 100),
        "IBID_QDRANT_KEEP_ALIVE": _switch("IBID_QDRANT_KEEP_ALIVE"),
        "IBID_LOG": _one_of("IBID_LOG", ("text", "json")),
    }
    plain: dict[str, Callable[[str], object]] = {
        "DATABASE_URL": _database_url("DATABASE_URL"),
        "DATABASE_URL_UNPOOLED": _database_url("DATABASE_URL_UNPOOLED"),
        "COHERE_API_KEY": Secret,
        "COHERE_BASE_URL": partial(http_url, "COHERE_BASE_URL"),
        "QDRANT_URL": partial(http_url, "QDRANT_URL"),
        "QDRANT_API_KEY": Secret,
    }
    for name in sorted(given):
        ours = name.startswith("IBID_") and not name.startswith(_TEST_PREFIX)
        if ours and name not in known and name not in MODEL_NAMES:
            raise SettingsError(f"{name} is not a setting of this version; .env.example lists them all")
    values: dict[str, object] = {"data_dir": default_data_dir(), "models": read_models(given)}
    for name, read in (known | plain).items():
        if name in given:
            values[name.removeprefix("IBID_").lower()] = read(given[name])
    settings = Settings(**values)  # type: ignore[arg-type]  # each reader above returns its field's type
    if settings.database_url is not None and settings.admin_key is None and settings.url is None:
        raise SettingsError("IBID_ADMIN_KEY must be set when DATABASE_URL is: the key is not made up for you then")
    if settings.workers > 1 and (settings.database_url is None or settings.qdrant_url is None):
        raise SettingsError(
            "IBID_WORKERS must be 1 unless DATABASE_URL and QDRANT_URL are set:"
            " an embedded database or index belongs to one process"
        )
    if settings.verifier == "rerank" and settings.cohere_api_key is None:
        raise SettingsError("COHERE_API_KEY must be set when IBID_VERIFIER is rerank: Cohere is asked then")
    if settings.verifier == "model" and settings.models is None:
        raise SettingsError("OPENROUTER_API_KEY or OPENROUTER_BASE_URL must be set when IBID_VERIFIER is model")
    if settings.embed_model.startswith("embed-v4") and settings.embed_dimensions not in EMBED_V4_DIMENSIONS:
        allowed = ", ".join(map(str, EMBED_V4_DIMENSIONS))
        raise SettingsError(f"IBID_EMBED_DIMENSIONS of {settings.embed_model} must be one of {allowed}")
    return settings


def _model(value: str) -> str:
    if len(value) > 200 or re.search(r"[\s,]", value):
        raise SettingsError("IBID_JUDGE_MODEL must be the name of one model")
    return value


def _admin_key(value: str) -> Secret:
    if len(value) < MIN_ADMIN_KEY_CHARS:
        raise SettingsError(f"IBID_ADMIN_KEY must have at least {MIN_ADMIN_KEY_CHARS} characters")
    return Secret(value)


def _database_url(name: str) -> Callable[[str], Secret]:
    def read(value: str) -> Secret:
        if not value.startswith(("postgres://", "postgresql://")):
            raise SettingsError(f"{name} must begin with postgresql://")
        return Secret(value)

    return read


def _ports(value: str) -> tuple[int, ...]:
    read = whole_number("IBID_FETCH_PORTS", 1, 65_535)
    return tuple(read(one.strip()) for one in value.split(","))


def _networks(name: str, value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in value.split(","))
    except ValueError as error:
        raise SettingsError(f"{name} must be addresses or networks with commas between: {error}") from error


def _switch(name: str) -> Callable[[str], bool]:
    def read(value: str) -> bool:
        if value.lower() not in ("on", "off", "true", "false", "1", "0"):
            raise SettingsError(f"{name} must be on or off, not {value!r}")
        return value.lower() in ("on", "true", "1")

    return read


def _one_of(name: str, values: Iterable[str]) -> Callable[[str], str]:
    words = list(values)

    def read(value: str) -> str:
        if value not in words:
            raise SettingsError(f"{name} must be {' or '.join(words)}, not {value!r}")
        return words[words.index(value)]

    return read


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(one.strip().lower() for one in value.split(",") if one.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"IBID_ALLOWED_ORIGINS must be origins as browsers send them, https://host or https://host:port,"
                f" not {origin!r}"
            )
    return origins
