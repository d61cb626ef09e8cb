"""``ibid eval`` against a scripted service, and once against a fresh real one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from adapters.formats.by_format import FormatParser
from domain.library.model import Format, SourceDocument
from entrypoints.cli import main
from tests.scripted_service import CONVERSATION_ID, KEY, ScriptedService, a_problem, a_turn, an_evidence

GUIDE: Final = Path(__file__).parents[2] / "docs" / "guide"
RELEVANT: Final = "guides/pinning.md#exact-versions"


class EvaluatedService(ScriptedService):
    """Answers what it was told to, refuses questions about the moon, fails on those that say so."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0
        self.found = [an_evidence(1)]

    def reply(self, route: str, body: Any) -> tuple[int, Any]:
        if route == "POST /v1/search":
            return 200, {"passages": self.found, "degraded": [], "timings_ms": {}}
        if self.busy:
            self.busy -= 1
            self.headers["Retry-After"] = "0"
            return 429, a_problem(429, "rate_limited", "too many questions")
        if "BROKEN" in body["question"]:
            return 503, a_problem(503, "unavailable", "the database did not answer")
        if "moon" in body["question"]:
            abstention = {"reason": "insufficient_evidence", "message": "No.", "closest": []}
            return 200, a_turn("", status="abstained", abstention=abstention, evidence=[])
        return 200, a_turn(standalone_question="How do I pin a version?")


@pytest.fixture
def service() -> Iterator[EvaluatedService]:
    scripted = EvaluatedService()
    with scripted.running():
        yield scripted


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return written(
        tmp_path / "gold.jsonl",
        {"question": "How do I pin?", "relevant": [RELEVANT], "expected": ["equals"]},
        {"question": "How far is the moon?", "answerable": False},
    )


