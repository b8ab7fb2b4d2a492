"""`sky.batches()`: what was begun and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path

import pandas as pd
import pytest

from skytells_nb.exceptions import SkytellsWarning
from skytells_nb.jobs import BatchList, batches
from skytells_nb.models import Prediction

from .test_again import journal_of, keys_of


def test_where_there_is_no_archive_there_are_no_batches_and_none_is_made(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert batches() == batches(tmp_path / "out") == []
    assert list(tmp_path.iterdir()) == []


def test_an_archive_without_batches_has_none(client, archive):
    client.predictions.create("sandbox-scribe", {"prompt": "a fox"})
    assert batches(archive) == []


def test_it_tells_how_many_are_in_which_state(run, sandbox, archive):
    sandbox.faults.next("failed", after=2)
    sandbox.faults.always("no_credit", after=4)
    with pytest.warns(SkytellsWarning):
        run(["a", "b", "c", "d", "e", "f"], name="letters", limit=1)
    (told,) = batches(archive)
    assert (told.name, told.model, told.origin, told.total) == ("letters", "sandbox-scribe", sandbox.url, 6)
    assert (told.succeeded, told.failed, told.waiting, told.running, told.uncertain) == (3, 1, 2, 0, 0)
    assert told.sandbox
    assert not told.done
    assert told.cost > Decimal(0)
    assert abs((datetime.now(UTC) - told.started).total_seconds()) < 60


def test_what_a_killed_run_left_is_told_as_it_is(client, archive):
    client.predictions.list()
    journal = journal_of(client, archive, name="letters", total=3)
    first, second, _ = keys_of(["a", "b", "c"])
    journal.sent(first, datetime.now(UTC))
    journal.sent(second, datetime.now(UTC))
    journal.running(second, "p1")
    journal.flush()
    (told,) = batches(archive)
    assert (told.uncertain, told.running, told.waiting) == (1, 1, 1)


def test_the_newest_comes_first_and_each_has_a_line(run, archive):
    run(["a"], name="older")
    run(["a"], name="<b>newer</b>")
    found = batches(str(archive.path))
    assert [batch.name for batch in found] == ["<b>newer</b>", "older"]
    lines = repr(found).splitlines()
    assert lines[0] == "BatchList of 2"
    assert lines[2].split()[:4] == ["<b>newer</b>", "sandbox-scribe", "1", "succeeded"]
    assert " credits " in lines[2]
    page = found._repr_html_()
    assert "&lt;b&gt;newer&lt;/b&gt;" in page
    assert "<b>newer" not in page
    assert list(pd.DataFrame(found)["name"]) == ["<b>newer</b>", "older"]


def test_a_cost_is_added_exactly_whatever_precision_a_notebook_has(client, archive):
    client.predictions.list()
    journal = journal_of(client, archive, name="letters", total=3)
    for n, key in enumerate(keys_of(["a", "b", "c"])):
        made = Prediction(id=f"p{n}", status="succeeded", cost=Decimal("1234.5678") / (1 + n // 2))
        journal.sent(key, datetime.now(UTC))
        journal.ended(key, made)
    journal.flush()
    with localcontext(prec=3):
        (told,) = found = batches(archive)
        assert told.cost == Decimal("3086.4195")
        assert "3,086.4195 credits" in repr(found)


def test_an_empty_list_says_so():
    assert repr(BatchList()) == "BatchList of 0"
    assert "No batches" in BatchList()._repr_html_()
