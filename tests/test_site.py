"""The site: built strictly, links lead somewhere, search finds, nothing goes unexplained."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import unquote, urlsplit

import pytest

import skytells_nb
from skytells_nb.api import Observer

PROJECT = Path(__file__).parents[1]

HOOKS = {name for name in vars(Observer) if not name.startswith("_")} | {"take", "vote_log"}
"""What the package itself calls of an archive, a budget and a sandbox's faults, and nobody else."""

BRIEF = 1
"""How many parameters a method may have that explains them in its one sentence."""

ELSEWHERE = re.compile(r"(?:those\s+of|[Ss]ee)\s+`|to\s+be\s+awaited")
"""What a docstring says whose parameters are explained where another is."""


class Html(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as CONTRIBUTING says."""
    made = tmp_path_factory.mktemp("site").resolve()
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(made)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return made


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Html]:
    return {file: Html(file) for file in site.rglob("*.html") if file.name != "404.html"}


def reference() -> dict[str, list[str]]:
    spec = importlib.util.spec_from_file_location("hooks", PROJECT / "docs" / "site" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    return hooks.REFERENCE


def named() -> Iterator[tuple[str, Any]]:
    """Give every name of the reference that is no module, and what it names."""
    for module, names in reference().items():
        for name in names:
            found = getattr(importlib.import_module(module), name)
            if not inspect.ismodule(found) and not name.startswith("__"):
                yield f"{module}.{name}", found


def ours(cls: type) -> list[type]:
    return [each for each in cls.__mro__ if each.__module__.startswith(skytells_nb.__name__)]


def family(cls: type) -> str:
    """Give what a class and those it is made of say about themselves."""
    return "\n\n".join(inspect.cleandoc(each.__doc__ or "") for each in ours(cls))


def members(cls: type) -> dict[str, Any]:
    found = [(name, value) for each in reversed(ours(cls)) for name, value in vars(each).items()]
    return {name: value for name, value in found if not name.startswith("_")}


def fields(cls: type) -> set[str]:
    """Give the public values of a class that it has by annotation, such as those of a dataclass."""
    return {name for each in ours(cls) for name in inspect.get_annotations(each) if not name.startswith("_")}


def functions() -> Iterator[tuple[str, Any, str]]:
    """Give every public function and method, and every class to be called, with what explains it."""
    for path, found in named():
        if inspect.isclass(found):
            own = inspect.cleandoc(found.__doc__ or "")
            if listed(own):  # else it is a value that one is given, and does not make
                yield path, found, own
            for name, member in members(found).items():
                member = getattr(member, "__func__", member)
                if inspect.isfunction(member) and name not in HOOKS:
                    yield f"{path}.{name}", member, inspect.getdoc(member) or ""
        elif inspect.isfunction(found):
            yield path, found, inspect.getdoc(found) or ""


def listed(text: str) -> list[str]:
    """Give the names that the NumPy sections called Parameters list."""
    names = []
    for section in re.findall(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text + "\n", re.M | re.S):
        for line in re.findall(r"^\S.*", section, re.M):
            names += [name.strip(" *") for name in line.partition(" : ")[0].split(",")]
    return names


def test_every_public_name_and_every_lesson_has_its_page(site: Path, pages: dict[Path, Html]):
    for path, _ in named():
        page = site / "reference" / path.rpartition(".")[0].rpartition(".")[2] / "index.html"
        assert path in pages[page].anchors
    on_pages = {name for names in reference().values() for name in names}
    assert {*skytells_nb.__all__} <= on_pages
    lessons = {file.stem for file in (PROJECT / "notebooks").glob("*.ipynb")}
    assert {page.parent.name for page in pages if page.parent.parent.name == "notebooks"} == lessons


def test_every_link_leads_to_a_file_and_an_anchor_that_are_there(site: Path, pages: dict[Path, Html]):
    broken, count = [], 0
    for file, html in pages.items():
        for link in html.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme in ("https", "data", "http"), link
                continue
            count += 1
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append(f"{file.relative_to(site)}: {link} (no such file)")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{file.relative_to(site)}: {link} (no such anchor)")
    assert broken == []
    assert count > 1000, "the names in signatures and docstrings are links"


def test_nothing_is_fetched_from_elsewhere(site: Path):
    for page in site.rglob("*.html"):
        found = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text("utf-8"))
        assert found == [], page


def test_search_finds_functions_and_lessons(site: Path):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    places = {entry["location"] for entry in index["docs"]}
    assert "reference/skytells_nb/#skytells_nb.batch" in places
    assert "reference/api/#skytells_nb.api.Predictions.create" in places
    assert "notebooks/05_cost_analysis/" in places


def test_nothing_public_goes_unexplained():
    found = {path for path, value, text in functions() if not text}
    for path, cls in named():
        if inspect.isclass(cls):
            text = family(cls)
            said = {n for n, v in members(cls).items() if inspect.getdoc(v) and not isinstance(v, str | int)}
            hints = get_type_hints(cls) if fields(cls) else {}
            for name in {*members(cls), *fields(cls)} - said:
                if not re.search(rf"\b{name}\b", text) and "skytells_nb." not in str(hints.get(name)):
                    found.add(f"{path}.{name}")
    assert found == set()


def test_parameters_are_listed_by_the_names_they_have():
    found = set()
    for path, function, text in functions():
        taken = {name for name in inspect.signature(function).parameters if name not in ("self", "cls")}
        names = listed(text)
        ok = {*names} == taken if names else len(taken) <= BRIEF or ELSEWHERE.search(text)
        if not ok:
            found.add(path)
    assert found == set()


def test_what_a_public_function_gives_back_is_explained_too():
    known = {path.rpartition(".")[2] for path, _ in named()}
    for path, function, _ in functions():
        home = vars(sys.modules[function.__module__])
        words = [home.get(w) for w in re.findall(r"\w+", str(inspect.signature(function).return_annotation))]
        given = {each.__name__ for each in words if isinstance(each, type) and ours(each)}
        assert given <= known, f"{path} gives {given - known}, of which no page tells"
