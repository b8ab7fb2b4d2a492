"""Every example in a docstring runs, as it stands there."""

import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys

import pytest

import skytells_nb


def modules():
    for found in pkgutil.walk_packages(skytells_nb.__path__, "skytells_nb."):
        if not found.name.endswith("__main__") and ".notebooks" not in found.name:
            yield found.name


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in modules():
        module = importlib.import_module(name)
        for test in finder.find(module, name, module=module):
            if test.examples:
                yield pytest.param(test, id=test.name.removeprefix("skytells_nb."))


@pytest.mark.parametrize("example", [*examples()])
def test_the_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL", "SKYTELLS_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    if re.search(r"enable_(nested_asyncio|course_imports)\(\)", example.docstring):
        run_apart(example)  # it changes asyncio, or what skytells means, for the whole process
        return
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(example, out=told.append)
    assert not runner.failures, "".join(told)


def run_apart(example):
    text, name = example.docstring, example.name
    script = f"import doctest; doctest.run_docstring_examples({text!r}, {{}}, name={name!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def public_names():
    for name in skytells_nb.__all__:
        found = getattr(skytells_nb, name)
        if (inspect.isclass(found) or inspect.isfunction(found)) and not name.startswith("_"):
            yield pytest.param(found, id=name)


@pytest.mark.parametrize("public", [*public_names()])
def test_every_public_name_has_an_example(public):
    assert ">>>" in (inspect.getdoc(public) or ""), f"{public.__name__} has no example"
