"""
Where a Docusaurus site publishes a page.

Rules read in docusaurus 3 (plugin-content-docs: ``slug``, ``numberPrefix``, ``isCategoryIndex``).
"""

import re
from collections.abc import Mapping
from posixpath import normpath
from typing import Any, Final
from urllib.parse import quote

_MARKDOWN_SUFFIX: Final = re.compile(r"\.mdx?\Z", re.IGNORECASE)
_NUMBER_PREFIX: Final = re.compile(r"\d+\s*[-_.]+\s*(?P<rest>.*)\Z", re.DOTALL)
_DATE_OR_VERSION: Final = re.compile(r"\d+[-_.]\d+")
"""``2024-01-15-news`` and ``8.0`` begin with numbers that mean something."""
_UNSAFE_IN_FRAGMENT: Final = re.compile(r"""[\s"#%<>\\^`{|}]""")
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~-._"


def document_url(base_url: str | None, uri: str, metadata: Mapping[str, Any]) -> str | None:
    """
    The address of the document ``uri`` on a site whose docs begin at ``base_url``; None without a base.

    The extension ``.md`` or ``.mdx`` goes; ``index``, ``README`` and a page named as its folder become the folder
    (with a final slash, as Docusaurus links it); number prefixes go unless the front matter says
    ``parse_number_prefixes: false``; the front matter's ``slug`` replaces the last segment, or with a leading slash
    the whole path; its ``id`` replaces the last segment. A partial (a name beginning with ``_``) is no page: None.
    A uri that is an http address already is its own url.
    """
    if uri.startswith(("https://", "http://")):
        return uri
    if not base_url:
        return None
    folders, name = _split(uri)
    if any(part.startswith("_") for part in (*folders, name)):
        return None
    path = _published_path(folders, name, metadata) if _MARKDOWN_SUFFIX.search(uri) else "/".join((*folders, name))
    return base_url.rstrip("/") + "/" + quote(path.lstrip("/"), safe=_PATH_SAFE)


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
