"""Answers that models have written, for the same question over the same evidence by the same models and rights."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

MAX_ANSWERS: Final = 1_000
MAX_CHARS: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    text: str
    model: str


@dataclass(slots=True)
class AnswerCache:
    """The latest answers, in this process's memory: at most 1,000 and 4 million characters of them."""

    _kept: OrderedDict[bytes, KeptAnswer] = field(default_factory=OrderedDict)
    _chars: int = 0

    def get(self, key: bytes) -> KeptAnswer | None:
        if (answer := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return answer

    def put(self, key: bytes, answer: KeptAnswer) -> None:
        if (before := self._kept.pop(key, None)) is not None:
            self._chars -= len(before.text)
        self._kept[key] = answer
        self._chars += len(answer.text)
        while len(self._kept) > MAX_ANSWERS or self._chars > MAX_CHARS:
            _, oldest = self._kept.popitem(last=False)
            self._chars -= len(oldest.text)


def cache_key(*parts: Iterable[str]) -> bytes:
    """A key of some lists of texts: equal lists, in the same order, give the same key, and no others do."""
    pieces: list[bytes] = []
    for part in parts:
        texts = [text.encode("utf-8", "surrogatepass") for text in part]
        pieces.append(b"%d;" % len(texts))
        for text in texts:
            pieces += (b"%d:" % len(text), text)
    return sha256(b"".join(pieces)).digest()
