"""The sandbox is a package of its own: only HTTP joins it to the toolkit."""

import ast
from pathlib import Path

import pytest

import skytells_nb.sandbox

FOLDER = Path(skytells_nb.sandbox.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_imports_nothing_of_the_toolkit(path):
    depth = len(path.relative_to(FOLDER).parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level <= depth
            names = [] if node.level else [node.module]
        for name in names:
            assert not name.startswith("skytells_nb") or name.startswith("skytells_nb.sandbox"), name
