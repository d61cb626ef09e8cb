"""Gold files: one JSON object a line, each checked before anything is asked."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

import click
import msgspec

from domain.errors import OutOfRange, Refused
from domain.evaluation.gold import GoldQuestion
from domain.library.model import collection_name
from domain.text import clean_text

T = TypeVar("T")
_MAX_CHARS = 4_000


class _GoldLine(msgspec.Struct, forbid_unknown_fields=True):
    question: str
    id: str | None = None
    history: list[str] = []
    relevant: list[str] = []
    answerable: bool = True
    expected: list[str] = []
    collections: list[str] = []


class LabelledClaim(msgspec.Struct, frozen=True):
    """A claim, the passages it cites, and whether they support it."""

    claim: str
    evidence: list[str]
    label: Literal["supported", "partial", "unsupported"]


def read_gold(path: Path) -> list[GoldQuestion]:
    """The questions of a file, in order. Raises UsageError with the file, the line and what is wrong there."""
    questions: dict[str, GoldQuestion] = {}
    for at, line in _decoded(path, _GoldLine):
        try:
            question = _question(line)
        except Refused as error:
            raise click.UsageError(f"{at}: {error.field}: {error.message}") from error
        if question.id in questions:
            raise click.UsageError(f"{at}: the same question, or id, stands on an earlier line")
        questions[question.id] = question
    return list(questions.values())


def read_claims(path: Path) -> list[LabelledClaim]:
    """The claims of a file, in order. Raises UsageError as ``read_gold`` does; other fields are passed over."""
    claims = []
    for at, line in _decoded(path, LabelledClaim):
        if not line.claim.strip():
            raise click.UsageError(f"{at}: claim: must not be blank")
        claims.append(line)
    return claims


def _decoded(path: Path, kind: type[T]) -> Iterator[tuple[str, T]]:
    """Each line that is not blank, with the words that say where it stands."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} is not UTF-8; save it as UTF-8") from error
    decoder = msgspec.json.Decoder(kind)
    empty = True
    # JSON may hold U+2028 and the like as they are, which ``splitlines`` would cut at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        at, empty = f"{path}, line {number}", False
        try:
            yield at, decoder.decode(line)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise click.UsageError(f"{at}: {error}") from error
    if empty:
        raise click.UsageError(f"{path} holds no line")


def _question(line: _GoldLine) -> GoldQuestion:
    """Raises a Refused that names the field."""
    question = clean_text(line.question, field="question", limit=_MAX_CHARS)
    history = tuple(clean_text(one, field="history", limit=_MAX_CHARS) for one in line.history)
    relevant = frozenset(clean_text(one, field="relevant", limit=_MAX_CHARS) for one in line.relevant)
    if relevant and not line.answerable:
        raise OutOfRange("answerable", "is false, and yet something is relevant; leave one of them out")
    return GoldQuestion(
        id=line.id or sha256("\0".join((*history, question)).encode()).hexdigest()[:16],
        question=question,
        history=history,
        relevant=relevant,
        answerable=line.answerable,
        expected=tuple(clean_text(one, field="expected", limit=_MAX_CHARS) for one in line.expected),
        collections=tuple(collection_name(one, field="collections") for one in line.collections),
    )
