import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.grounding.calibration import SUPPORTED_CHANCE, UNSUPPORTED_CHANCE
from domain.grounding.copying import is_copied
from domain.grounding.figures import Figure, figures, missing_figures
from domain.grounding.model import Claim, Verdict
from domain.grounding.ports import CitedText
from domain.grounding.reader import AnswerReader
from domain.grounding.verdicts import judge, judgement
from tests.builders import an_evidence

ANALYZER = SnowballAnalyzer()
TEXT = (
    "Cats chase dogs in the park. The plan costs 20 dollars per month. Google acquired YouTube in 2006 for 1.65 "
    "billion dollars. The API does not support batching. The cache may improve latency. Some users export their "
    "invoices. Uploads grow from 5 GB to 10 GB. Der Server speichert Daten."
)


def judged(answer: str, *texts: str, language: str = "en") -> Claim | None:
    evidence = [an_evidence(n, text=text) for n, text in enumerate(texts or (TEXT,), 1)]
    reader = AnswerReader(len(evidence))
    sentences = [*reader.feed(answer).sentences, *reader.finish().sentences]
    assert len(sentences) == 1
    return judge(sentences[0], 3, evidence, analyzer=ANALYZER, language=language)


def verdict(answer: str, *texts: str, language: str = "en") -> Verdict:
    claim = judged(answer, *texts, language=language)
    assert claim is not None
    return claim.verdict


@pytest.mark.parametrize(
    "answer",
    [
        "“The plan costs 20 dollars per month.” [1]",
        "The plan costs 20 dollars per month [1].",
        "In 2006, Google acquired YouTube for 1.65 billion dollars [1].",
        "Per month the plan costs $20 [1].",
        "The cache may improve latency [1].",
    ],
)
def test_the_sources_own_words_support(answer: str) -> None:
    assert verdict(answer) is Verdict.SUPPORTED


@pytest.mark.parametrize(
    "answer",
    [
        "Dogs chase cats in the park [1].",
        "YouTube acquired Google in 2006 [1].",
        "Google was acquired by YouTube in 2006 [1].",
        "The cache improves latency [1].",
        "All users export their invoices [1].",
        "Google bought YouTube in 2006 [1].",
        "Uploads grow from 10 GB to 5 GB [1].",
    ],
)
def test_what_words_cannot_tell_is_partial(answer: str) -> None:
    assert verdict(answer) is Verdict.PARTIAL


@pytest.mark.parametrize(
    "answer",
    [
        "The plan costs 30 dollars per month [1].",
        "The plan costs 20 euros per month [1].",
        "The API supports batching [1].",
        "The plan does not cost 20 dollars per month [1].",
        "Bananas ripen quickly in warm kitchens [1].",
    ],
)
def test_another_figure_a_denial_or_another_subject_is_unsupported(answer: str) -> None:
    claim = judged(answer)
    assert claim is not None
    assert claim.verdict is Verdict.UNSUPPORTED
    assert claim.score < UNSUPPORTED_CHANCE


@pytest.mark.parametrize("fragment", ["support batching", "The API does support batching"])
def test_a_fragment_without_its_negation_is_not_supported(fragment: str) -> None:
    assert verdict(f"“{fragment}.” [1]") is not Verdict.SUPPORTED


MARS = (
    "The rover landed in Jezero crater on 18 February 2021. Its drill took 24 samples of rock, most of them from the "
    "old river delta. A helicopter that it had carried flew 72 times before a rotor broke."
)


@pytest.mark.parametrize(
    "answer",
    [
        "The rover landed in Jezero crater, in February of 2021 [1].",
        "The helicopter flew 72 times until its rotor broke [1].",
        "The drill of the rover took samples of rock from an old delta [1].",
    ],
)
def test_a_close_paraphrase_is_supported(answer: str) -> None:
    assert verdict(answer, MARS) is Verdict.SUPPORTED


@pytest.mark.parametrize(
    "answer",
    [
        "The rover landed in Gale crater on 18 February 2021 [1].",
        "The rover landed in Jezero crater on 18 February 2020 [1].",
        "Its drill took 42 samples of rock, most of them from the old river delta [1].",
        "Its drill took 24 samples of sand, most of them from the old river delta [1].",
        "A helicopter that it had carried flew 72 times after a rotor broke [1].",
        "A helicopter that it had carried never flew 72 times before a rotor broke [1].",
    ],
)
def test_a_reworked_sentence_with_one_word_wrong_is_not_supported(answer: str) -> None:
    assert verdict(answer, MARS) in {Verdict.PARTIAL, Verdict.UNSUPPORTED}


