"""
A tree of files as the tool that builds a site of it reads them: Docusaurus, MkDocs, or none.

Rules read in the documentation of Docusaurus 3 ("Versioning", "Create a doc", plugin-content-docs) and of MkDocs 1.6
("Configuration", "Writing your docs"). A ``_category_`` file of Docusaurus moves no page: it orders the sidebar, and
what a ``generated-index`` adds has no source. Pure: names and the contents of few small files in, places out.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from posixpath import normpath
from typing import Any, Final

from domain.errors import OutOfRange
from domain.library.files import format_of, goes_in, is_looked_at
from domain.library.model import Format

_DOCUSAURUS: Final = frozenset(f"docusaurus.config.{ending}" for ending in ("js", "ts", "mjs", "cjs", "mts", "cts"))
_VERSIONS: Final = "versions.json"
_MKDOCS: Final = ("mkdocs.yml", "mkdocs.yaml")
_SETTINGS: Final = _DOCUSAURUS | {_VERSIONS, *_MKDOCS}
MAX_SETTINGS_BYTES: Final = 1_000_000
"""A settings file of more is not opened, and the tree is read as if it were empty."""
_DOCS_DIR: Final = re.compile(r"""^docs_dir:[ \t]+(["']?)([^"'#\n!*&{\[]+?)\1[ \t]*(?:#.*)?$""", re.MULTILINE)
_FLAT: Final = re.compile(r"^use_directory_urls:[ \t]+(?:false|no|off)[ \t]*(?:#.*)?$", re.MULTILINE | re.IGNORECASE)
"""
Two plain values at the left margin. A reader of YAML would refuse the whole file of most sites: it names Python
functions by tags that no safe reader takes.
"""


class SiteTool(StrEnum):
    """What builds the site; MKDOCS_FILES is MkDocs with ``use_directory_urls: false``."""

    DOCUSAURUS = "docusaurus"
    MKDOCS = "mkdocs"
    MKDOCS_FILES = "mkdocs-files"


@dataclass(frozen=True, slots=True)
class SitePlace:
    """
    What a file is to its site: its ``path`` below the docs folder, and the part of the address before it.

    ``below`` is empty, or a version with a final slash. It goes with a document as metadata, so that every way in and
    every later reading can tell it.
    """

    tool: SiteTool
    path: str
    below: str = ""

    def as_metadata(self) -> Mapping[str, str]:
        said = {"site_tool": self.tool.value, "site_path": self.path}
        return said | {"site_version": self.below.rstrip("/")} if self.below else said

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> "SitePlace | None":
        """What a request's metadata says; None where it says nothing, or nothing that is known here."""
        tool, path, version = (metadata.get(f"site_{name}") for name in ("tool", "path", "version"))
        if not isinstance(tool, str) or not isinstance(path, str) or not isinstance(version, str | None):
            return None
        if tool not in set(SiteTool):
            return None
        return SitePlace(SiteTool(tool), path, f"{version}/" if version else "")


@dataclass(frozen=True, slots=True)
class SiteTree:
    """
    How a tree is read. ``folders`` are those that hold documents, each with what stands before its pages' paths.

    ``root`` is the folder of its settings, with a final slash, or empty. Without ``tool`` it is a plain folder: every
    file in it is a document that may be one, and none has a place.
    """

    tool: SiteTool | None
    folders: Mapping[str, str]
    root: str = ""

    def is_document(self, name: str) -> bool:
        """Whether a candidate is a document: no settings, no partial, and where the tool looks for pages."""
        parts = name.split("/")
        if parts[-1] in _SETTINGS:
            return False
        if self.tool is None:
            return all(goes_in(part) or part == ".." for part in parts)
        folder = self._folder(name)
        if folder is None:
            # What leads out of the tree counts, so that it is named.
            return ".." in parts
        return self.tool is not SiteTool.DOCUSAURUS or all(map(goes_in, name[len(folder) :].split("/")))

    def place(self, name: str) -> SitePlace | None:
        folder = self._folder(name)
        if self.tool is None or folder is None:
            return None
        return SitePlace(self.tool, name[len(folder) :], self.folders[folder])

    def metadata(self, name: str) -> Mapping[str, str]:
        """What goes with the document ``name``: its place as metadata, nothing where it has none."""
        place = self.place(name)
        return place.as_metadata() if place else {}

    def _folder(self, name: str) -> str | None:
        return next((folder for folder in self.folders if name.startswith(folder)), None)


PLAIN: Final = SiteTree(None, {})


def tree_path(name: str) -> str:
    """A file's name as this module compares it: with ``/``, and without a ``./`` at the start."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def is_candidate(name: str) -> bool:
    """
    Whether a file has to be known to tell how its tree is read, and what of it is a document.

    One that leads out of the tree counts, so that it is named. What begins with ``_`` counts where it is Markdown,
    which is a page to MkDocs.
    """
    *folders, last = tree_path(name).split("/")
    if last in _SETTINGS and len(folders) < 2:
        return True
    kind = format_of(last)
    if kind is None or not all(is_looked_at(part) or part == ".." for part in (*folders, last)):
        return False
    return kind in (Format.MARKDOWN, Format.MDX) or not any(part.startswith("_") for part in (*folders, last))


def settings_to_read(names: Collection[str]) -> list[str]:
    """Those of a tree's files whose contents ``site_tree`` is to be given: two at most."""
    root = _root(names)
    return [] if root is None else [root + name for name in (_VERSIONS, *_MKDOCS) if root + name in names]


def site_tree(names: Collection[str], settings: Mapping[str, bytes]) -> SiteTree:
    """
    How the tree with these file names is read; a plain folder where no site's documents are found in it.

    ``names`` are those of all candidates, as ``tree_path`` gives them; the site may stand in one folder that holds
    everything, as archives often have it. ``settings`` are the contents of ``settings_to_read``. Raises OutOfRange for
    a list of versions that is none.
    """
    root = _root(names)
    if root is None:
        return PLAIN
    if any(root + name in names for name in _DOCUSAURUS):
        tool, folders = SiteTool.DOCUSAURUS, _versions(settings.get(root + _VERSIONS))
    else:
        said = next((settings[root + name] for name in _MKDOCS if root + name in settings), b"")
        tool, folders = _mkdocs(said.decode("utf-8-sig", "replace").replace("\r\n", "\n"))
    found = {
        root + folder: below
        for folder, below in folders.items()
        if any(name.startswith(root + folder) for name in names)
    }
    return SiteTree(tool, found, root) if found else PLAIN


def _root(names: Collection[str]) -> str | None:
    """The folder that a site's settings stand in, with a final slash; empty for the tree's own root."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    for root in ("", *(f"{top}/" for top in tops if top and len(tops) == 1)):
        if any(root + name in names for name in (*_DOCUSAURUS, *_MKDOCS)):
            return root
    return None


def _versions(content: bytes | None) -> dict[str, str]:
    """The latest version, the first in the list, is published at the root of the docs, and ``docs`` as ``next``."""
    versions: object = []
    if content is not None:
        try:
            versions = json.loads(content)
        except (ValueError, RecursionError):
            versions = None
    if not isinstance(versions, list) or not all(isinstance(one, str) and one and "/" not in one for one in versions):
        raise OutOfRange("files", f"hold a {_VERSIONS} that is no list of the names of versions")
    older = {f"versioned_docs/version-{one}/": f"{one}/" if place else "" for place, one in enumerate(versions)}
    return {"docs/": "next/" if versions else "", **older}


def _mkdocs(settings: str) -> tuple[SiteTool, dict[str, str]]:
    said = _DOCS_DIR.search(settings)
    folder = normpath(said[2].strip()) if said else "docs"
    return SiteTool.MKDOCS_FILES if _FLAT.search(settings) else SiteTool.MKDOCS, {f"{folder}/": ""}
