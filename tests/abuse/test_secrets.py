"""A secret planted in every setting that holds one is told by nothing the service says, writes or keeps."""

import io
import itertools
import logging
import tempfile
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import httpx
import pytest
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.neon.tables import metadata
from bench.service_process import running
from entrypoints.logs import configure_logs
from entrypoints.model_settings import NAMES as MODEL_NAMES
from entrypoints.settings import Secret, Settings, read_settings
from entrypoints.settings_shown import environment_name, shown
from tests.abuse.schema_walk import MISSING_ID

SECRETS: Final = [
    *(environment_name(name) for name, kind in get_type_hints(Settings).items() if Secret in (kind, *get_args(kind))),
    *(name for name, (_, read) in MODEL_NAMES.items() if read is Secret),
]
CLOSED: Final = "http://127.0.0.1:9"
"""Where nothing answers, so that providers fail and the failures are told."""


def canary(name: str) -> str:
    return f"canary-{name.lower().replace('_', '-')}-0123456789"


def planted(database_url: str) -> dict[str, str]:
    """Every secret setting with a canary; of the database's address its password is one."""
    url = make_url(database_url).set(drivername="postgresql", password=canary("database"))
    known = [*map(environment_name, Settings.__struct_fields__), *MODEL_NAMES]
    settings = {name: canary(name) for name in SECRETS}
    address = url.render_as_string(hide_password=False)
    closed = {name: CLOSED for name in known if name.endswith("_BASE_URL")} | {"IBID_MODELS": "a/model"}
    return settings | closed | {"DATABASE_URL": address, "DATABASE_URL_UNPOOLED": address}


def canaries() -> list[str]:
    return [canary("database"), *(canary(name) for name in SECRETS)]


def test_there_are_secrets_to_plant() -> None:
    assert {"IBID_ADMIN_KEY", "IBID_API_KEY", "DATABASE_URL", "OPENROUTER_API_KEY"} <= set(SECRETS)


async def test_the_service_tells_no_secret_in_answers_logs_or_rows(
    open_folder: Path, migrated_url: str, engine: AsyncEngine
) -> None:
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    said: list[str] = []
    with running(folder / "data", environment=planted(migrated_url)) as service, service.client() as client:

        def told(answer: httpx.Response) -> httpx.Response:
            said.append(answer.text + str(answer.headers))
            return answer

        documents = [{"uri": "a.md", "content": "# Pin\n\nPin it.", "format": "markdown"}]
        told(client.post("/v1/admin/ingestions", json={"collection": "docs", "documents": documents}))
        for path in ("/schema", "/docs", "/health/ready", "/v1/admin/diagnostics", "/v1/me", "/v1/admin/api-keys"):
            told(client.get(path))
        told(client.post("/v1/admin/api-keys", json={"name": "reader", "scopes": ["ask"]}))
        for body in ({"question": "How do I pin?"}, {"question": 1}, {"colour": 1}, {"question": ""}):
            told(client.post("/v1/ask", json=body))
            told(client.post("/v1/ask", json=body, headers={"Accept": "text/event-stream"}))
        told(client.get(f"/v1/turns/{MISSING_ID}"))
        stranger = {"Authorization": "Bearer wrong-canary-0123456789", "Cookie": "session=cookie-canary-0123456789"}
        told(client.get("/v1/documents?key=query-canary-0123456789", headers=stranger))
        log = service.log()
    async with engine.connect() as connection:
        rows = [str((await connection.execute(select(table))).all()) for table in metadata.sorted_tables]
    planted_now = [*canaries(), "wrong-canary-0123456789", "cookie-canary-0123456789", "query-canary-0123456789"]
    assert "route=/v1/ask" in log
    assert "Pin it." in str(rows)
    for where, texts in (("an answer", said), ("the log", [log]), ("a row", rows)):
        assert [one for one in planted_now if any(one in part for part in texts)] == [], where


class Nested:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Nested({self.secret!r})"


@pytest.mark.usefixtures("logs_put_back")
@pytest.mark.parametrize("style", ["text", "json"])
def test_ten_thousand_lines_in_every_form_hold_no_secret(style: Any) -> None:
    """A secret in every setting that holds one, each written in every form, and shown by no way of showing settings."""
    awkward = 'quote" back\\slash é 0123'
    address = "postgresql://ibid:p%40ss-w0rd-canary@db.test/ibid"
    plain = {name: canary(name) for name in SECRETS if not name.startswith("DATABASE_URL")}
    settings = read_settings({**plain, "IBID_ADMIN_KEY": awkward, "DATABASE_URL": address})
    assert set(plain.values()) - {canary("IBID_ADMIN_KEY")} <= set(settings.secrets)
    configure_logs(style, secrets=settings.secrets)
    log_lines = io.StringIO()
    logging.getLogger().handlers[0].stream = log_lines  # type: ignore[attr-defined]  # a stream handler
    log = logging.getLogger("ibid.test")
    planted_now = [one for name, one in plain.items() if name != "IBID_ADMIN_KEY"]
    secrets = [awkward, *planted_now, address, "p@ss-w0rd-canary", "p%40ss-w0rd-canary"]

    def in_message(secret: str) -> None:
        log.info("opened with %s", secret)

    def in_bytes(secret: str) -> None:
        log.info("sent", extra={"header": f"Bearer {secret}".encode()})

    def in_fields(secret: str) -> None:
        log.warning("refused", extra={"key": secret, "within": {"a": [secret, Nested(secret)]}})

    def in_traceback(secret: str) -> None:
        try:
            try:
                raise ConnectionError(f"no route to {secret}")
            except ConnectionError as error:
                raise RuntimeError("it broke") from error
        except RuntimeError:
            log.exception("unhandled", extra={"at": secret})

    ways = itertools.cycle((in_message, in_bytes, in_fields, in_traceback))
    for way, secret in itertools.islice(zip(ways, itertools.cycle(secrets), strict=False), 10_000):
        way(secret)

    written = log_lines.getvalue()
    assert written.count("***") >= 10_000
    assert len(written.splitlines()) >= 10_000
    told = written + repr(settings) + str(settings) + str(shown(settings)) + repr(settings.models)
    for trace in ("slash", "w0rd-canary", "quote", *planted_now):
        assert trace not in told, trace
