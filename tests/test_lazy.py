"""Upward look-ups: each leads to something, and nowhere else is a function named by a text."""

from __future__ import annotations

import re
from pathlib import Path

import skytells_nb
from skytells_nb import _lazy

PACKAGE = Path(skytells_nb.__file__).parent


def test_every_one_leads_to_something_that_can_be_called():
    assert len(_lazy.UPWARD) >= 8
    for upward in _lazy.UPWARD:
        assert callable(upward.resolve()), upward


def test_nobody_else_resolves_names_of_his_own():
    named = re.compile(r'"skytells_nb\.[a-z_.]+:\w+"')
    paths = [path for path in PACKAGE.rglob("*.py") if named.search(path.read_text("utf-8"))]
    left = {path.relative_to(PACKAGE).as_posix() for path in paths}
    assert left <= {"client/connection.py", "client/inputs.py"}
