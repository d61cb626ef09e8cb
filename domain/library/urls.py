"""
Where a site publishes a page: a Docusaurus site, unless the document says that it is one of MkDocs.

Rules read in docusaurus 3 (plugin-content-docs: ``slug``, ``numberPrefix``, ``isCategoryIndex``) and in the
documentation of MkDocs 1.6 ("Writing your docs", ``use_directory_urls``).
"""

import re
from collections.abc import Mapping
from posixpath import normpath
from typing import Any, Final
from urllib.parse import quote

from domain.library.sites import SitePlace, SiteTool

_MARKDOWN_SUFFIX: Final = re.compile(r"\.mdx?\Z", re.IGNORECASE)
_MKDOCS_SUFFIX: Final = re.compile(r"\.(?:md|markdown)\Z")
_NUMBER_PREFIX: Final = re.compile(r"\d+\s*[-_.]+\s*(?P<rest>.*)\Z", re.DOTALL)
_DATE_OR_VERSION: Final = re.compile(r"\d+[-_.]\d+")
"""``2024-01-15-news`` and ``8.0`` begin with numbers that mean something."""
_UNSAFE_IN_FRAGMENT: Final = re.compile(r"""[\s"#%<>\\^`{|}]""")
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~-._"


def document_url(
    base_url: str | None, uri: str, metadata: Mapping[str, Any], place: SitePlace | None = None
) -> str | None:
    """
    The address of the document ``uri`` on a site whose docs begin at ``base_url``; None without a base.

    The extension ``.md`` or ``.mdx`` goes; ``index``, ``README`` and a page named as its folder become the folder
    (with a final slash, as Docusaurus links it); number prefixes go unless the front matter says
    ``parse_number_prefixes: false``; the front matter's ``slug`` replaces the last segment, or with a leading slash
    the whole path; its ``id`` replaces the last segment. A partial (a name beginning with ``_``) is no page: None.
    A uri that is an http address already is its own url. ``place`` says where the document stands in its site, where
    that is not what its uri says; a slash at the start of a ``slug`` is then that of its version.
    """
    if uri.startswith(("https://", "http://")):
        return uri
    if not base_url:
        return None
    if place is not None:
        path = _path_in_site(place, metadata)
        return None if path is None else _joined(base_url, path)
    folders, name = _split(uri)
    if any(part.startswith("_") for part in (*folders, name)):
        return None
    path = _published_path(folders, name, metadata) if _MARKDOWN_SUFFIX.search(uri) else "/".join((*folders, name))
    return _joined(base_url, path)


def _joined(base_url: str, path: str) -> str:
    return base_url.rstrip("/") + "/" + quote(path.lstrip("/"), safe=_PATH_SAFE)


def _path_in_site(place: SitePlace, metadata: Mapping[str, Any]) -> str | None:
    """None for what a site serves under an address that its build makes up, as Docusaurus does of files it links."""
    folders, name = _split(place.path)
    if place.tool is SiteTool.DOCUSAURUS:
        if not _MARKDOWN_SUFFIX.search(name):
            return None
        return place.below + _published_path(folders, name, metadata).lstrip("/")
    folder = "".join(f"{part}/" for part in folders)
    if not _MKDOCS_SUFFIX.search(name):
        return folder + name
    stem = _MKDOCS_SUFFIX.sub("", name)
    stem = "index" if stem == "README" else stem
    if place.tool is SiteTool.MKDOCS_FILES:
        return f"{folder}{stem}.html"
    return folder if stem == "index" else f"{folder}{stem}/"


def section_url(url: str | None, anchor: str | None, page: int | None = None) -> str | None:
    """
    The address of a section: letters of any script stay readable, only what breaks an address is escaped.

    A paged document without anchors is opened at its page (``#page=3``: RFC 8118, and every browser's PDF viewer).
    """
    if url is not None and not anchor and page is not None:
        return f"{url}#page={page}"
    if url is None or not anchor:
        return url
    return f"{url}#{_UNSAFE_IN_FRAGMENT.sub(lambda found: quote(found[0]), anchor)}"


def _split(uri: str) -> tuple[list[str], str]:
    """The folders and the name; ``..`` never leads above the root."""
    *folders, name = normpath("/" + uri).lstrip("/").split("/")
    return folders, name


def _published_path(folders: list[str], file_name: str, metadata: Mapping[str, Any]) -> str:
    name = _MARKDOWN_SUFFIX.sub("", file_name)
    slug = str(metadata.get("slug") or "")
    if slug.startswith("/"):
        return slug
    strip = metadata.get("parse_number_prefixes") is not False
    folder = "".join(f"{_without_number_prefix(part) if strip else part}/" for part in folders)
    if not slug and name.lower() in ("index", "readme", folders[-1].lower() if folders else ""):
        return folder
    own = slug or str(metadata.get("id") or "") or (_without_number_prefix(name) if strip else name)
    resolved = normpath(f"/{folder}{own}")
    return resolved + "/" if own.endswith("/") and resolved != "/" else resolved


def _without_number_prefix(name: str) -> str:
    if _DATE_OR_VERSION.match(name):
        return name
    found = _NUMBER_PREFIX.match(name)
    return found["rest"] if found else name
