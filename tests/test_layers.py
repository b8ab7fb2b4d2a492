"""Nobody reaches past a package's door, and no check is silenced without a reason."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "skytells_nb"
FILES = sorted(ROOT.rglob("*.py"))


def past_a_door(path: Path, source: str) -> list[str]:
    """Return the imports of a module that name another package's inner module."""
    package = path.relative_to(ROOT).parts[0]
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        parts = path.relative_to(ROOT).parts[:-1]
        base = parts[: len(parts) - node.level + 1]
        target = (*base, *(node.module or "").split(".")) if node.module else base
        names = [(*target, alias.name) for alias in node.names]
        for name in names:
            inner = [part for part in name[1:] if part.startswith("_") and not part.startswith("__")]
            if name[0] != package and inner and (ROOT / name[0]).is_dir():
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {'.'.join(name)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_other_packages_by_their_door_alone(path: Path):
    assert past_a_door(path, path.read_text("utf-8")) == []


def test_a_way_past_a_door_is_seen():
    source = (
        "from ..archive._index import Index\nfrom ..archive import Archive, _index\nfrom ._views import x\n"
    )
    assert past_a_door(ROOT / "forms" / "_example.py", source) == [
        "forms/_example.py:1 imports archive._index.Index",
        "forms/_example.py:2 imports archive._index",
    ]


SILENCED = re.compile(r"# (?:noqa|type: ignore|ruff: noqa)")
REASONED = re.compile(r"noqa: [A-Z0-9, ]+(?: - |  )\w|type: ignore\[[a-z, -]+\]  # \w")


def test_a_silenced_check_says_why_on_its_line():
    lines = (
        (path.relative_to(ROOT), number, line)
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    )
    bare = [where for *where, line in lines if SILENCED.search(line) and not REASONED.search(line)]
    assert bare == []


@pytest.mark.parametrize(
    "path", sorted((ROOT.parent / "benchmarks").glob("*.py")), ids=lambda path: path.name
)
def test_a_benchmark_imports_what_there_is(path: Path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skytells_nb"):
            module = import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or import_module(f"{node.module}.{alias.name}")
