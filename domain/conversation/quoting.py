"""How a document's text stands in a prompt: between lines that no document can write."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

KEY_CHARS: Final = 12


def quotation_key(texts: Iterable[str]) -> str:
    """
    What the lines between quotations carry: a hash of everything that is quoted.

    No document can know it: a text that held its own key would change it. And the same prompt is the same text each
    time.
    """
    digest = blake2b(digest_size=KEY_CHARS // 2)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
