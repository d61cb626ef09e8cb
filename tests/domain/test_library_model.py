"""What a caller's document must be before it is taken."""

import pytest

from domain.errors import BlankQuestion, ForbiddenCharacter, OutOfRange, TextTooLong
from domain.library.model import MAX_DOCUMENT_CHARS, MAX_URI_CHARS, Format, SourceDocument


def test_a_document_keeps_its_content_untouched_and_trims_its_name() -> None:
    source = SourceDocument.checked(" a.md ", "  text\n", Format.TEXT, title=" A ")

    assert (source.uri, source.content, source.title) == ("a.md", "  text\n", "A")


@pytest.mark.parametrize(
    ("values", "error", "field"),
    [
        ({"uri": " "}, BlankQuestion, "documents[2].uri"),
        ({"uri": "u" * (MAX_URI_CHARS + 1)}, TextTooLong, "documents[2].uri"),
        ({"uri": "a\x00b"}, ForbiddenCharacter, "documents[2].uri"),
        ({"content": "a\x00b"}, ForbiddenCharacter, "documents[2].content"),
        ({"content": "half \ud83d of an emoji"}, ForbiddenCharacter, "documents[2].content"),
        ({"content": "x" * (MAX_DOCUMENT_CHARS + 1)}, TextTooLong, "documents[2].content"),
        ({"title": "\t"}, BlankQuestion, "documents[2].title"),
        ({"url": "javascript:alert(1)"}, OutOfRange, "documents[2].url"),
        ({"metadata": {"lang": "e\x00n"}}, ForbiddenCharacter, "documents[2].metadata"),
        ({"metadata": {"authors": [{"name": "\udc00"}]}}, ForbiddenCharacter, "documents[2].metadata"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_the_name_of_its_field(
    values: dict[str, object], error: type[Exception], field: str
) -> None:
    given = {"uri": "a.md", "content": "text", **values}

    with pytest.raises(error) as refused:
        SourceDocument.checked(format=Format.TEXT, at="documents[2]", **given)  # type: ignore[arg-type]  # bad on purpose

    assert getattr(refused.value, "field", None) == field