def written(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


def evaluated(service: ScriptedService, *arguments: str | Path) -> Result:
    settings = {"IBID_URL": service.url, "IBID_API_KEY": KEY, "COLUMNS": "80"}
    return CliRunner().invoke(main, ["eval", *map(str, arguments)], env=settings)


def test_the_figures_of_every_question_are_printed_as_json(service: EvaluatedService, gold: Path) -> None:
    result = evaluated(service, gold, "--json", "--k", "3")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (report["n"], report["k"], report["missed"]) == (2, 3, [])
    expected = {
        "recall": 1, "ndcg": 1, "mrr": 1, "citation_precision": 1, "citation_recall": 1, "expected_found": 1,
        "supported_share": 1, "false_refusal": 0, "missed_refusal": 0, "failed": 0,
    }  # fmt: skip
    assert {name: report["metrics"][name] for name in expected} == expected
    assert [one["status"] for one in report["results"]] == ["answered", "abstained"]


def test_the_search_is_for_the_standalone_question_among_k_passages(service: EvaluatedService, gold: Path) -> None:
    evaluated(service, gold, "--k", "3", "--collection", "docs")
    assert service.bodies("POST /v1/search") == [
        {"query": "How do I pin a version?", "collections": ["docs"], "limit": 3}
    ]


def test_the_history_is_asked_first_in_the_same_conversation(service: EvaluatedService, tmp_path: Path) -> None:
    evaluated(service, written(tmp_path / "g", {"question": "And then?", "history": ["First?", "Second?"]}))
    asked = service.bodies("POST /v1/ask")
    assert [body["question"] for body in asked] == ["First?", "Second?", "And then?"]
    assert [body.get("conversation_id") for body in asked] == [None, CONVERSATION_ID, CONVERSATION_ID]


def test_a_table_for_people_fits_80_columns(service: EvaluatedService, gold: Path) -> None:
    result = evaluated(service, gold)
    assert "citation_precision" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_missed_bar_exits_with_3_and_says_which(service: EvaluatedService, gold: Path) -> None:
    service.found = [an_evidence(1, section={"anchor": "elsewhere", "heading_path": [], "page": None, "url": None})]
    result = evaluated(service, gold, "--min", "recall=.8", "--max", "missed_refusal=0")
    assert result.exit_code == 3
    assert result.stderr == "ibid: a bar was missed: recall is 0, and must be at least 0.8\n"


def test_a_bar_on_what_nothing_measures_is_missed(service: EvaluatedService, tmp_path: Path) -> None:
    result = evaluated(service, written(tmp_path / "g", {"question": "How do I pin?"}), "--min", "recall=.1")
    assert result.exit_code == 3


def test_a_failed_question_stops_no_other_and_fails_the_command(service: EvaluatedService, tmp_path: Path) -> None:
    result = evaluated(service, written(tmp_path / "g", {"question": "BROKEN"}, {"question": "Moon, or moon?"}))
    assert result.exit_code == 1
    assert "failed: BROKEN: the database did not answer" in result.stderr
    assert "latency_ms" in result.stdout


def test_a_busy_service_is_asked_again_when_it_says(service: EvaluatedService, gold: Path) -> None:
    service.busy = 2
    assert evaluated(service, gold, "--jobs", "1").exit_code == 0


def test_a_run_is_compared_with_a_kept_one(service: EvaluatedService, gold: Path, tmp_path: Path) -> None:
    kept = tmp_path / "run.json"
    assert evaluated(service, gold, "--save", kept).exit_code == 0
    service.found = []
    result = evaluated(service, gold, "--against", kept, "--not-worse", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 3
    assert report["against"]["recall"] == {"change": -1.0, "low": -1.0, "high": -1.0}
    assert {line.split()[0] for line in report["missed"]} == {"recall", "ndcg", "mrr"}
    table = evaluated(service, gold, "--against", kept).stdout
    assert max(map(len, table.splitlines())) <= 80
    assert "-1 *" in table


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"question": 3}', "line 2: Expected `str`, got `int` - at `$.question`"),
        ('{"question": "x", "relevent": []}', "line 2: Object contains unknown field `relevent`"),
        ('{"question": " "}', "line 2: question: must not be blank"),
        ('{"question": "x"', "line 2: Input data was truncated"),
        ('{"question": "x", "answerable": false, "relevant": ["a"]}', "line 2: answerable: is false, and yet"),
        ('{"question": "x", "collections": ["A B"]}', "line 2: collections: must be"),
        ('{"question": "first"}', "line 2: the same question, or id, stands on an earlier line"),
    ],
)
def test_a_bad_line_is_one_line_of_error_before_anything_is_asked(
    service: EvaluatedService, tmp_path: Path, line: str, words: str
) -> None:
    result = evaluated(service, written(tmp_path / "g", {"question": "first"}, line))
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert service.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either a gold file or --claims"),
        (("{gold}", "--claims", "{gold}"), "give either a gold file or --claims"),
        (("nowhere.jsonl",), "cannot be read"),
        (("{gold}", "--min", "beauty=1"), "'beauty' is no figure"),
        (("{gold}", "--min", "recall"), "must be a figure, '=' and a number"),
        (("{gold}", "--not-worse"), "give --against FILE"),
        (("{gold}", "--against", "{gold}"), "is no run that --save wrote"),
        (("{gold}", "--documents", ".", "--collection", "docs"), "leave --collection out"),
    ],
)
def test_bad_usage_is_told_before_anything_is_asked(
    service: EvaluatedService, gold: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = evaluated(service, *(one.replace("{gold}", str(gold)) for one in arguments))
    assert result.exit_code == 2
    assert words in result.stderr
    assert service.requests == []


def test_labelled_claims_are_judged_without_a_service(service: EvaluatedService, tmp_path: Path) -> None:
    source = "The engine has four cylinders and weighs 90 kilograms."
    claims = written(
        tmp_path / "claims",
        {"claim": source, "evidence": ["Nothing of the kind.", source], "label": "supported", "source": "made up"},
        {"claim": "Bananas ripen in Norway.", "evidence": [source], "label": "unsupported"},
        {"claim": "Paris is a town.", "evidence": [], "label": "partial"},
    )
    result = evaluated(service, "--claims", claims, "--json", "--min", "auroc=.9")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report.keys() >= {"n", "auroc", "f1", "precision", "recall", "accuracy", "threshold", "ece"}
    assert (report["n"], report["auroc"], report["f1"]) == (3, 1.0, 1.0)
    assert service.requests == []
    assert evaluated(service, "--claims", claims, "--min", "auroc=1.1").exit_code == 3


def test_every_place_that_the_manual_s_gold_file_names_is_in_the_manual() -> None:
    anchors = set()
    for page in GUIDE.glob("*.md"):
        parsed = FormatParser().parse(SourceDocument(page.name, page.read_text(), Format.MARKDOWN))
        anchors |= {f"{page.name}#{section.anchor}" for section in parsed.sections}
    named = [json.loads(line) for line in (GUIDE / "gold.jsonl").read_text().splitlines()]
    assert [place for line in named for place in line.get("relevant", ()) if place not in anchors] == []


@pytest.mark.long
def test_the_manual_is_found_in_a_fresh_service_that_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBID_DATA_DIR", str(tmp_path / "operator"))
    # Neither of these is there: asking them would fail.
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/operator")
    monkeypatch.setenv("QDRANT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("IBID_ADMIN_KEY", "the-key-of-the-operator-s-service")
    arguments = ["eval", str(GUIDE / "gold.jsonl"), "--documents", str(GUIDE), "--json", "--min", "recall=.6"]
    result = CliRunner().invoke(main, arguments)
    report = json.loads(result.stdout)
    assert result.exit_code == 0, result.stderr
    assert report["metrics"]["missed_refusal"] <= 0.2
    assert not (tmp_path / "operator").exists()