@pytest.mark.parametrize("answer", ["Cats chase dogs in the park [1].", "The cache improves latency [1].", "Bees [1]."])
def test_the_verdict_follows_the_score(answer: str) -> None:
    claim = judged(answer)
    assert claim is not None
    bars = {Verdict.SUPPORTED: SUPPORTED_CHANCE, Verdict.PARTIAL: UNSUPPORTED_CHANCE, Verdict.UNSUPPORTED: 0.0}
    assert bars[claim.verdict] == max(bar for bar in bars.values() if claim.score >= bar)


def test_a_sentence_that_only_asks_supports_less_than_one_that_says() -> None:
    claim = "Vitamin D lowers the risk of falls [1]."
    asks = judged(claim, "We wanted to determine whether vitamin D supplements lower the risk of falls in old age.")
    says = judged(claim, "We conclude that vitamin D supplements lower the risk of falls in old age.")
    assert asks is not None
    assert says is not None
    assert asks.score < says.score


def test_more_and_less_exchanged_beside_the_same_words_tell_against_a_claim() -> None:
    source = "Mice without the gene showed a markedly increased uptake of sugar in muscle and liver."
    same = judged("Without the gene, uptake of sugar in muscle is increased in mice [1].", source)
    turned = judged("Without the gene, uptake of sugar in muscle is reduced in mice [1].", source)
    assert same is not None
    assert turned is not None
    assert turned.score < same.score


@given(st.text(max_size=80), st.lists(st.text(max_size=120), min_size=1, max_size=3))
def test_any_claim_and_any_texts_get_a_verdict_and_a_chance(claim: str, texts: list[str]) -> None:
    found = judgement(claim, [CitedText(text) for text in texts], analyzer=ANALYZER, language="en")
    assert found.verdict is not Verdict.UNCITED
    assert 0 <= found.score <= 1


def test_a_claim_without_a_marker_is_uncited() -> None:
    claim = judged("The plan costs 20 dollars per month.")
    assert claim is not None
    assert (claim.verdict, claim.score, claim.citations) == (Verdict.UNCITED, 0.0, ())


@pytest.mark.parametrize("marker", ["[1][9]", "[1, 7]", "[9] [1]", "[1-4]", "［1］［12］"])
def test_a_claim_that_names_evidence_that_there_is_not_is_marked(marker: str) -> None:
    claim = judged(f"The plan costs 20 dollars per month {marker}.")
    assert claim is not None
    assert claim.verdict is Verdict.PARTIAL
    assert claim.score < SUPPORTED_CHANCE


def test_only_the_sentence_that_names_it_is_marked() -> None:
    reader = AnswerReader(1)
    answer = "Cats chase dogs [1]. Dogs chase cats. [1][8] Birds sing [1]."
    sentences = [*reader.feed(answer).sentences, *reader.finish().sentences]
    assert [sentence.stray for sentence in sentences] == [False, True, False]


def test_a_question_is_judged_by_nobody() -> None:
    assert judged("What does the plan cost [1]?") is None


def test_only_the_cited_passage_counts() -> None:
    assert verdict("The plan costs 20 dollars per month [2].", TEXT, "Bread is baked here.") is Verdict.UNSUPPORTED


def test_two_cited_passages_count_together() -> None:
    claim = judged("Cats sleep at noon and dogs sleep at night [1][2].", "Cats sleep at noon.", "Dogs sleep at night.")
    assert claim is not None
    assert claim.verdict is Verdict.SUPPORTED
    assert [citation.evidence for citation in claim.citations] == [1, 2]


def test_a_claim_keeps_its_place_in_the_answer() -> None:
    claim = judged("Cats chase dogs in the park [1].")
    assert claim is not None
    assert (claim.index, claim.start, claim.end) == (3, 0, 32)


