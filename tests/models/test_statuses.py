"""Statuses: what means them on the wire, and that mypy names every place that must know a new one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import skytells_nb
from skytells_nb.models import STATUSES, Prediction, count_statuses, is_done, parse_status

PACKAGE = Path(skytells_nb.__file__).parent


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", "queued"),
        ("starting", "queued"),
        ("started", "processing"),
        (" Succeeded ", "succeeded"),
        ("cancelled", "canceled"),
        ("paused", None),
        ("not_sent", None),
    ],
)
def test_a_word_on_the_wire_means_a_status(word: str, status: str | None):
    assert parse_status(word) == status


def test_an_unknown_word_is_not_finished():
    assert Prediction.from_api({"id": "p1", "status": "paused"}).status == "processing"


@pytest.mark.parametrize(
    ("word", "status"), [("COMPLETED", "succeeded"), ("done", "succeeded"), ("error", "failed")]
)
def test_an_end_in_the_words_of_another_api_is_one(word: str, status: str):
    assert Prediction.from_api({"id": "p1", "status": word}).status == status


def test_some_are_over_and_some_are_not():
    assert [status for status in STATUSES if not is_done(status)] == ["queued", "processing"]


def test_they_are_counted_in_words():
    assert (
        count_statuses(["failed", "not_sent", "succeeded", "failed"]) == "1 succeeded, 2 failed, 1 not sent"
    )
    assert count_statuses([]) == ""


def test_mypy_names_every_place_that_must_know_a_new_status(tmp_path: Path):
    copy = tmp_path / "skytells_nb"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "notebooks", "sandbox"))
    exhaustive = re.compile(r"assert_never\((?:\w+\.)*status\)")
    places = {
        path.relative_to(tmp_path).as_posix(): len(found)
        for path in copy.rglob("*.py")
        if (found := exhaustive.findall(path.read_text("utf-8")))
    }
    assert len(places) >= 2
    table = copy / "models" / "_status.py"
    table.write_text(table.read_text("utf-8").replace('"not_sent"]', '"not_sent", "paused"]'), "utf-8")
    models = [f"skytells_nb/models/{path.name}" for path in (copy / "models").glob("*.py")]
    mypy = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=skip", "--cache-dir=cache"]
    told = subprocess.run([*mypy, *{*places, *models}], cwd=tmp_path, capture_output=True, text=True).stdout
    named = Counter(re.findall(r"(\S+?):\d+: error: .*assert_never.*paused", told))
    assert named == places, told
