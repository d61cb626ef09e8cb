"""reStructuredText, also as Sphinx extends it, by way of docutils' own HTML."""

import re
from dataclasses import replace
from threading import Lock
from typing import Any, Final

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.utils import SystemMessage
from docutils.writers.html5_polyglot import HTMLTranslator
from docutils.writers.html5_polyglot import Writer as Html5Writer

from adapters.formats.html import HtmlParser
from domain.errors import DocumentUnreadable
from domain.library.model import Format, ParsedDocument, SourceDocument
from domain.library.ports import DocumentParser

_SETTINGS: Final = {
    "file_insertion_enabled": False,  # no include, no csv-table from a file: a document reads nothing but itself
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "traceback": True,  # without it, docutils ends the process
    "_disable_config": True,
    "doctitle_xform": False,
    "sectsubtitle_xform": False,
    "syntax_highlight": "none",
    "embed_stylesheet": False,
    "initial_header_level": 1,
    "smart_quotes": False,
    "math_output": "LaTeX",
    "line_length_limit": 1_000_000,
    "output_encoding": "unicode",
}
_TARGET: Final = re.compile(r"\A(?P<shown>.+?)\s*<[^<>]+>\Z", re.DOTALL)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_CODE_ROLES: Final = _names("""
    class func meth mod attr data const exc obj any program option envvar file command samp kbd regexp token keyword
    makevar mimetype dfn manpage newsgroup download py:class py:func py:meth py:mod py:attr py:data py:const py:exc
    py:obj c:func c:type c:macro c:member c:data cpp:class cpp:func cpp:member cpp:any cpp:type js:func js:class js:meth
    js:attr rst:dir rst:role std:option std:envvar
""")
_TEXT_ROLES: Final = _names("""
    ref doc term numref eq guilabel menuselection abbr index cve cwe std:ref std:doc std:term
""")
_NOTES: Final = _names("seealso versionadded versionchanged deprecated versionremoved todo")
_CODE_DIRECTIVES: Final = _names("""
    code-block sourcecode highlight-block prompt doctest testcode testoutput ipython
""")
_KEPT_DIRECTIVES: Final = _names("""
    only tab tabs tab-set tab-item grid grid-item-card dropdown collapse card glossary rst-class hlist
""")
_OBJECT_DIRECTIVES: Final = _names("""
    function class method attribute data exception module staticmethod classmethod decorator property describe option
    envvar program confval object py:function py:class py:method py:attribute py:data py:exception py:module
    py:staticmethod py:classmethod py:decorator py:property c:function c:type c:macro cpp:function cpp:class js:function
    js:class
""")
_DROPPED_DIRECTIVES: Final = _names("""
    toctree index currentmodule py:currentmodule highlight default-domain codeauthor sectionauthor moduleauthor
    tabularcolumns automodule autoclass autofunction autosummary autodata automethod autoexception autoattribute plot
    graphviz inheritance-diagram literalinclude program-output click argparse testsetup testcleanup image-sg
""")
_SAID_AT_TOP: Final = {name: name for name in _names("authors doi isbn venue license lang title slug peer_reviewed")}
_SAID_AT_TOP.update(author="authors", date="published", published="published")
_registering = Lock()
_registered = False


class _Translator(HTMLTranslator):
    """Inline literals as ``<code>``, the language of a code block as HTML names it."""

    def visit_literal(self, node: nodes.literal) -> None:
        self.body.append(f"<code>{self.encode(node.astext())}</code>")
        raise nodes.SkipNode

    def visit_literal_block(self, node: nodes.literal_block) -> None:
        names = [name for name in node["classes"] if name != "code" and re.fullmatch(r"[\w+#-]{1,30}", name)]
        language = f' class="language-{names[0].removeprefix("language-")}"' if names else ""
        self.body.append(f"<pre><code{language}>{self.encode(node.astext())}</code></pre>\n")
        raise nodes.SkipNode


class _Writer(Html5Writer):
    def __init__(self) -> None:
        super().__init__()
        self.translator_class = _Translator


class RestructuredTextParser(DocumentParser):
    """
    What Sphinx's roles and directives name or hold is kept as text; what they would fetch from elsewhere is left out.

    Anchors are those of docutils, which Sphinx uses too. Field lists at the top are the document's metadata.
    """

    def __init__(self) -> None:
        self._html = HtmlParser()
        _register()

    def parse(self, source: SourceDocument) -> ParsedDocument:
        try:
            tree = publish_doctree(source.content, settings_overrides=_SETTINGS)
            said = _taken_from_top(tree)
            html = publish_from_doctree(tree, writer=_Writer(), settings_overrides=_SETTINGS)
        except (SystemMessage, RecursionError, ValueError, AttributeError, IndexError, KeyError) as error:
            raise DocumentUnreadable(source.uri, "it is not reStructuredText that can be read") from error
        title = said.get("title")
        # Notes and topics are what docutils calls asides: part of the text, as on a page of Sphinx they are.
        main = html[html.index("<main") :].replace("<aside", "<div").replace("</aside>", "</div>")
        page = replace(
            source,
            content=main,
            format=Format.HTML,
            title=source.title or (str(title) if title else None),
        )
        return replace(self._html.parse(page), metadata=said)


