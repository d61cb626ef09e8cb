"""How answers, footnotes and passages look on a terminal; piped, the same words without colours or wrapping."""

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from rich.console import Console
from rich.text import Text

from entrypoints.terminal.text_flow import TextFlow, printable
from entrypoints.terminal.wording import ABSTENTIONS, DEGRADED, NOTICES, RESETS, VERDICTS

Json: TypeAlias = Mapping[str, Any]

MAX_WIDTH: Final = 100
"""Longer lines are hard to read, however wide the terminal is."""

QUOTE_CHARS: Final = 320
PASSAGE_CHARS: Final = 280
_MARKER: Final = re.compile(r"\[\d{1,3}\]")


def print_json(body: object) -> None:
    """One JSON object and nothing else; indented for a person, on one line for a program."""
    indent = 2 if sys.stdout.isatty() else None
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(body, ensure_ascii=ascii_only, indent=indent) + "\n")


def open_console() -> Console:
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


class Page:
    """What is written to a console, wrapped where a person reads it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, MAX_WIDTH) if console.is_terminal else None
        self._flow: TextFlow | None = None

    def write_answer(self, delta: str) -> None:
        """Show a piece of the answer as soon as its words are complete."""
        if self._flow is None:
            self._flow = TextFlow(self._write_words, width=self._width)
        self._flow.feed(delta)

    def end_answer(self) -> None:
        if self._flow is not None:
            self._flow.finish()
            self._flow = None

    def withdraw_answer(self, reason: str, next_model: str | None) -> None:
        """What was shown is void: wiped away where that can be done, and said in any case."""
        rows = self._end_and_count()
        wiped = self._console.is_terminal and rows < self._console.height
        if wiped and rows:
            self._console.file.write(f"\x1b[{rows}A\x1b[J")  # up, and erase from there to the end of the screen
        where = " above" if rows and not wiped else ""
        then = f"; it is written anew by {next_model}" if next_model else ""
        why = RESETS.get(reason, printable(reason))
        self.line(f"[The answer{where} is withdrawn: {why}{then}.]", style="yellow")
        self.line()

    def _end_and_count(self) -> int:
        """The rows that the answer took, its long lines of code being broken by the terminal."""
        flow = self._flow
        if flow is None:
            return 0
        self.end_answer()
        return sum(1 + max(columns - 1, 0) // self._console.width for columns in flow.line_widths)

    def _write_words(self, words: str) -> None:
        text = Text(words)
        text.highlight_regex(_MARKER, "bold cyan")
        self._console.print(text, end="")

    def line(self, text: str = "", *, style: str = "", indent: str = "", hanging: str | None = None) -> None:
        """One paragraph, wrapped; ``hanging`` indents its other lines, as ``indent`` does unless given."""
        text = printable(text)
        if self._width is not None:
            following = indent if hanging is None else hanging
            text = textwrap.fill(
                text, self._width, initial_indent=indent, subsequent_indent=following, break_on_hyphens=False,
                break_long_words=False,
            )  # fmt: skip
        else:
            text = indent + text
        self._console.print(Text(text, style=style))

    def address(self, text: str) -> None:
        """An address on a line of its own, never broken, so that it can be copied and clicked."""
        self._console.print(Text("    " + printable(text), style="blue underline" if "://" in text else "blue"))

    def headed(self, number: int, heading: str) -> None:
        mark = f"[{number}] "
        text = printable(mark + heading)
        if self._width is not None:
            text = textwrap.fill(text, self._width, subsequent_indent="    ", break_on_hyphens=False)
        styled = Text(text, style="bold")
        styled.stylize("cyan", 0, len(mark))
        self._console.print(styled)

    def excerpt(self, text: str, *, limit: int, quoted: bool) -> None:
        """Words of a document, set in; lines of code and tables stay lines."""
        text = printable(text)
        if "```" in text or "\n|" in text:
            shown = _shortened(text, limit).splitlines()
            for line in shown:
                self._console.print(Text("    " + line, style="dim"))
            return
        words = _shortened(" ".join(text.split()), limit)
        self.line(f"“{words}”" if quoted else words, indent="    ", style="dim")


def show_ending(page: Page, turn: Json) -> None:
    """All that stands beneath an answer: footnotes, doubts, notes; or why there is none."""
    if turn["abstention"] is not None:
        show_abstention(page, turn["abstention"])
    else:
        show_footnotes(page, turn)
        show_doubts(page, turn)
    show_notes(page, [*turn["degraded"], *turn["notices"]])


def show_footnotes(page: Page, turn: Json) -> None:
    quotes: dict[int, list[str]] = {}
    for claim in turn["claims"]:
        for citation in claim["citations"]:
            of_source = quotes.setdefault(citation["evidence"], [])
            if citation["quote"] not in of_source:
                of_source.append(citation["quote"])
    for evidence in turn["evidence"]:
        if evidence["n"] in quotes:
            page.line()
            _show_source(page, evidence)
            for quote in quotes[evidence["n"]]:
                page.excerpt(quote, limit=QUOTE_CHARS, quoted=True)


def show_doubts(page: Page, turn: Json) -> None:
    """The sentences whose footnotes do not carry them, each with what is the matter."""
    doubtful = [claim for claim in turn["claims"] if claim["verdict"] in VERDICTS]
    if doubtful:
        page.line()
        page.line("Check before you rely on it:", style="bold yellow")
    for claim in doubtful:
        sentence = " ".join(turn["answer"][claim["start"] : claim["end"]].split())
        text = f"! {VERDICTS[claim['verdict']]}: {_shortened(sentence, QUOTE_CHARS)}"
        page.line(text, indent="  ", hanging="    ", style="yellow")
    if turn["claims"] and turn["verifier"] is None:
        page.line()
        page.line("Nothing was checked against its source.", style="yellow")


def show_abstention(page: Page, abstention: Json) -> None:
    page.line(abstention["message"], style="bold")
    reason = abstention["reason"]
    page.line(f"Why: {ABSTENTIONS.get(reason, reason)}.")
    if abstention["closest"]:
        page.line()
        page.line("What comes closest:")
        show_passages(page, abstention["closest"])


def show_passages(page: Page, passages: Iterable[Json], *, scores: bool = False) -> None:
    for number, evidence in enumerate(passages):
        if number:
            page.line()
        _show_source(page, evidence, score=evidence["score"] if scores else None)
        page.excerpt(evidence["text"], limit=PASSAGE_CHARS, quoted=False)


def show_notes(page: Page, words: Sequence[str]) -> None:
    known = {**DEGRADED, **NOTICES}
    notes = [note for word in words if (note := known.get(word, word))]
    if notes:
        page.line()
    for note in notes:
        page.line(f"Note: {note}.", style="dim")


def _show_source(page: Page, evidence: Json, *, score: float | None = None) -> None:
    document, section = evidence["document"], evidence["section"]
    path = list(section["heading_path"])
    if path[:1] != [document["title"]]:
        path.insert(0, document["title"])
    if section["page"] is not None:
        path.append(f"page {section['page']}")
    page.headed(evidence["n"], " > ".join(path) + ("" if score is None else f" ({score:.2f})"))
    anchor = f"#{section['anchor']}" if section["anchor"] else ""
    page.address(section["url"] or document["url"] or document["uri"] + anchor)


def _shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters, cut at a word border."""
    if len(text) <= limit:
        return text
    return text[:limit].rsplit(maxsplit=1)[0].rstrip(" ,;:") + " …"
