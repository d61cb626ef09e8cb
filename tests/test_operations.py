"""The operator's pages name every setting, and every word by which a turn says what it went without."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
DEGRADED = (
    "rerank_skipped", "rerank_late", "lexical_only", "dense_only", "fulltext_only", "rewrite_skipped",
    "model_unavailable", "model_quota", "embed_quota", "rerank_quota", "mixed_embedders", "history_trimmed",
    "evidence_trimmed",
)  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_the_operations_page_names_every_setting(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("word", DEGRADED)
def test_every_degraded_word_is_explained(word: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| .{20,}\|$", (ROOT / "docs/guide/plans.md").read_text(), re.MULTILINE)
    assert word in rows


def test_the_socket_of_every_command_is_named_by_its_whole_path() -> None:
    """PostgreSQL's programs take any other for the name of a host."""
    page = (ROOT / "docs/operations.md").read_text()
    hosts = re.findall(r"^\$bin/pg_\w+ -h \"?(\S+?)\"? ", page, re.MULTILINE)
    assert len(hosts) == 2
    assert [host for host in hosts if not host.startswith(("/", "$PWD/"))] == []
