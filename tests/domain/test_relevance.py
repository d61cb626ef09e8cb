from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from adapters.bm25.analyzer import SnowballAnalyzer
from domain.retrieval.model import FusedHit
from domain.retrieval.relevance import relevance

ANALYZER = SnowballAnalyzer()
QUESTION = "How do I pin a dependency?"
TEXT = "To pin a dependency, write its exact version. Bread is baked at night."
SCORES = st.none() | st.floats(-1, 1)


def scored(
    text: str = TEXT, *, dense: float | None = 0.3, sparse: float | None = 4.0, headings: tuple[str, ...] = ()
) -> float:
    hit = FusedHit(uuid4(), 0.5, dense, sparse)
    return relevance(QUESTION, text, headings, hit, analyzer=ANALYZER, language="en")


@given(st.text(max_size=80), st.text(max_size=80), SCORES, st.none() | st.floats(0, 1e6))
def test_relevance_is_a_chance(question: str, text: str, dense: float | None, sparse: float | None) -> None:
    hit = FusedHit(uuid4(), 0.0, dense, sparse)
    assert 0.0 <= relevance(question, text, (), hit, analyzer=ANALYZER, language="en") <= 1.0


def test_likeness_of_the_vectors_counts() -> None:
    assert scored(dense=0.1) < scored(dense=0.6)


def test_a_passage_that_the_dense_half_missed_is_taken_for_unlike() -> None:
    assert scored(dense=None) == scored(dense=0.0) < scored(dense=0.3)


def test_bm25_scores_which_grow_with_the_collection_decide_nothing() -> None:
    assert scored(sparse=1.0) == scored(sparse=90.0)


def test_sharing_the_questions_words_counts() -> None:
    assert scored("Bread is baked at night.") < scored(TEXT)


def test_words_close_together_count_more_than_scattered_ones() -> None:
    between = "Bread is baked at night, doors open early, and all the town buys rolls. " * 3
    scattered = f"A pin is small. {between} The dependency is old."
    assert scored(scattered) < scored(f"A pin is small. The dependency is old. {between}")


def test_a_heading_lends_its_words_to_the_passage() -> None:
    assert scored("Write its exact version.") < scored("Write its exact version.", headings=("Pin a dependency",))


def test_without_vectors_words_decide() -> None:
    hit = FusedHit(uuid4(), 0.5, None, 9.0)
    apart, together = (
        relevance(QUESTION, text, (), hit, analyzer=ANALYZER, language="en", dense_asked=False)
        for text in ("Bread is baked at night.", TEXT)
    )
    assert apart < 0.05
    assert together > 0.5


def test_a_passage_on_another_subject_is_unlikely_to_answer() -> None:
    assert scored("Bread is baked at night.", dense=0.05, sparse=None) < 0.05
    assert scored(dense=0.5, sparse=9.0) > 0.5
