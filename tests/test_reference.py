"""The API reference: it can be generated, its links lead somewhere, and nothing public goes unexplained."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pdoc import doc

import skytells_nb

PROJECT = Path(__file__).parents[1]
GENERATOR = PROJECT / "docs" / "reference"

BRIEF = 1
"""How many parameters a method may have that explains them in its one sentence."""

ELSEWHERE = re.compile(r"(?:those\s+of|[Ss]ee)\s+`")
"""What a docstring says whose parameters are explained where another is."""


class Html(HTMLParser):
    """The anchors of a file, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.append(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Html]:
    """Generate the reference as CONTRIBUTING says, every warning an error, and read it."""
    made = tmp_path_factory.mktemp("reference").resolve()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(GENERATOR), str(made)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {file: Html(file) for file in made.rglob("*.html")}


def described() -> Iterator[tuple[doc.Class | None, Any]]:
    """Walk through all that the pages show: each name, and the class it belongs to, if any."""
    spec = importlib.util.spec_from_file_location("reference", GENERATOR / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    for page in generator.pages().values():
        for each in page.members.values():
            yield None, each
            if isinstance(each, doc.Class):
                for member in each.own_members:
                    if not member.name.startswith("_") or member.name == "__init__":
                        yield each, member


def family(owner: doc.Class) -> str:
    """Give what a class and those it is made of say about themselves."""
    ours = [each for each in owner.obj.__mro__ if each.__module__.startswith(skytells_nb.__name__)]
    return "\n\n".join(inspect.cleandoc(each.__doc__ or "") for each in ours)


def explained(owner: doc.Class | None, each: Any) -> bool:
    if each.docstring or each.name == "__init__":
        return True
    if not isinstance(each, doc.Variable) or owner is None:
        return False
    leads_to_a_page = re.search(r"\bskytells_nb\.", each.annotation_str)
    return bool(leads_to_a_page or re.search(rf"\b{each.name}\b", family(owner)))


def listed(text: str) -> list[str]:
    """Give the names that the NumPy sections called Parameters list."""
    names = []
    for section in re.findall(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text + "\n", re.M | re.S):
        for line in re.findall(r"^\S.*", section, re.M):
            names += [name.strip(" *") for name in line.partition(" : ")[0].split(",")]
    return names


def test_it_is_generated_without_a_warning_and_every_public_name_has_its_place(files):
    facade = next(html for file, html in files.items() if file.name == "skytells_nb.html")
    rooms = {file.stem for file in files if file.parent.name == "skytells_nb"}
    assert {"exceptions", "webhooks"} <= rooms
    elsewhere = {*skytells_nb.exceptions.__all__}  # errors have a page of their own
    assert {*skytells_nb.__all__} - {*facade.anchors} == {"exceptions", "webhooks", "__version__", *elsewhere}


def test_every_link_leads_to_a_file_and_an_anchor_that_are_there(files):
    broken = []
    count = 0
    for file, html in files.items():
        for link in html.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme in ("https", "data"), link
                continue
            count += 1
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file():
                broken.append(f"{file.name}: {link} (no such file)")
            elif parts.fragment and unquote(parts.fragment) not in files[target].anchors:
                broken.append(f"{file.name}: {link} (no such anchor)")
    assert broken == []
    assert count > 500, "the names in signatures and docstrings are links"


def test_no_anchor_is_there_twice(files):
    for file, html in files.items():
        assert len(html.anchors) == len({*html.anchors}), file.name


def test_nothing_public_goes_unexplained():
    found = {each.fullname for owner, each in described() if not explained(owner, each)}
    assert found == set()


def test_parameters_are_listed_by_the_names_they_have():
    found = set()
    for owner, each in described():
        if not isinstance(each, doc.Function):
            continue
        text = each.docstring
        if each.name == "__init__" and owner is not None:
            own = inspect.cleandoc(owner.obj.__doc__ or "")
            text = own if listed(own) else family(owner)
        taken = {name for name in each.signature.parameters if name not in ("self", "cls")}
        names = listed(text)
        ok = {*names} == taken if names else len(taken) <= BRIEF or ELSEWHERE.search(text)
        if not ok:
            found.add(each.fullname)
    assert found == set()


def test_what_a_public_function_gives_back_is_explained_too():
    known = {each.name for owner, each in described() if owner is None}
    for owner, each in described():
        if owner is None and isinstance(each, doc.Function):
            given = re.findall(r"skytells_nb(?:\.\w+)*\.([A-Z]\w+)", str(each.signature.return_annotation))
            assert {*given} <= known, f"{each.fullname} gives {given}, of which no page tells"
