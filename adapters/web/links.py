"""What an HTML page leads to, and which address it says is its own."""

from collections.abc import Iterator, Sequence
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from domain.library.web_addresses import WebAddress, web_address_of
from domain.library.web_sources import link_address

MAX_LINKS: Final = 5_000


def read_links(content: bytes, address: WebAddress) -> tuple[Sequence[str], str | None]:
    """The addresses that a page's links lead to, in order, each once, and its canonical address if it names one."""
    tree = LexborHTMLParser(content)
    base = _base(tree, address)
    found: dict[str, None] = {}
    for reference in _references(tree):
        link = link_address(base, reference)
        if link is not None:
            found.setdefault(link)
        if len(found) == MAX_LINKS:
            break
    return tuple(found), _canonical(tree, base)


def _base(tree: LexborHTMLParser, address: WebAddress) -> WebAddress:
    node = tree.css_first("base[href]")
    named = link_address(address, node.attributes.get("href") or "") if node is not None else None
    return web_address_of(named) if named is not None else address


def _references(tree: LexborHTMLParser) -> Iterator[str]:
    """Of links that a reader may follow: those marked ``nofollow`` are not what the page stands for."""
    for node in tree.css("a[href]"):
        if "nofollow" not in _words(node, "rel"):
            yield node.attributes.get("href") or ""


def _canonical(tree: LexborHTMLParser, base: WebAddress) -> str | None:
    for node in tree.css("link[rel][href]"):
        if "canonical" in _words(node, "rel"):
            return link_address(base, node.attributes.get("href") or "")
    return None


def _words(node: LexborNode, attribute: str) -> list[str]:
    return (node.attributes.get(attribute) or "").lower().split()
