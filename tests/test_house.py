"""What the project says of itself is so: links, settings, dependencies, routes, commands, package names."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import click
import pytest
from dotenv import dotenv_values

from domain.library.slugs import Slugs
from entrypoints.asgi import ROUTED
from entrypoints.cli import main
from entrypoints.http.app import create_app
from entrypoints.http.errors import FRAMEWORK, TABLE
from entrypoints.model_settings import NAMES as MODEL_NAMES
from entrypoints.settings import Settings, read_settings

ROOT: Final = Path(__file__).parents[1]
GUIDE: Final = ROOT / "docs" / "guide"
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
RINGS: Final = ("domain", "application", "adapters", "entrypoints")

_FENCE: Final = re.compile(r"^( *)(`{3,})(\w*)[^\n]*\n(.*?)^\1\2", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_SHOWN: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")
_ROUTE: Final = re.compile(r"\b(GET|POST|DELETE|PUT|PATCH) (/[\w/{}.-]*[\w}])")
_OPEN_ROUTE: Final = re.compile(r"`(/(?:health|schema|docs)\b[\w/]*)`")
_CODE_PATH: Final = re.compile(r"`((?:domain|application|adapters|entrypoints|alembic|tests|bench|docs)/[\w/.-]*)`")
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_PLACEHOLDER: Final = re.compile(r"TODO\w*")

# Put together here, so that this file does not match itself.
_MACHINE: Final = (
    re.compile(r"(?<![\w.])/" + "work" + r"(?![\w.-])"),
    re.compile(r"(?<![\w.])/" + "root" + r"(?![\w.-])"),
    re.compile(r"(?<![\w.])/" + r"tmp/[\w.]"),
    re.compile(r"(?<![\w.])/" + r"home/(?!ibid\b)\w"),
    re.compile(r"(?<![\w-])--(?:extra-)?" + "index-" + r"url\b"),
    re.compile("(?:artifac" + "tory|nex" + "us|pythonho" + r"sted)\b", re.IGNORECASE),
)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def code_blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for fence in _FENCE.finditer(page.read_text()):
            if fence[3] == language:
                yield page, fence[4]


def anchors(page: Path) -> set[str]:
    slugs = Slugs()
    return {slugs.unique(_SHOWN.sub(r"\1", heading)) for heading in _HEADING.findall(prose(page))}


def guide() -> str:
    return "\n".join(page.read_text() for page in sorted(GUIDE.glob("*.md")))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_relative_link_and_anchor_resolves(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        address = urlsplit(link)
        if address.scheme:
            continue
        target = (page.parent / unquote(address.path)).resolve() if address.path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert target.exists(), f"{link} leads nowhere"
        if address.fragment:
            assert unquote(address.fragment) in anchors(target), f"{link} names no heading"


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "architecture.md"], ids=relative)
def test_every_file_and_folder_that_the_map_names_is_there(page: Path) -> None:
    named = [path for path in _CODE_PATH.findall(page.read_text()) if path != "adapters/neon/migrations"]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_test_that_the_documentation_names_is_there() -> None:
    named = [test for page in PAGES for test in _TEST.findall(page.read_text())]
    assert named
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()] == []


def test_no_placeholder_is_left_in_the_documentation() -> None:
    assert [f"{relative(page)}: {mark}" for page in PAGES for mark in _PLACEHOLDER.findall(page.read_text())] == []


def test_python_in_the_documentation_compiles() -> None:
    blocks = list(code_blocks("python"))
    assert blocks
    for page, code in blocks:
        compile(code, relative(page), "exec")


def test_json_in_the_documentation_parses() -> None:
    blocks = list(code_blocks("json"))
    assert blocks
    for _, text in blocks:
        json.loads(text)


def settings_names() -> set[str]:
    own = {name for name in Settings.__struct_fields__ if name != "models"}
    plain = {name for name in own if name.startswith(("database_", "cohere_", "qdrant_"))}
    plain -= {"cohere_calls_per_month", "qdrant_shards", "qdrant_replicas", "qdrant_keep_alive"}
    return {name.upper() if name in plain else f"IBID_{name.upper()}" for name in own} | MODEL_NAMES.keys()


def example() -> Mapping[str, str]:
    return {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}


def test_the_example_names_exactly_the_settings_that_are_read() -> None:
    assert set(example()) == settings_names()


def test_the_example_s_values_are_the_defaults() -> None:
    assert read_settings(example()) == read_settings({})


def test_every_setting_is_explained_in_the_guide_and_no_other() -> None:
    page = (GUIDE / "configuration.md").read_text()
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    assert table == settings_names()


def test_every_error_code_is_explained_in_the_guide_with_its_status() -> None:
    page = (GUIDE / "errors.md").read_text()
    explained = {(code, int(status)) for code, status in re.findall(r"^- `(\w+)` \((\d{3})\): ", page, re.MULTILINE)}
    assert explained == {(row.code, row.status) for row in (*TABLE.values(), *FRAMEWORK.values())}


def served() -> set[tuple[str, str]]:
    app = create_app({name: lambda: None for name in ROUTED}, readiness=dict)
    return {
        (method, re.sub(r"\{[^}]*\}", "{}", route.path))
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method not in ("OPTIONS", "HEAD")
    }


def described(text: str) -> set[tuple[str, str]]:
    routes = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path in _ROUTE.findall(text)}
    return routes | {("GET", path) for path in _OPEN_ROUTE.findall(text)}


def test_every_route_that_the_documentation_names_is_served() -> None:
    named = described("\n".join(page.read_text() for page in PAGES))
    assert named - served() == set()


def test_every_served_route_is_described_in_the_guide() -> None:
    own = {route for route in served() if not route[1].startswith("/schema/")}
    assert own - described(guide()) == set()


def every_command(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield above + name, command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{above}{name} ")


def test_every_command_and_option_is_described_in_the_guide() -> None:
    page = (GUIDE / "command-line.md").read_text()
    commands = dict(every_command(main))
    missing = [f"ibid {name}" for name in commands if f"`ibid {name}" not in page]
    for name, command in commands.items():
        options = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
        missing += [f"ibid {name} {option}" for option in options if f"`{option}`" not in page]
    assert missing == []


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_dependency_has_a_line_of_justification_and_no_other() -> None:
    table = pyproject()
    groups = table["dependency-groups"]
    lines = [
        *table["project"]["dependencies"],
        *(one for group in groups.values() for one in group if isinstance(one, str)),
    ]
    declared = {re.split(r"[\s\[<>=;~!]", line, maxsplit=1)[0].lower() for line in lines}
    page = (ROOT / "docs" / "dependencies.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == declared


@pytest.mark.parametrize("name", RINGS)
def test_a_ring_s_name_belongs_to_this_project_alone(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)
    assert set(packages_distributions().get(name, ())) <= {"ibid"}


def project_files() -> Iterator[Path]:
    skipped = {"__pycache__", "build", "dist", "data"}
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            name
            for name in below
            if (name == ".ci" or not name.startswith(".")) and name not in skipped and not name.endswith(".egg-info")
        ]
        yield from (Path(folder, name) for name in names if name not in (".env", ".git"))


def test_no_file_names_a_machine_s_path_or_a_package_registry() -> None:
    found = [
        f"{relative(file)}: {match[0]}"
        for file in project_files()
        for match in (pattern.search(file.read_text(errors="ignore")) for pattern in _MACHINE)
        if match
    ]
    assert found == []


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert pyproject()["project"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text[:200]
    assert "END OF TERMS AND CONDITIONS" in text