def _taken_from_top(tree: nodes.document) -> dict[str, Any]:
    """The field list at the top of a document, or under its title: what it says of itself, and no part of its text."""
    top: nodes.Element = tree
    while top.children and isinstance(top.children[0], nodes.section | nodes.title | nodes.comment | nodes.target):
        inner = next(
            (child for child in top.children if not isinstance(child, nodes.title | nodes.comment | nodes.target)), None
        )
        if not isinstance(inner, nodes.section):
            break
        top = inner
    fields = next((child for child in top.children if not isinstance(child, nodes.title | nodes.comment)), None)
    if not isinstance(fields, nodes.field_list):
        return {}
    top.remove(fields)
    said: dict[str, Any] = {}
    for field in fields.children:
        name, value = (part.astext().strip() for part in field.children[:2])
        key = _SAID_AT_TOP.get(name.lower())
        if key == "authors":
            said[key] = [one.strip() for one in re.split(r";|\n| and |, ", value) if one.strip()]
        elif key == "peer_reviewed":
            said[key] = value.lower() in ("true", "yes")
        elif key and value:
            said[key] = value
    return said


def _register() -> None:
    """Teach docutils the words of Sphinx; its register is the process's own, so once."""
    global _registered
    with _registering:
        if _registered:
            return
        for name in _CODE_ROLES:
            roles.register_local_role(name, _code)  # type: ignore[arg-type]  # its stub allows references alone
        for name in _TEXT_ROLES:
            roles.register_local_role(name, _words)  # type: ignore[arg-type]  # its stub allows references alone
        for names, kind in (
            (_NOTES, _Note),
            (_CODE_DIRECTIVES, _Code),
            (_KEPT_DIRECTIVES, _Kept),
            (_OBJECT_DIRECTIVES, _Object),
            (_DROPPED_DIRECTIVES, _Dropped),
        ):
            for name in names:
                directives.register_directive(name, kind)
        _registered = True


def _shown(text: str) -> str:
    """What a reader sees of a role: the words before a target, the last part after ``~``, nothing of ``!``."""
    target = _TARGET.match(text)
    if target:
        return target["shown"]
    if text.startswith("~"):
        return text[1:].rsplit(".", 1)[-1]
    return text.removeprefix("!")


def _code(_: str, rawtext: str, text: str, *__: Any, **___: Any) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    return [nodes.literal(rawtext, _shown(nodes.unescape(text)))], []


def _words(
    _: str, rawtext: str, text: str, *__: Any, **___: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    return [nodes.inline(rawtext, _shown(nodes.unescape(text)))], []


class _AnyOptions(dict[str, Any]):
    """Every option is known and means nothing."""

    def __getitem__(self, name: str) -> Any:
        return directives.unchanged

    def __bool__(self) -> bool:
        return True


class _Lenient(Directive):
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOptions()

    def _nested(self, container: nodes.Element) -> nodes.Element:
        self.state.nested_parse(self.content, self.content_offset, container)
        return container

    def _argument(self, wrap: type[nodes.TextElement]) -> list[nodes.Node]:
        if not self.arguments:
            return []
        children, _ = self.state.inline_text(self.arguments[0], self.lineno)
        return [wrap("", "", *children)]


class _Kept(_Lenient):
    def run(self) -> list[nodes.Node]:
        return [*self._argument(nodes.paragraph), self._nested(nodes.container())]


class _Note(_Lenient):
    node_class = nodes.note

    def run(self) -> list[nodes.Node]:
        version = {
            "versionadded": "New in version",
            "versionchanged": "Changed in version",
            "deprecated": "Deprecated since",
        }
        said = version.get(self.name)
        body = nodes.container()
        if self.arguments:
            children, _ = self.state.inline_text(self.arguments[0], self.lineno)
            body += nodes.paragraph("", "", *([nodes.Text(f"{said} ")] if said else []), *children)
        return [self._nested(body)]


class _Code(_Lenient):
    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        language = self.arguments[0] if self.arguments else ""
        classes = ["code", f"language-{language}"] if re.fullmatch(r"[\w+#-]{1,30}", language) else ["code"]
        return [nodes.literal_block(code, code, classes=classes)] if code.strip() else []


class _Object(_Lenient):
    """The signature of a function, class or option, and what is said of it."""

    def run(self) -> list[nodes.Node]:
        lines = [line.strip() for line in (self.arguments[0] if self.arguments else "").split("\n") if line.strip()]
        signatures: list[nodes.Node] = [nodes.paragraph("", "", nodes.literal(line, line)) for line in lines]
        return [*signatures, self._nested(nodes.container())]


class _Dropped(_Lenient):
    def run(self) -> list[nodes.Node]:
        return []