def test_scores_fall_as_more_of_the_claim_is_missing() -> None:
    scores = [
        claim.score
        for answer in (
            "Google acquired YouTube in 2006 [1].",
            "Google acquired Vimeo in 2006 [1].",
            "Apple sold Vimeo [1].",
        )
        if (claim := judged(answer))
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def test_twelve_words_in_a_row_without_quotation_marks_are_a_copy() -> None:
    source = "one two three four five six seven eight nine ten eleven twelve thirteen"
    assert is_copied("He says One two three four five six seven eight nine ten eleven twelve!", [source])
    assert not is_copied("one two three four five six seven eight nine ten eleven [1]", [source])
    assert not is_copied(f"“{source}” [1]", [source])


def test_vowel_signs_do_not_end_the_words_that_are_counted_as_copied() -> None:
    six, seven = "यह दिल्ली की पुरानी किताब है", "जो मेरी दादी ने मुझे दी थी"
    assert not is_copied(six, [six])
    assert is_copied(f"{six} {seven}", [f"{six} {seven}"])


def test_another_language_is_judged_by_its_words_alone() -> None:
    assert verdict("Daten speichert der Server nicht [1].", language="de") is not Verdict.SUPPORTED
    assert verdict("Der Server speichert Daten [1].", language="de") is Verdict.SUPPORTED
    assert verdict("猫は犬を追う [1]。", "猫は犬を追う。", language="ja") is Verdict.SUPPORTED


def test_figures_are_read_with_their_units() -> None:
    assert figures("1,200 MB, 3.5% and $20 in 2024") == [
        Figure("1200", "mb"), Figure("3.5", "%"), Figure("20", "usd"), Figure("2024", "")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "source", "missing"),
    [("about IL-6", "none", 0), ("the 3T3 line", "none", 0),
     ("5 GB", "up to 5 GB", 0), ("5 MB", "up to 5 GB", 1), ("3 cats", "three cats", 0), ("1000", "1,000 times", 0),
     ("10%", "10 percent", 0), ("7", "70 or 17", 1)],
)  # fmt: skip
def test_figures_must_agree_with_their_units(claim: str, source: str, missing: int) -> None:
    assert len(missing_figures(claim, source)[0]) == missing


@pytest.mark.parametrize(
    ("language", "source", "claim"),
    [
        ("de", "Die Frist kann zweimal verlängert werden.", "Die Frist kann nicht zweimal verlängert werden."),
        ("de", "Getränke sind im Lesesaal nicht erlaubt.", "Getränke sind im Lesesaal erlaubt."),
        ("de", "Kinder zahlen keine Gebühr.", "Kinder zahlen eine Gebühr."),
        ("es", "Las mangueras están permitidas en verano.", "Las mangueras no están permitidas en verano."),
        ("es", "No se deja comida para los gatos.", "Se deja comida para los gatos."),
        ("fr", "Les chiens entrent dans le jardin.", "Les chiens n'entrent jamais dans le jardin."),
        ("it", "I cani entrano nel giardino.", "I cani non entrano nel giardino."),
        ("pt", "Os cães entram no jardim.", "Os cães não entram no jardim."),
        ("nl", "Honden mogen de tuin in.", "Honden mogen de tuin niet in."),
    ],
)
def test_a_denial_is_seen_in_other_languages(language: str, source: str, claim: str) -> None:
    found = judgement(claim, [CitedText(source)], analyzer=ANALYZER, language=language)
    assert found.verdict is not Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("source", "claim"),
    [
        ("Der Umbau wird vielleicht im Mai abgeschlossen.", "Der Umbau wird im Mai abgeschlossen."),
        ("Der Umbau wird wahrscheinlich im Mai abgeschlossen.", "Der Umbau wird im Mai abgeschlossen."),
    ],
)
def test_a_doubt_that_the_claim_leaves_out_is_seen_in_german(source: str, claim: str) -> None:
    found = judgement(claim, [CitedText(source)], analyzer=ANALYZER, language="de")
    assert found.verdict is not Verdict.SUPPORTED


DAY = "The porter opens the door at eight in the morning. He rings the bell twice. He closes it again at ten."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("“The porter opens the door at eight in the morning. He rings the bell twice.” [1]", Verdict.SUPPORTED),
        ("“The porter opens the door at eight in the morning. Tigers sleep in boxes.” [1]", Verdict.UNSUPPORTED),
        ("“The porter opens the door at nine in the morning. He rings the bell twice.” [1]", Verdict.PARTIAL),
    ],
)
def test_a_quotation_of_several_sentences_is_as_true_as_the_least_of_them(answer: str, expected: Verdict) -> None:
    assert verdict(answer, DAY) is expected
