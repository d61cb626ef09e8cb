"""Links and images in an answer as it is written: only to the documents' own sites, or as the evidence has them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from html import unescape
from typing import Final

from domain.grounding.model import Evidence

STARTS_LINK: Final = frozenset("]<:")
"""
Characters without which a piece begins no link but ``www.``, whose full stop readers look at anyway, as long as nothing
is held back.
"""
LEFT_OUT: Final = "…"
"""Stands where an address was."""

_LONGEST: Final = 2_000
"""Characters of an address or a tag that are waited for: more than any real one has."""
_TAIL: Final = 40
_BEGINS: Final = re.compile(
    r"\]\(|\]:|<(?=[A-Za-z/])|:[/\\]{2}|(?<=www)(?<![A-Za-z0-9]www)\.|[\]<]\Z|:[/\\]?\Z", re.IGNORECASE
)
_MAY_BEGIN: Final = re.compile(
    r"[\]<:.](?:(?<=\])(?=[(:]|\Z)|(?<=<)(?=[A-Za-z/]|\Z)|(?<=:)(?=[/\\]{2}|[/\\]?\Z)|(?<=[wW]\.)|(?<=\A\.))"
)
"""``_BEGINS`` in a piece alone, what stood before it not known: it finds more. By its first set it is found quickly."""
_HALF: Final = ("]", ":", ":/", ":\\")
_BEFORE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*\Z")
_ADDRESS_END: Final = re.compile(r"[\s<>\"`)\]}]")
_AFTER_ADDRESS: Final = ".,;:!?*_~'"
_PARENTHESIS: Final = re.compile(r"\\.|[()]|\n[ \t]*\n", re.DOTALL)
_PARAGRAPH_END: Final = re.compile(r"\n[ \t]*\n")
_DEFINED: Final = re.compile(r"[^\S\n]*\n?[^\S\n]*(?P<address>\S+)")
_TAG_END: Final = re.compile(r">|\n[ \t]*\n")
_LEADS_NOWHERE: Final = re.compile(r"://[\s`]")
"""A scheme with no site after it, spoken of: "begins with `app://`"."""
_VOID: Final = re.compile(r"[\t\r\n]")
"""What browsers leave out of addresses."""
_NO_TAG: Final = re.compile(r"</?[A-Za-z][\w.:-]*[^\w.:\-\s/>@+%&?=#~]")
_GOES_AWAY: Final = re.compile(r"//|\\|&(?:#|\w+;)|[A-Za-z][\w+.-]*:(?!\s)")
"""What an address to another site cannot do without, however it is spelled."""
_IS_PATH: Final = re.compile(r"[/.?#%]")
_IS_ADDRESS: Final = re.compile(r"[A-Za-z][\w+.-]*:\S|\S+@\S+\Z")
_IN_TAG: Final = re.compile(
    r"(?:[A-Za-z][\w+.-]*:\s*)?[/\\]{2}[^\s\"'<>)]+|\b(?:java|vb)script:|\b(?:data|https?|ftp):[^\s\"'<>)]*",
    re.IGNORECASE,
)
_SITE: Final = re.compile(r"(?:https?://)?(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?)(?=[/?#]|\Z)[^\s\\]*\Z", re.IGNORECASE)
_OF_DOCUMENT: Final = re.compile(r"https?://([A-Za-z0-9.-]+(?::\d{1,5})?)(?=[/?#]|\Z)", re.IGNORECASE)
_LINK: Final = re.compile(
    r"\]\([ \t]*<?([^\s<>)]+)|\]:[ \t]*<?([^\s<>]+)|(?:href|src)\s*=\s*[\"']?([^\s\"'<>]+)|"
    r"((?:(?<![a-z])[a-z]+://|www\.|mailto:)[^\s<>\"`)\]}]+)"
)


class Sites:
    """Where links may go: to the sites of the evidence's documents, and where the evidence links to."""

    def __init__(self, evidence: Iterable[Evidence]) -> None:
        self._evidence = tuple(evidence)
        self._hosts: frozenset[str] | None = None

    def allow(self, address: str) -> bool:
        """Whether an address, as written, may stand in an answer; a place on the same page always may."""
        if address.startswith("#"):
            return True
        if self._hosts is None:  # most answers have no link
            urls = [url for piece in self._evidence for url in (piece.document.url, piece.section.url) if url]
            self._hosts = frozenset([found[1].lower() for url in urls if (found := _OF_DOCUMENT.match(url))])
        site = _SITE.match(address)
        if site is not None and site["host"].lower() in self._hosts:
            return True
        forms = {address, address.rstrip(_AFTER_ADDRESS)}
        return not all([forms.isdisjoint(_links_of(piece.text)) for piece in self._evidence])  # noqa: C419 - speed


@lru_cache(maxsize=256)
def _links_of(text: str) -> frozenset[str]:
    """The addresses that a text links to, as written and without the punctuation after them."""
    written = [one for groups in _LINK.findall(text) for one in groups if one]
    return frozenset([*written, *[one.rstrip(_AFTER_ADDRESS) for one in written]])


