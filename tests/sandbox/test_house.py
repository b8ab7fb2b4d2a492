"""The sandbox is a building of its own: only HTTP joins it to the toolkit."""

import ast
import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import skytells_nb.sandbox

FOLDER = Path(skytells_nb.sandbox.__file__).parent
MODULES = [name for _, name, _ in pkgutil.iter_modules([str(FOLDER)]) if name != "__main__"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_nothing_of_the_toolkit_and_is_one_idea_long(path):
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module]
        for name in names:
            assert not name.startswith("skytells_nb") or name.startswith("skytells_nb.sandbox"), name
    assert text.count("\n") <= 400


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_documentation_are_true(name):
    module = importlib.import_module(f"skytells_nb.sandbox.{name}")
    assert doctest.testmod(module).failed == 0


def test_what_is_exported_is_what_is_promised():
    assert all(hasattr(skytells_nb.sandbox, name) for name in skytells_nb.sandbox.__all__)
