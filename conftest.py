"""Notebooks are tested on the sandbox, with no key, and leave nothing beside themselves."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

pytest_plugins = ["buckets"]

_HERE = Path(__file__).parent / "notebooks"
_FOLDER = tempfile.TemporaryDirectory(prefix="skytells-notebooks-")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Start a notebook's kernel, with its first cell, in such an environment; leave other tests alone."""
    if not item.path.is_relative_to(_HERE):
        return (yield)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")}
    # one of its own, since the sandbox of `connect()` lives there, and one lesson's bills are not another's
    archive = os.path.join(_FOLDER.name, item.path.stem)
    with mock.patch.dict(os.environ, {**kept, "SKYTELLS_ARCHIVE": archive}, clear=True):
        return (yield)
