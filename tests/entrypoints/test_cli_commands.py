"""The command line against a service that answers in the contract's shapes."""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import main
from entrypoints.settings import Secret
from entrypoints.terminal import ingest_estimate, ingest_view, ingesting
from entrypoints.terminal.service import Service
from tests.scripted_service import (
    CONVERSATION_ID,
    KEY,
    ScriptedService,
    a_claim,
    a_problem,
    a_stream,
    a_turn,
    an_event,
    an_evidence,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    scripted = ScriptedService()
    with scripted.running():
        yield scripted


def ibid(service: ScriptedService, *arguments: str, **environment: str | None) -> Result:
    settings: dict[str, str | None] = {"IBID_URL": service.url, "IBID_API_KEY": KEY, "COLUMNS": "80"}
    return CliRunner().invoke(main, arguments, env=settings | environment)


def answering(service: ScriptedService, turn: dict[str, Any], *deltas: str) -> None:
    service.replies["POST /v1/ask"] = (200, a_stream(turn, *deltas))


class TestAsk:
    def test_the_answer_is_printed_with_a_footnote_for_each_cited_source(self, service: ScriptedService) -> None:
        answering(service, a_turn("Use two equals signs [1]."), "Use two ", "equals signs [1].")
        result = ibid(service, "ask", "How do I pin?")
        assert result.exit_code == 0
        assert result.stdout == (
            "Use two equals signs [1].\n"
            "\n"
            "[1] Pinning > Exact versions\n"
            "    https://x.test/guides/pinning#exact-versions\n"
            "    “Pin a dependency with two equals signs.”\n"
        )

    def test_a_source_without_an_address_is_named_by_its_uri_and_anchor(self, service: ScriptedService) -> None:
        evidence = an_evidence()
        evidence["document"]["url"] = evidence["section"]["url"] = None
        answering(service, a_turn(evidence=[evidence]), "Use two equals signs [1].")
        assert "    guides/pinning.md#exact-versions\n" in ibid(service, "ask", "How do I pin?").stdout

    @pytest.mark.parametrize(
        ("verdict", "words"),
        [
            ("partial", "only partly supported by its source"),
            ("unsupported", "not supported by its source"),
            ("uncited", "names no source"),
        ],
    )
    def test_a_doubtful_sentence_is_pointed_out_in_words(
        self, service: ScriptedService, verdict: str, words: str
    ) -> None:
        answer = "Use two equals signs [1]. Never use one [1]."
        claims = [a_claim(answer, "Use two equals signs [1]."), a_claim(answer, "Never use one [1].", verdict=verdict)]
        answering(service, a_turn(answer, claims=claims), answer)
        assert f"! {words}: Never use one [1].\n" in ibid(service, "ask", "How do I pin?").stdout

    def test_an_abstention_says_why_and_shows_what_comes_closest(self, service: ScriptedService) -> None:
        abstention = {
            "reason": "insufficient_evidence",
            "message": "The documents do not answer this.",
            "closest": [an_evidence()],
        }
        answering(service, a_turn("", status="abstained", abstention=abstention, claims=[], evidence=[]))
        result = ibid(service, "ask", "Who won?")
        assert result.exit_code == 0
        assert result.stdout.startswith(
            "The documents do not answer this.\nWhy: passages come near the question, and none answers it.\n"
        )
        assert "[1] Pinning > Exact versions\n" in result.stdout
        assert "Ranges float." in result.stdout

    def test_a_reset_says_that_what_was_shown_is_void(self, service: ScriptedService) -> None:
        turn = a_turn("Use two equals signs [1].")
        events = a_stream(turn, "Use two equals signs [1].")
        reset = an_event("text", {"delta": "Use one"}) + an_event(
            "reset", {"reason": "model_failed", "next_model": "b"}
        )
        service.replies["POST /v1/ask"] = (200, reset + events)
        shown = ibid(service, "ask", "How do I pin?").stdout
        withdrawn = "[The answer above is withdrawn: the model broke off; it is written anew by b.]\n"
        assert shown.index("Use one\n") < shown.index(withdrawn) < shown.index("Use two equals signs [1].\n")

    def test_what_was_left_undone_is_noted(self, service: ScriptedService) -> None:
        answering(service, a_turn(degraded=["lexical_only"]), "Use two equals signs [1].")
        assert "Note: passages were found by their words only" in ibid(service, "ask", "How do I pin?").stdout

    def test_options_reach_the_service_and_nothing_else_does(self, service: ScriptedService) -> None:
        answering(service, a_turn(), "Use it [1].")
        ibid(service, "ask", "How do", "I pin?", "--collection", "a", "--collection", "b", "--top-k", "3")
        ibid(service, "ask", "And then?", "--conversation", CONVERSATION_ID)
        assert service.bodies("POST /v1/ask") == [
            {"question": "How do I pin?", "collections": ["a", "b"], "top_k": 3},
            {"question": "And then?", "conversation_id": CONVERSATION_ID},
        ]

    def test_json_is_the_whole_turn_and_nothing_else(self, service: ScriptedService) -> None:
        turn = a_turn("Naïve \u2028 [1].")
        service.replies["POST /v1/ask"] = (200, turn)
        result = ibid(service, "ask", "How do I pin?", "--json")
        assert json.loads(result.stdout) == turn
        assert result.stderr == ""

    def test_a_failed_answer_is_one_line(self, service: ScriptedService) -> None:
        problem = a_problem(503, "port_unavailable", "the index did not answer")
        service.replies["POST /v1/ask"] = (200, an_event("error", problem))
        result = ibid(service, "ask", "How do I pin?")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "ibid: the answer failed: the index did not answer; ask again\n"

    def test_a_stream_that_ends_early_is_a_failure(self, service: ScriptedService) -> None:
        service.replies["POST /v1/ask"] = (200, an_event("text", {"delta": "Use two"}))
        result = ibid(service, "ask", "How do I pin?")
        assert result.exit_code == 1
        assert result.stderr == "ibid: the service ended the stream before the answer; ask again\n"

    def test_a_document_cannot_send_commands_to_the_terminal(self, service: ScriptedService) -> None:
        answering(service, a_turn("Wipe \x1b[2J it [1]."), "Wipe \x1b[2J it [1].")
        assert "\x1b" not in ibid(service, "ask", "How do I pin?").stdout

    def test_a_blank_question_is_bad_usage_and_not_asked(self, service: ScriptedService) -> None:
        result = ibid(service, "ask", "  ")
        assert result.exit_code == 2
        assert result.stderr == "ibid: Invalid value for QUESTION: it is blank (see 'ibid ask --help')\n"
        assert service.requests == []


class TestSearch:
    def test_passages_are_shown_best_first_with_their_score_and_address(self, service: ScriptedService) -> None:
        found = {"passages": [an_evidence(1), an_evidence(2, score=0.4)], "degraded": [], "timings_ms": {}}
        service.replies["POST /v1/search"] = (200, found)
        result = ibid(service, "search", "pin", "--limit", "2")
        assert service.bodies("POST /v1/search") == [{"query": "pin", "limit": 2}]
        assert result.stdout.startswith(
            "[1] Pinning > Exact versions (0.81)\n"
            "    https://x.test/guides/pinning#exact-versions\n"
            "    Pin a dependency with two equals signs. Ranges float.\n"
            "\n"
            "[2] Pinning > Exact versions (0.40)\n"
        )

    def test_json_is_what_the_service_said(self, service: ScriptedService) -> None:
        found = {"passages": [an_evidence()], "degraded": ["lexical_only"], "timings_ms": {"retrieve": 2}}
        service.replies["POST /v1/search"] = (200, found)
        assert json.loads(ibid(service, "search", "pin", "--json").stdout) == found


class IngestingService(ScriptedService):
    """Takes documents in; those whose content says so fail."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, Any]] = []
        self.embedded: dict[str, int] | None = None

    def reply(self, route: str, body: Any) -> tuple[int, Any]:
        if route == "POST /v1/admin/ingestions":
            self.taken.append(body)
            return 202, {"id": f"i{len(self.taken)}", "status_url": "/"}
        if route in self.replies:
            return super().reply(route, body)
        documents = self.taken[-1]["documents"]
        bad = [document for document in documents if "BAD" in document["content"]]
        counts = dict.fromkeys(("updated", "unchanged", "removed"), 0)
        counts |= {"total": len(documents), "added": len(documents) - len(bad), "failed": len(bad)}
        if route == f"GET /v1/admin/ingestions/i{len(self.taken)}/events":
            made = {"passages": 2, "counts": counts, "embedded": self.embedded}
            progress = {"status": "running", "done": 1, "total": 2, "per_second": 2.5, "remaining_s": 1.0}
            return 200, an_event("progress", progress | made) + an_event("done", {"status": "succeeded"} | made)
        rows = [
            {"uri": document["uri"], "outcome": "failed", "error": "bad front matter"}
            if document in bad
            else {"uri": document["uri"], "outcome": "added", "error": None}
            for document in documents
        ]
        if route.endswith("cursor=half"):
            return 200, {"items": rows[len(rows) // 2 :], "next_cursor": None}
        return 200, {"items": rows[: len(rows) // 2], "next_cursor": "half"}


PLAN: dict[str, Any] = {
    "documents": 2,
    "passages": 250,
    "inputs": 240,
    "calls": 3,
    "tokens": 50_000,
    "seconds": 120.0,
    "short_of": "cohere_calls_per_month",
    "resets_at": "2026-12-01T00:00:00Z",
}


def write_pages(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number}.md").write_text(f"# Page {number}")


@pytest.fixture
def ingesting_service() -> Iterator[IngestingService]:
    scripted = IngestingService()
    with scripted.running():
        yield scripted


class TestIngest:
    def test_a_folder_goes_in_as_one_request_and_the_summary_counts(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        (tmp_path / "b.md").write_text("# B – “ü”")
        (tmp_path / "a.txt").write_text("A")
        arguments = ("ingest", str(tmp_path), "--collection", "c", "--base-url", "https://x.test/", "--prune")
        result = ibid(ingesting_service, *arguments)
        assert ingesting_service.taken == [
            {
                "collection": "c",
                "prune": True,
                "base_url": "https://x.test/",
                "documents": [
                    {"uri": "a.txt", "content": "A", "format": "text"},
                    {"uri": "b.md", "content": "# B – “ü”", "format": "markdown"},
                ],
            }
        ]
        assert result.exit_code == 0
        assert result.stdout.startswith("c: 2 added, 0 updated, 0 unchanged, 0 removed, 0 failed in ")

    def test_failures_of_both_sides_are_told_with_their_reasons_and_fail_the_command(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        (tmp_path / "a.md").write_text("good")
        (tmp_path / "b.md").write_text("BAD")
        (tmp_path / "c.md").write_bytes(b"\xff")
        result = ibid(ingesting_service, "ingest", str(tmp_path), "--json")
        summary = json.loads(result.stdout)
        assert result.exit_code == 1
        assert summary["counts"] == {
            "total": 3, "added": 1, "updated": 0, "unchanged": 0, "removed": 0, "failed": 2,
        }  # fmt: skip
        assert {one["uri"]: one["error"] for one in summary["failures"]} == {
            "b.md": "bad front matter",
            "c.md": "it is not UTF-8 (byte 0xff at 0); save it as UTF-8",
        }
        shown = ibid(ingesting_service, "ingest", str(tmp_path)).stderr
        assert "  failed: b.md: bad front matter\n" in shown

    def test_what_became_of_each_document_is_told_when_asked_for(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        (tmp_path / "a.md").write_text("good")
        (tmp_path / "b.md").write_text("BAD")
        (tmp_path / "c.md").write_bytes(b"\xff")
        said = ibid(ingesting_service, "ingest", str(tmp_path), "--outcomes").stdout.splitlines()[1:]
        assert said == [
            "  failed: c.md: it is not UTF-8 (byte 0xff at 0); save it as UTF-8",
            "  added: a.md",
            "  failed: b.md: bad front matter",
        ]
        summary = json.loads(ibid(ingesting_service, "ingest", str(tmp_path), "--outcomes", "--json").stdout)
        assert [one["outcome"] for one in summary["documents"]] == ["failed", "added", "failed"]
        assert "documents" not in json.loads(ibid(ingesting_service, "ingest", str(tmp_path), "--json").stdout)

    def test_nothing_is_pruned_when_a_file_could_not_be_read(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        (tmp_path / "a.md").write_text("good")
        (tmp_path / "c.md").write_bytes(b"\xff")
        result = ibid(ingesting_service, "ingest", str(tmp_path), "--prune")
        assert [request["prune"] for request in ingesting_service.taken] == [False]
        assert "nothing was pruned" in result.stderr

    def test_what_a_provider_embedded_is_told_where_there_is_one(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        (tmp_path / "a.md").write_text("good")
        assert "embedded" not in ibid(ingesting_service, "ingest", str(tmp_path)).stdout
        assert json.loads(ibid(ingesting_service, "ingest", str(tmp_path), "--json").stdout)["embedded"] is None
        ingesting_service.embedded = {"calls": 3, "texts": 1_210, "reused": 15}
        said = ibid(ingesting_service, "ingest", str(tmp_path)).stdout.splitlines()[1:]
        assert said == ["  embedded: 1,210 texts in 3 calls, 15 reused"]
        summary = json.loads(ibid(ingesting_service, "ingest", str(tmp_path), "--json").stdout)
        assert summary["embedded"] == ingesting_service.embedded

    @pytest.mark.parametrize(("embedded", "calls"), [(None, False), ({"calls": 3, "texts": 2, "reused": 0}, True)])
    def test_the_bar_tells_the_calls_where_a_provider_embeds(
        self,
        ingesting_service: IngestingService,
        monkeypatch: pytest.MonkeyPatch,
        embedded: dict[str, int] | None,
        calls: bool,
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stderr", shown := Terminal())
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("TERM", "xterm")
        ingesting_service.embedded = embedded
        ingesting_service.taken.append({"documents": []})
        service = Service(ingesting_service.url, Secret(KEY), key_source="a test")
        with service, ingest_view.ingest_bar(2) as progress:
            ingesting.followed(service, "i1", lambda now: progress(now) if now.passages else None)
        assert "2 passages" in shown.getvalue()
        assert ("3 calls" in shown.getvalue()) is calls

    def test_when_no_file_could_be_read_nothing_is_sent(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        (tmp_path / "c.md").write_bytes(b"\xff")
        assert ibid(ingesting_service, "ingest", str(tmp_path)).exit_code == 1
        assert ingesting_service.taken == []

    def test_more_than_one_request_holds_is_split_but_not_pruned(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        for name in "abcdefghi":
            (tmp_path / f"{name}.txt").write_text("x" * 7_900_000)
        result = ibid(ingesting_service, "ingest", str(tmp_path), "--json")
        sizes = [sum(len(one["content"]) for one in request["documents"]) for request in ingesting_service.taken]
        assert len(sizes) == 2
        assert max(sizes) < ingesting.MAX_BODY_BYTES
        assert json.loads(result.stdout)["counts"]["added"] == 9
        refused = ibid(ingesting_service, "ingest", str(tmp_path), "--prune")
        assert refused.exit_code == 1
        assert refused.stderr.startswith("ibid: --prune needs all documents in one request")
        assert len(ingesting_service.taken) == 2

    def test_an_estimate_is_printed_and_nothing_is_ingested(
        self, ingesting_service: IngestingService, tmp_path: Path
    ) -> None:
        write_pages(tmp_path, 2)
        ingesting_service.replies["POST /v1/admin/ingestions/plan"] = (200, {"embedder": "embed-v4.0", "plan": PLAN})
        shown = ibid(ingesting_service, "ingest", str(tmp_path), "--estimate")
        assert shown.exit_code == 0
        assert "240 are to be embedded by embed-v4.0: 3 calls, some 50,000 tokens, at least 2 min" in shown.stdout
        assert "cohere_calls_per_month" in shown.stdout
        assert "2026-12-01" in shown.stdout
        told = json.loads(ibid(ingesting_service, "ingest", str(tmp_path), "--estimate", "--json").stdout)
        assert told == {"embedder": "embed-v4.0", "plan": PLAN}
        free = {"embedder": "wordllama-256", "plan": None}
        ingesting_service.replies["POST /v1/admin/ingestions/plan"] = (200, free)
        assert "costs nothing" in ibid(ingesting_service, "ingest", str(tmp_path), "--estimate").stdout
        assert ingesting_service.taken == []
        [body, *_] = ingesting_service.bodies("POST /v1/admin/ingestions/plan")
        assert [one["uri"] for one in body["documents"]] == ["0.md", "1.md"]

    def test_a_site_s_estimate_says_how_many_pages_and_how_long(self, ingesting_service: IngestingService) -> None:
        site = {"pages": 1_200, "read": 12, "complete": False, "seconds": 300.0}
        for plan, words in (
            (PLAN, ["12 of them were read and stand for all", "embedded by embed: 3 calls"]),
            (None, ["costs nothing"]),
        ):
            answer = {"embedder": "embed", "plan": plan, "site": site}
            ingesting_service.replies["POST /v1/admin/ingestions/plan"] = (200, answer)
            shown = ibid(ingesting_service, "ingest", "https://x.example/docs/", "--estimate", "--max-depth", "3")
            assert shown.exit_code == 0
            told = ["1,200 pages were found, and there are more", "at least 5 min to fetch", *words]
            assert [one for one in told if one not in shown.stdout] == []
            as_json = ibid(ingesting_service, "ingest", "https://x.example/docs/", "--estimate", "--json")
            assert json.loads(as_json.stdout) == answer
        assert ingesting_service.taken == []
        body = ingesting_service.bodies("POST /v1/admin/ingestions/plan")[0]
        assert (body["source"]["type"], body["source"]["max_depth"]) == ("url", 3)

    def test_a_reindex_s_estimate_reindexes_nothing(self, ingesting_service: IngestingService) -> None:
        path = "POST /v1/admin/collections/docs/reindex/plan"
        ingesting_service.replies[path] = (200, {"embedder": "embed-v4.0", "plan": PLAN, "site": None})
        shown = ibid(ingesting_service, "reindex", "docs", "--chunk-chars", "900", "--estimate")
        assert "240 are to be embedded by embed-v4.0: 3 calls" in shown.stdout
        assert "have changed" not in shown.stdout
        told = json.loads(ibid(ingesting_service, "reindex", "docs", "--estimate", "--json").stdout)
        assert told == {"embedder": "embed-v4.0", "plan": PLAN}
        assert list(ingesting_service.bodies(path)) == [{"chunk_chars": 900}, {}]

    def test_a_large_run_says_first_what_it_will_buy(self, ingesting_service: IngestingService, tmp_path: Path) -> None:
        write_pages(tmp_path, 100)
        ingesting_service.replies["POST /v1/admin/ingestions/plan"] = (200, {"embedder": "embed-v4.0", "plan": PLAN})
        result = ibid(ingesting_service, "ingest", str(tmp_path))
        assert "some 50,000 tokens" in result.stderr
        assert len(ingesting_service.taken) == 1  # nobody looks on who could be asked

    @pytest.mark.parametrize(("said", "goes_on"), [("n\n", False), ("y\n", True)])
    def test_who_looks_on_is_asked_before_a_plan_is_used_up(
        self, monkeypatch: pytest.MonkeyPatch, said: str, goes_on: bool
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal(said))
        monkeypatch.setattr("sys.stderr", Terminal())
        found = ingest_estimate.Estimate("embed-v4.0", True, **PLAN)
        with nullcontext() if goes_on else pytest.raises(click.Abort):
            ingest_estimate.warn_of(found, asking=True)
        ingest_estimate.warn_of(found, asking=False)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("https://x.test/docs", "--base-url", "https://x.test/"), "--base-url is for a PATH"),
            ((".", "--max-pages", "3"), "--max-pages is for a URL"),
            (("nowhere",), "no file or folder"),
            ((".", "--collection", "Not A Slug"), "'Not A Slug' must be"),
            ((".", "--base-url", "x.test"), "'x.test' must begin with"),
        ],
    )
    def test_bad_usage_is_told_before_anything_is_sent(
        self, ingesting_service: IngestingService, arguments: tuple[str, ...], words: str
    ) -> None:
        result = ibid(ingesting_service, "ingest", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
        assert ingesting_service.requests == []


class TestFailures:
    def test_the_services_own_words_are_shown_with_the_way_out(self, service: ScriptedService) -> None:
        problem = a_problem(404, "collection_not_found", "no collection 'x' that you may see")
        service.replies["POST /v1/search"] = (404, problem)
        result = ibid(service, "search", "pin", "--collection", "x")
        assert result.exit_code == 1
        assert result.stderr == (
            "ibid: no collection 'x' that you may see; fill it with 'ibid ingest PATH --collection NAME'\n"
        )

    def test_a_busy_service_says_when_to_come_back(self, service: ScriptedService) -> None:
        service.replies["POST /v1/search"] = (503, a_problem(503, "port_unavailable", "database: did not answer"))
        service.headers["Retry-After"] = "5"
        assert ibid(service, "search", "pin").stderr == "ibid: database: did not answer; try again in 5 s\n"

    def test_a_wrong_key_is_named_by_where_it_came_from_and_never_shown(self, service: ScriptedService) -> None:
        result = ibid(service, "search", "pin", IBID_API_KEY="ibid_wrong")
        assert result.exit_code == 1
        assert result.stderr == f"ibid: the service at {service.url} refused the key; check IBID_API_KEY\n"

    def test_a_stranger_at_the_address_is_recognised(self, service: ScriptedService) -> None:
        service.replies["POST /v1/search"] = (502, ["<html>"])
        assert "not as an Ibid service does; check IBID_URL" in ibid(service, "search", "pin").stderr

    def test_an_address_where_nothing_answers_is_named(self, service: ScriptedService) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            result = ibid(service, "search", "pin", IBID_URL=url)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"ibid: no service answers at {url} (")
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("setting", "value", "words"),
        [
            ("IBID_PORT", "http", "IBID_PORT must be a whole number"),
            ("IBID_PROT", "1", "IBID_PROT is not a setting"),
            ("IBID_API_KEY", "", "IBID_URL is set and IBID_API_KEY is not"),
            ("IBID_API_KEY", "schlüssel", "IBID_API_KEY holds characters that no key has"),
        ],
    )
    def test_a_bad_setting_is_one_line(self, service: ScriptedService, setting: str, value: str, words: str) -> None:
        result = ibid(service, "search", "pin", **{setting: value})
        assert result.exit_code == 1
        assert result.stderr.startswith(f"ibid: {words}")
        assert result.stderr.count("\n") == 1


class TestWhichService:
    def announced(self, service: ScriptedService, data_dir: Path, pid: int) -> dict[str, str | None]:
        (data_dir / "server.json").write_text(json.dumps({"url": service.url, "pid": pid}))
        (data_dir / "admin-key").write_text(KEY + "\n")
        return {"IBID_URL": None, "IBID_API_KEY": None, "IBID_DATA_DIR": str(data_dir)}

    def test_the_one_that_runs_on_the_data_directory_is_found_with_the_kept_key(
        self, service: ScriptedService, tmp_path: Path
    ) -> None:
        answering(service, a_turn(), "Use two equals signs [1].")
        result = ibid(service, "ask", "How do I pin?", **self.announced(service, tmp_path, os.getpid()))
        assert result.exit_code == 0
        assert result.stdout.startswith("Use two equals signs [1].\n")

    def test_a_named_one_goes_before_it(self, service: ScriptedService, tmp_path: Path) -> None:
        other = ScriptedService()
        environment = self.announced(other, tmp_path, os.getpid()) | {"IBID_URL": service.url, "IBID_API_KEY": KEY}
        answering(service, a_turn(), "Use two equals signs [1].")
        assert ibid(service, "ask", "How do I pin?", **environment).exit_code == 0

    def test_a_missing_key_is_named_by_its_file(self, service: ScriptedService, tmp_path: Path) -> None:
        environment = self.announced(service, tmp_path, os.getpid())
        (tmp_path / "admin-key").unlink()
        result = ibid(service, "ask", "How do I pin?", **environment)
        assert result.exit_code == 1
        assert f"there is no key in {tmp_path / 'admin-key'}" in result.stderr


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_does_not_answer_is_one_line_without_its_password(command: str, tmp_path: Path) -> None:
    result = run(
        f"from entrypoints.cli import main; main([{command!r}])",
        DATABASE_URL="postgresql://ibid:a-secret-password@127.0.0.1:1/ibid",
        IBID_ADMIN_KEY="an-admin-key-of-24-characters",
        IBID_DATA_DIR=str(tmp_path / "data"),
        IBID_PORT="0",
    )
    assert result.returncode == 1
    assert result.stderr == "ibid: database: did not answer; check DATABASE_URL, or try again\n"


def test_migrating_says_so_and_again_changes_nothing(migrated_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": migrated_url, "IBID_ADMIN_KEY": "an-admin-key-of-24-characters"}
    for arguments, said in ((["migrate"], "The database's schema is up to date.\n"), (["migrate", "--json"], None)):
        code = f"from entrypoints.cli import main; main({arguments!r})"
        result = run(code, IBID_DATA_DIR=str(tmp_path / "data"), **settings)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == said if said else json.loads(result.stdout) == {"up_to_date": True}


LOADED = "import sys; loaded = {name.partition('.')[0] for name in sys.modules}; print(sorted(loaded & %r))"


def test_asking_a_running_service_loads_no_server(service: ScriptedService) -> None:
    answering(service, a_turn(), "Use two equals signs [1].")
    code = f"""
from entrypoints.cli import main
try:
    main(["ask", "How do I pin?"])
except SystemExit as left:
    assert left.code == 0, left.code
{LOADED % {"adapters", "application", "litestar", "uvicorn", "sqlalchemy", "numpy", "dependency_injector"}}
"""
    result = run(code, IBID_URL=service.url, IBID_API_KEY=KEY)
    assert result.stdout.splitlines()[-1] == "[]", result.stderr


def test_help_loads_neither_http_nor_rendering() -> None:
    code = f"""
from entrypoints.cli import main
try:
    main(["--help"])
except SystemExit as left:
    assert left.code == 0
{LOADED % {"adapters", "domain", "httpx", "rich", "litestar", "msgspec"}}
"""
    assert run(code).stdout.splitlines()[-1] == "[]"


def test_a_reader_that_goes_away_is_no_traceback(service: ScriptedService) -> None:
    long = [an_evidence(1, text="word " * 2_000)] * 50
    service.replies["POST /v1/search"] = (200, {"passages": long, "degraded": [], "timings_ms": {}})
    code = "from entrypoints.cli import main; main(['search', 'pin', '--json'])"
    piped = subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -c "{code}" | head -c 10'],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "IBID_URL": service.url, "IBID_API_KEY": KEY},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert len(piped.stdout) == 10
    assert piped.stderr == b""
