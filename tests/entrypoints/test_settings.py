"""Settings: read once, refused by name, and silent about their secrets."""

import logging
import re
import secrets
from pathlib import Path

import msgspec
import pytest
from structlog.stdlib import ProcessorFormatter

from application.arrival import serving
from domain.access.quotas import PROVIDER
from entrypoints.logs import configure_logs
from entrypoints.outside import allowances
from entrypoints.settings import Settings, SettingsError, read_settings

KEY = "ibid_canary_0123456789abcdef"


def test_an_empty_environment_gives_the_embedded_default() -> None:
    settings = read_settings({})

    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.database_url is None
    assert settings.keep_vectors


def test_an_empty_value_counts_as_unset() -> None:
    assert read_settings({"IBID_PORT": "", "DATABASE_URL": " "}) == read_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IBID_PORT", "eight"),
        ("IBID_PORT", "65536"),
        ("IBID_PORT", "-1"),
        ("IBID_WORKERS", "2"),
        ("IBID_ADMIN_KEY", "short"),
        ("IBID_URL", "ftp://x"),
        ("IBID_KEEP_VECTORS", "maybe"),
        ("IBID_LOG", "xml"),
        ("IBID_VERIFIER", "oracle"),
        ("IBID_JUDGE_MODEL", "two, models"),
        ("IBID_JUDGE_BUDGET_MS", "0"),
        ("IBID_MAX_PASSAGES", "9"),
        ("IBID_PROT", "8000"),
        ("IBID_ALLOWED_ORIGINS", "*"),
        ("IBID_ALLOWED_ORIGINS", "https://*.example.com"),
        ("IBID_ALLOWED_ORIGINS", "https://a.test/path"),
        ("IBID_ALLOWED_ORIGINS", "a.test"),
        ("DATABASE_URL", "mysql://x"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line_that_names_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value, **({"IBID_ADMIN_KEY": KEY} if name == "DATABASE_URL" else {})})

    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"IBID_ADMIN_KEY": "tooshortsecret"})

    assert "tooshortsecret" not in str(refused.value)


def test_a_database_of_the_operators_needs_an_admin_key() -> None:
    with pytest.raises(SettingsError, match="IBID_ADMIN_KEY"):
        read_settings({"DATABASE_URL": "postgresql://u:p@h/d"})


@pytest.mark.parametrize(("verifier", "key"), [("model", "OPENROUTER_API_KEY"), ("rerank", "COHERE_API_KEY")])
def test_a_judge_needs_the_service_that_it_is_of(verifier: str, key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        read_settings({"IBID_VERIFIER": verifier})
    assert read_settings({"IBID_VERIFIER": verifier, key: "k" * 20}).verifier == verifier


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ({}, {"cohere", "openrouter"}),
        ({"OPENROUTER_API_KEY": "k" * 20}, {"cohere", "openrouter"}),
        ({"OPENROUTER_BASE_URL": "http://127.0.0.1:11434/v1", "IBID_MODELS": "llama"}, {"cohere"}),
        (
            {"OPENROUTER_BASE_URL": "https://a.test/v1", "IBID_MODELS": "m", "OPENROUTER_API_KEY": "k" * 20},
            {"cohere", "openrouter"},
        ),
        (
            {"OPENROUTER_BASE_URL": "http://a.test/v1", "IBID_MODELS": "m", "IBID_MODEL_CALLS_PER_DAY": "10"},
            {"cohere", "openrouter"},
        ),
        ({"IBID_PLAN": "paid"}, set()),
    ],
)
def test_a_server_of_models_without_a_key_has_no_plan_to_be_held_to(given: dict[str, str], held: set[str]) -> None:
    found = allowances(read_settings(given))
    assert {PROVIDER[call] for one in found for call in one.calls} == held
    days = [one.limit for one in found if one.name == "openrouter_calls_per_day"]
    assert days == ([int(given.get("IBID_MODEL_CALLS_PER_DAY", 50))] if "openrouter" in held else [])


def test_origins_are_a_list() -> None:
    settings = read_settings({"IBID_ALLOWED_ORIGINS": "https://A.test, http://localhost:3000,"})
    assert settings.allowed_origins == ("https://a.test", "http://localhost:3000")


def test_names_for_tests_are_let_through() -> None:
    assert read_settings({"IBID_TEST_SLOW": "1"}) == read_settings({})


def test_no_secret_shows_in_the_repr_of_settings() -> None:
    settings = read_settings(
        {"IBID_ADMIN_KEY": KEY, "IBID_API_KEY": KEY, "DATABASE_URL": "postgresql://u:hunter22@h/d"}
    )

    shown = repr(settings) + str(settings) + repr(msgspec.structs.asdict(settings))
    assert KEY not in shown
    assert "hunter22" not in shown
    assert KEY in settings.secrets


@pytest.mark.usefixtures("logs_put_back")
@pytest.mark.parametrize("style", ["text", "json"])
def test_a_line_is_the_same_whichever_way_it_is_made(style: str) -> None:
    settings = Settings(data_dir=Path("x"), log=style)  # type: ignore[arg-type]  # one of the two
    configure_logs(settings.log, secrets=[KEY])
    formatter = logging.getLogger().handlers[0].formatter
    assert isinstance(formatter, ProcessorFormatter)
    beside = {"request_id": "its own", "ms": 1.5, "none": None, "words": "a b", "list": ["é"], "secret": KEY}

    def written(extra: dict[str, object]) -> tuple[str, str]:
        record = logging.getLogger("ibid.test").makeRecord(
            "ibid.test", 30, "", 0, "%s told", ("it",), None, None, extra
        )
        return formatter.format(record), ProcessorFormatter.format(formatter, record)

    for extra in ({}, beside):
        quick, slow = written(extra)
        assert _untimed(quick) == _untimed(slow)
        with serving(0.0, "of the request"):
            quick, slow = written(extra)
        assert _untimed(quick) == _untimed(slow)
        assert ("of the request" in quick) == (not extra), "a record's own fields come first"


def _untimed(line: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "then", line, count=1)


@pytest.mark.usefixtures("logs_put_back")
@pytest.mark.parametrize("style", ["text", "json"])
def test_a_secret_passes_into_no_log_line_by_any_way(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data_dir=Path("x"), log=style)  # type: ignore[arg-type]  # one of the two
    configure_logs(settings.log, secrets=[KEY])
    log = logging.getLogger("ibid.test")

    issued = "ibid_" + secrets.token_urlsafe(32)
    log.info("the key is %s", KEY, extra={"field": KEY, "issued": f"<{issued}>"})
    try:
        raise RuntimeError(f"opened with {KEY}")
    except RuntimeError:
        log.exception("it broke")

    written = capsys.readouterr().err
    assert "it broke" in written
    assert "***" in written
    assert KEY not in written
    assert issued not in written
