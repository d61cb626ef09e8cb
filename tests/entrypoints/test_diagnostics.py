"""What an operator is told when something is wrong: over HTTP, and by ``ibid doctor``."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from adapters.memory.chat_model import Line, ScriptedChatModel
from adapters.memory.clock import SystemClock
from adapters.memory.embedder import HashingEmbedder
from adapters.neon.engine import make_engine
from adapters.neon.schema_probe import SchemaProbe
from application.diagnose import Diagnose, EmbedderProbe, Outcome, Unsound
from application.model_probe import ModelProbe
from domain.errors import PortRefused, PortUnavailable, ScopeMissing
from domain.retrieval.model import Purpose, Vector
from entrypoints.settings import read_settings
from entrypoints.settings_shown import shown
from tests.builders import a_principal
from tests.entrypoints.http_service import ADMIN_KEY, READER_KEY, HttpService
from tests.fakes.cohere import FakeCohere
from tests.providers import unlimited

ROOT = Path(__file__).parents[2]


class DeadEmbedder(HashingEmbedder):
    async def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Sequence[Vector]:
        raise PortUnavailable("embedder", "did not answer")


class Hanging:
    part, mend = "a provider", "check its address"

    async def ask(self) -> str:
        await asyncio.Event().wait()
        return "never"


class NotThere:
    part, mend = "reranker", "set COHERE_API_KEY"

    async def ask(self) -> None:
        return None


class Outdated:
    part, mend = "models", "check the key"

    async def ask(self) -> Unsound:
        return Unsound("m is deprecated", "set MODEL to n")


async def test_what_answers_and_is_no_use_says_what_mends_just_this() -> None:
    [found] = await Diagnose([Outdated()], SystemClock()).execute(a_principal())
    assert (found.outcome, found.detail, found.mend) == (Outcome.FAILED, "m is deprecated", "set MODEL to n")


async def test_every_part_is_asked_and_what_fails_says_how_to_mend_it() -> None:
    sound, dead = EmbedderProbe(HashingEmbedder(), "x"), EmbedderProbe(DeadEmbedder(), "check the key")
    diagnose = Diagnose([sound, dead, Hanging(), NotThere()], SystemClock(), patience_s=0.05)
    found = await diagnose.execute(a_principal())
    assert [one.outcome for one in found] == [Outcome.OK, Outcome.FAILED, Outcome.FAILED, Outcome.UNUSED]
    assert [one.mend for one in found] == ["", "check the key", "check its address", "set COHERE_API_KEY"]
    assert "did not answer" in found[1].detail


async def test_the_first_model_is_asked_for_a_word() -> None:
    model = ScriptedChatModel()
    model.script("a/good", Line(["yes"]))
    found = await Diagnose(
        [
            ModelProbe(lambda: model, unlimited(), ("a/good", "b/other"), "x"),
            ModelProbe(lambda: model, unlimited(), ("c/silent",), "check"),
            ModelProbe(lambda: model, unlimited(), (), "set"),
        ],
        SystemClock(),
    ).execute(a_principal())
    assert [one.outcome for one in found] == [Outcome.OK, Outcome.FAILED, Outcome.UNUSED]
    assert "a/good answers" in found[0].detail
    assert "c/silent was asked, and the outcome is empty" in found[1].detail


async def test_only_an_admin_may_ask() -> None:
    with pytest.raises(ScopeMissing):
        await Diagnose([], SystemClock()).execute(a_principal(scopes=frozenset()))


async def test_the_diagnosis_over_http_names_every_part_and_setting(service: HttpService) -> None:
    async with service.client(ADMIN_KEY) as client:
        answer = await client.get("/v1/admin/diagnostics")
    told = answer.json()
    assert (answer.status_code, told["healthy"]) == (200, True)
    assert {"database", "embedder", "index"} <= {part["part"] for part in told["parts"]}
    assert told["checks"]["database"] == "ok"
    async with service.client(READER_KEY) as client:
        assert (await client.get("/v1/admin/diagnostics")).status_code == 403


async def test_a_database_of_an_older_schema_is_found_out(postgres_url: str) -> None:
    engine = make_engine(make_url(postgres_url).set(database="template1").render_as_string(hide_password=False))
    try:
        with pytest.raises(PortRefused, match="empty"):
            await SchemaProbe(engine).ask()
    finally:
        await engine.dispose()


def test_settings_are_shown_without_what_is_secret_in_them() -> None:
    secret = "hunter22-hunter22-hunter22"
    told = shown(
        read_settings(
            {"IBID_ADMIN_KEY": secret, "IBID_API_KEY": secret, "DATABASE_URL": f"postgresql://u:{secret}@h/d",
             "IBID_URL": f"https://u:{secret}@ibid.test", "IBID_ALLOWED_ORIGINS": "https://a.test,https://b.test"}
        )
    )  # fmt: skip
    assert secret not in str(told)
    assert told["IBID_ADMIN_KEY"] == told["DATABASE_URL"] == "set, and not shown"
    assert told["IBID_URL"] == "https://***@ibid.test"
    assert told["IBID_ALLOWED_ORIGINS"] == "https://a.test, https://b.test"
    assert told["DATABASE_URL_UNPOOLED"] == "not set"


def doctor(**environment: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.cli", "doctor", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {part["part"]: part["outcome"] for part in report["parts"]}


def test_doctor_finds_a_sound_installation_well(open_folder: Path) -> None:
    code, report, _ = doctor(IBID_DATA_DIR=str(open_folder / "doctor"), IBID_PORT="0")
    assert (code, report["healthy"]) == (0, True), report
    assert outcomes(report).items() >= {"settings": "ok", "service": "ok", "schema": "ok", "index": "ok"}.items()


async def test_doctor_asks_cohere_for_the_models_that_are_set(open_folder: Path) -> None:
    key = "hunter22-hunter22-hunter22"
    async with FakeCohere(key) as cohere:
        code, report, err = await asyncio.to_thread(
            doctor, IBID_DATA_DIR=str(open_folder / "models"), IBID_PORT="0", COHERE_API_KEY=key,
            COHERE_BASE_URL=cohere.url, IBID_RERANK_MODEL="rerank-v9",
        )  # fmt: skip
    assert (code, outcomes(report)["cohere models"]) == (1, "failed"), report
    [told] = [part for part in report["parts"] if part["part"] == "cohere models"]
    assert told["detail"] == "rerank-v9 is not known there"
    assert told["mend"].startswith("set IBID_RERANK_MODEL to a model that serves rerank: rerank-v4.0-fast")
    assert key not in str(report) + err


def test_doctor_names_a_bad_setting_and_goes_no_further() -> None:
    code, report, _ = doctor(IBID_PORT="eight")
    assert (code, outcomes(report)["settings"]) == (1, "failed")
    assert "IBID_PORT" in str(report["parts"])


def test_doctor_tells_a_database_that_does_not_answer_and_no_password(tmp_path: Path) -> None:
    code, report, err = doctor(
        IBID_DATA_DIR=str(tmp_path / "data"), IBID_PORT="0", IBID_ADMIN_KEY="k" * 24,
        DATABASE_URL="postgresql://ibid:hunter22@127.0.0.1:9/ibid",
    )  # fmt: skip
    assert (code, outcomes(report)["service"]) == (1, "failed")
    assert "database" in str(report["parts"])
    assert "hunter22" not in str(report) + err


def test_doctor_sees_a_key_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "admin-key").write_text("ibid_0123456789abcdef0123456789\n")
    (tmp_path / "admin-key").chmod(0o644)
    code, report, _ = doctor(
        IBID_DATA_DIR=str(tmp_path), IBID_PORT="0", IBID_ADMIN_KEY="k" * 24,
        DATABASE_URL="postgresql://ibid:hunter22@127.0.0.1:9/ibid",
    )  # fmt: skip
    assert code == 1
    assert outcomes(report)["admin key"] == "failed"
    assert "chmod 600" in str(report["parts"])
