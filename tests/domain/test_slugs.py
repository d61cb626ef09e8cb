import pytest

from domain.library.slugs import Slugs, slug, split_explicit_id, without_directives


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("I ♥ unicode", "i--unicode"),
        ("Dash-dash", "dash-dash"),
        ("en–dash", "endash"),
        ("😄_😄 emoji", "_-emoji"),
        ("C++ & D", "c--d"),
        ("getState()", "getstate"),
        ("Straße und Äpfel", "straße-und-äpfel"),
        ("日本語の見出し", "日本語の見出し"),
        ("İstanbul ΣΑΣ", "i̇stanbul-σας"),
        ("x² ½ Ⅷ ⓐ ٣", "x--ⅷ-ⓐ-٣"),
        ("no\u00a0break", "nobreak"),
        ("two\nlines", "twolines"),
        ("a  b", "a--b"),
    ],
)
def test_a_slug_keeps_letters_marks_digits_and_hyphens_of_any_script(heading: str, expected: str) -> None:
    assert slug(heading) == expected


def test_a_repeated_slug_is_numbered_until_it_is_new() -> None:
    slugs = Slugs()
    assert [slugs.unique(text) for text in ("B", "B", "B-1", "B", "b-1-1")] == ["b", "b-1", "b-1-1", "b-2", "b-1-1-1"]


def test_an_explicit_id_wins_and_reserves_nothing() -> None:
    slugs = Slugs()
    anchors = [slugs.heading_anchor(text, level=2) for text in ("A {#b}", "B", "C {#b}", "B")]
    assert anchors == ["b", "b", "b", "b-1"]


def test_an_id_from_a_comment_wins_over_one_in_the_text() -> None:
    assert Slugs().heading_anchor("A {#text}", level=2, explicit="comment") == "comment"


def test_a_level_1_heading_has_no_anchor_and_uses_its_slug_up() -> None:
    slugs = Slugs()
    assert slugs.heading_anchor("Same", level=1) is None
    assert slugs.heading_anchor("Same", level=2) == "same-1"


def test_only_the_first_heading_with_an_empty_slug_has_no_anchor() -> None:
    slugs = Slugs()
    assert [slugs.heading_anchor(text, level=2) for text in ("", "!!!", "?")] == [None, "-1", "-2"]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Heading {#own_Id}", ("Heading", "own_Id")),
        ("{#only}", ("", "only")),
        ("{#not} at the end", ("{#not} at the end", None)),
        ("{#a} b {#c}", ("{#a} b", "c")),
        ("braces {x}", ("braces {x}", None)),
        ("empty {#}", ("empty {#}", None)),
    ],
)
def test_an_explicit_id_stands_at_the_end(heading: str, expected: tuple[str, str | None]) -> None:
    assert split_explicit_id(heading) == expected


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("aria:label", "aria"),
        ("Foo :bar[baz qux] x", "Foo baz qux x"),
        ("x :y{a=1} z", "x  z"),
        ("10:30 time", "10:30 time"),
        ("a: b", "a: b"),
        ("std::vector", "std::vector"),
        (":ok_hand: Single", ":ok_hand: Single"),
        ("http://x.com/y:foo", "http://x.com/y:foo"),
    ],
)
def test_a_text_directive_counts_only_by_its_label(heading: str, expected: str) -> None:
    assert without_directives(heading) == expected
