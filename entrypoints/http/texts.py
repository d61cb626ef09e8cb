"""
The kinds of text that requests hold, described for the API document.

They describe and do not check: the domain checks, after trimming, with a code for each fault. What is said here is what
it takes, so that a client generated from the document refuses the same.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from domain.access.model import MAX_KEY_NAME_CHARS
from domain.conversation.model import MAX_COMMENT_CHARS, MAX_GIVEN_TITLE_CHARS, MAX_QUESTION_CHARS
from domain.grounding.references import STYLES
from domain.library.model import (
    COLLECTION_NAME,
    LANGUAGE,
    MAX_DESCRIPTION_CHARS,
    MAX_DOCUMENT_CHARS,
    MAX_INSTRUCTIONS_CHARS,
    MAX_TITLE_CHARS,
    MAX_URI_CHARS,
    WEB_ADDRESS,
)

MAX_URL_CHARS: Final = 2_000
_SAYS_SOMETHING: Final = r"\S"
_SLUG_PATTERN: Final = f"^{COLLECTION_NAME.pattern}$"
_WEB: Final = f"^{WEB_ADDRESS.pattern}$"


def _text(limit: int, pattern: str = _SAYS_SOMETHING) -> Meta:
    return Meta(extra_json_schema={"minLength": 1, "maxLength": limit, "pattern": pattern})


QuestionText: TypeAlias = Annotated[str, _text(MAX_QUESTION_CHARS)]
Slug: TypeAlias = Annotated[str, _text(64, _SLUG_PATTERN)]
Uri: TypeAlias = Annotated[str, _text(MAX_URI_CHARS)]
DocumentTitle: TypeAlias = Annotated[str, _text(MAX_TITLE_CHARS)]
KeyName: TypeAlias = Annotated[str, _text(MAX_KEY_NAME_CHARS)]
WebAddress: TypeAlias = Annotated[str, _text(MAX_URL_CHARS, _WEB)]
BaseUrl: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_URL_CHARS, extra_json_schema={"pattern": _WEB})]
DocumentContent: TypeAlias = Annotated[
    str, Meta(description=f"At most {MAX_DOCUMENT_CHARS:,} characters; of a binary format, its bytes as base64")
]
CollectionTitle: TypeAlias = Annotated[str, _text(MAX_TITLE_CHARS)]
ConversationTitle: TypeAlias = Annotated[str, _text(MAX_GIVEN_TITLE_CHARS)]
Comment: TypeAlias = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_COMMENT_CHARS})]
Description: TypeAlias = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_DESCRIPTION_CHARS})]
Instructions: TypeAlias = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_INSTRUCTIONS_CHARS})]
Language: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": f"^{LANGUAGE.pattern}$"})]
CitationStyle: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": sorted(STYLES)})]
