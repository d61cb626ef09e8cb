"""A service imports nothing that it does not use: each start would pay for it, and each idle hour."""

import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.lean_imports import without

ROOT = Path(__file__).parents[2]
UNUSED = {
    "aiohttp", "httpx", "pydantic", "pydantic_settings", "attr", "werkzeug", "rich", "markdown_it", "selectolax",
    "docx", "pdfminer", "docutils", "citeproc", "pgqueuer", "qdrant_client", "cohere",
}  # fmt: skip


def test_the_service_imports_no_client_of_others_no_parser_and_nothing_that_is_only_looked_for() -> None:
    code = f"""
import sys
from entrypoints.server import _import_application
_import_application()
loaded = {{name.partition('.')[0] for name in sys.modules}}
print(sorted(loaded & {UNUSED!r}))
import pydantic, litestar.app, dependency_injector.providers
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_what_is_left_out_is_missing_inside_and_there_again_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ModuleNotFoundError, match="colorsys"):
        import colorsys
    import colorsys

    with without("colorsys"):  # it is imported already
        import colorsys
    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