class LinkFilter:
    """
    Passes an answer's text on without the addresses that ``sites`` does not allow.

    Of ``[text](address)`` and ``![text](address)`` the text stays, in its brackets; an HTML tag with such an address,
    or one between angle brackets, goes; of any other address ``LEFT_OUT`` remains. Code is no exception: what one
    renderer takes for code is a link to another. What comes out does not depend on how the text is cut into pieces.
    """

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._held = ""
        self._tail = ""

    @property
    def calm(self) -> bool:
        """Nothing is held back: a piece without STARTS_LINK and full stops passes as it is."""
        return not self._held

    def pass_by(self, text: str) -> None:
        """Take note of text that passes unread, while calm."""
        self._tail = (self._tail + text)[-_TAIL:]

    def feed(self, piece: str) -> str:
        """What of the text so far may be passed on now."""
        fresh = self._held + piece if self._held else piece
        begins = _MAY_BEGIN.search(fresh)
        if begins is None:
            self._held = ""
            self._tail = (self._tail + fresh)[-_TAIL:]
            return fresh
        at = begins.start()
        if at == len(fresh) - 1 and fresh[at] != ".":  # what follows will tell
            passed, self._held = fresh[:at], fresh[at:]
            self._tail = (self._tail + passed)[-_TAIL:]
            return passed
        return self._scan(fresh, final=False)

    def finish(self) -> str:
        """The rest, once the answer has ended."""
        return self._scan(self._held, final=True)

    def _scan(self, fresh: str, *, final: bool) -> str:
        out: list[str] = []
        text, at = self._tail + fresh, len(self._tail)
        self._held = ""
        while begins := _BEGINS.search(text, at):
            out.append(text[at : begins.start()])
            went_on = self._read(text, begins, out, final)
            if went_on is None:
                self._held, text = text[begins.start() :], text[: begins.start()]
                at = len(text)
                break
            at = went_on
        out.append(text[at:])
        self._tail = text[-_TAIL:]
        return "".join(out)

    def _read(self, text: str, begins: re.Match[str], out: list[str], final: bool) -> int | None:
        """Deal with what begins here; where to go on, or None: wait for more."""
        mark = begins[0]
        if mark in _HALF or (mark == "<" and begins.end() == len(text)):  # the end of what is there
            if not final:
                return None
            out.append(mark)
            return begins.end()
        read = {"](": self._inline, "]:": self._definition, "<": self._tag}.get(mark, self._bare)
        return read(text, begins, out, final)

    def _inline(self, text: str, begins: re.Match[str], out: list[str], final: bool) -> int | None:
        end = _closing(text, begins.end(), _limit(begins))
        if end is None:
            return self._unclosed(text, begins, "] (", out, final)
        inner = text[begins.end() : end]
        address, *title = inner.split(maxsplit=1) or [""]
        if not (_GOES_AWAY.search(inner) or _IS_PATH.search(inner)):
            out.append("](")  # a call in code, a remark
            return begins.end()
        allowed = self._sites.allow(_bared(address)) and not _GOES_AWAY.search("".join(title))
        out.append(text[begins.start() : end + 1] if allowed else "]")
        return end + 1

    def _unclosed(self, text: str, begins: re.Match[str], broken: str, out: list[str], final: bool) -> int | None:
        """Wait for the end; where none comes, a blank makes text of the mark."""
        if not (final or len(text) >= _limit(begins) or _PARAGRAPH_END.search(text, begins.end())):
            return None
        out.append(broken)
        return begins.end()

    def _definition(self, text: str, begins: re.Match[str], out: list[str], final: bool) -> int | None:
        found = _DEFINED.match(text, begins.end(), _limit(begins))
        if found is None or (found.end() == len(text) and not final):
            return self._unclosed(text, begins, "]:", out, final)
        address = _bared(found["address"])
        leads = _GOES_AWAY.search(address) or address.startswith(("/", "."))
        if leads and not self._sites.allow(address):
            out.append(f"]: {LEFT_OUT}")
            return found.end()
        out.append("]:")
        return begins.end()

    def _tag(self, text: str, begins: re.Match[str], out: list[str], final: bool) -> int | None:
        if _NO_TAG.match(text, begins.start()):
            out.append("<")
            return begins.end()
        over = _TAG_END.search(text, begins.end(), _limit(begins))
        if over is None or over[0] != ">":
            return self._unclosed(text, begins, "< ", out, final)
        inside = _VOID.sub("", unescape(text[begins.end() : over.start()]))
        addresses = [inside] if _IS_ADDRESS.match(inside) else _IN_TAG.findall(inside)
        if all(map(self._sites.allow, addresses)):
            out.append(text[begins.start() : over.end()])
        elif inside[:1].isupper():  # a component in code: its text stays, and what follows is read for addresses
            out.append("<")
            return begins.end()
        return over.end()

    def _bare(self, text: str, begins: re.Match[str], out: list[str], final: bool) -> int | None:
        limit = _limit(begins)
        ends = _ADDRESS_END.search(text, begins.end(), limit)
        if ends is None and not final and len(text) < limit:
            return None
        before = _BEFORE.search(text, max(0, begins.start() - _TAIL), begins.start())
        rest = text[begins.start() : ends.start() if ends else limit]
        rest = begins[0] + rest[len(begins[0]) :].rstrip(_AFTER_ADDRESS)
        if ends is not None and ends.start() == begins.end() and _LEADS_NOWHERE.match(begins[0] + ends[0]):
            out.append(begins[0])
            return begins.end()
        allowed = before is not None and self._sites.allow(before[0] + rest)
        out.append(rest if allowed else begins[0].rstrip("./\\") + LEFT_OUT)
        return begins.start() + len(rest)


def _limit(begins: re.Match[str]) -> int:
    return begins.start() + _LONGEST


def _bared(address: str) -> str:
    return address.removeprefix("<").removesuffix(">")


def _closing(text: str, at: int, limit: int) -> int | None:
    """Where the parenthesis that was opened before ``at`` closes; None when it does not, in this paragraph."""
    depth = 1
    for match in _PARENTHESIS.finditer(text, at, limit):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if not depth:
                return match.start()
        elif match[0].startswith("\n"):
            return None
    return None
