"""What goes wrong on the way: limits, credit, budgets, networks, disks. Nothing is paid for twice."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.api import Account, Observer
from skytells_nb.api import _observers as observers
from skytells_nb.exceptions import BudgetExceeded, SkytellsError, SkytellsWarning
from skytells_nb.jobs import _runner, batch, batches

from .conftest import TEXTER, of_another_process

INPUTS = [f"fox {n}" for n in range(12)]


def statuses(made: sky.PredictionList) -> list[str]:
    return [prediction.status for prediction in made]


class TestRateLimits:
    def test_they_slow_a_batch_and_never_fail_it(self, run, sandbox):
        sandbox.faults.next("rate_limit", on="create", times=25, retry_after=0.02)
        made = run(INPUTS)
        assert statuses(made) == ["succeeded"] * 12
        assert sandbox.billed == 12

    def test_too_many_at_a_time_lowers_the_number_under_way(self, archive):
        with (
            sky.Sandbox(seconds=0.05, concurrency=2, retry_after="fraction") as sandbox,
            sandbox.client(archive=archive) as client,
        ):
            made = batch(TEXTER, INPUTS, limit=8, client=client)
            refused = sum(request.status == 429 for request in sandbox.log)
            assert statuses(made) == ["succeeded"] * 12
            assert 0 < refused < 60

    def test_a_long_wait_is_explained_once(self, run, sandbox, monkeypatch):
        monkeypatch.setattr(_runner, "_WORTH_SAYING", 0.01)
        sandbox.faults.next("rate_limit", on="create", times=25, retry_after=0.02)
        with pytest.warns(SkytellsWarning) as told:
            run(INPUTS)
        assert [str(each.message)[:36] for each in told] == ["The API asks to wait 0 s for its rat"]

    def test_a_limit_on_reads_does_no_harm_either(self, run, sandbox):
        sandbox.faults.next("rate_limit", on=["list", "read"], times=5, retry_after=0.02)
        assert statuses(run(INPUTS)) == ["succeeded"] * 12


class TestWhatWouldStopEveryOne:
    def test_without_credit_nothing_more_is_sent_and_a_later_run_goes_on(self, run, sandbox, creates):
        sandbox.faults.always("no_credit", after=4)
        with pytest.warns(
            SkytellsWarning,
            match=r"stopped: 4 of 12 done, .* spent · 8 not sent\. .*no credit left.*Run it again",
        ):
            made = run(INPUTS, limit=1)
        assert statuses(made) == ["succeeded"] * 4 + ["not_sent"] * 8
        assert made[4].id == "not-created-4"
        assert made[4].error.startswith("Not sent: Not enough credit")
        assert made[11].prompt == "fox 11"
        assert creates() == 5
        sandbox.faults.clear()
        again = run(INPUTS, limit=1)
        assert statuses(again) == ["succeeded"] * 12
        assert sandbox.billed == 12

    def test_a_key_that_is_refused_half_way(self, run, sandbox, creates):
        sandbox.faults.always("unauthorized", on="create", after=3)
        with pytest.warns(SkytellsWarning, match="refused the key"):
            made = run(INPUTS, limit=2)
        assert statuses(made).count("succeeded") == 3
        assert creates() <= 5

    def test_connections_that_break_leave_doubts_and_the_others_go_on(self, run, sandbox):
        sandbox.faults.next("drop_before", times=2, after=3)
        made = run(INPUTS)
        lost = [prediction for prediction in made if prediction.id.startswith("uncertain-")]
        assert len(lost) == 2
        assert sandbox.billed == statuses(made).count("succeeded") == 10
        assert statuses(run(INPUTS, retry_uncertain=True)) == ["succeeded"] * 12
        assert sandbox.billed == 12

    def test_an_api_that_stays_away_stops_the_batch(self, archive, monkeypatch):
        from skytells_nb.jobs import _rate_limiter

        monkeypatch.setattr(_rate_limiter, "_PATIENCE", 0.0)
        monkeypatch.setattr(_rate_limiter, "_LONGEST", 0.01)
        with sky.Sandbox(seconds=0) as sandbox, sandbox.client(archive=archive, max_retries=0) as client:
            talk = client.connection
            stop = StopServer(sandbox, after=3)
            talk.observers.append(stop)
            with pytest.warns(SkytellsWarning, match="not sent"):
                made = batch(TEXTER, INPUTS, limit=1, name="foxes", client=client)
            assert statuses(made)[:3] == ["succeeded"] * 3
            assert set(statuses(made)[3:]) == {"not_sent"}
            talk.observers.remove(stop)
            sandbox.start()
            again = batch(TEXTER, INPUTS, limit=1, name="foxes", client=client)
            assert statuses(again) == ["succeeded"] * 12
            assert sandbox.billed == 12


def test_what_cannot_be_waited_for_any_longer_is_given_as_it_is_and_followed_later(archive):
    with sky.Sandbox(seconds=0.3) as sandbox, sandbox.client(archive=archive) as client:
        sandbox.faults.always("unauthorized", on=["read", "list"])
        made = batch(TEXTER, INPUTS[:3], client=client)
        assert statuses(made) == ["processing"] * 3
        assert "refused the key" in made[0].error
        assert [(b.running, b.waiting) for b in batches(archive)] == [(3, 0)]
        sandbox.faults.clear()
        again = batch(TEXTER, INPUTS[:3], client=client)
        assert statuses(again) == ["succeeded"] * 3
        assert [prediction.id for prediction in again] == [prediction.id for prediction in made]
        assert sandbox.billed == 3


class StopServer(Observer):
    """Stops the sandbox before the create that comes after so many."""

    def __init__(self, sandbox: sky.Sandbox, after: int) -> None:
        self._sandbox, self._left = sandbox, after

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> None:
        if not self._left:
            self._sandbox.stop()
        self._left -= 1


class Purse(Observer):
    """A budget as the spending room keeps one: it reserves before a create, and settles at the end."""

    def __init__(self, amount: Decimal, price: Decimal) -> None:
        self.left, self.price, self.ended_ones = amount, price, 0

    async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> None:
        if self.price > self.left:
            raise BudgetExceeded("This would cross the budget. Nothing was sent.", charged=False)
        self.left -= self.price

    async def ended(self, account: Account, prediction: Any) -> Any:
        self.left += self.price - Decimal("0.1")
        self.ended_ones += 1
        return prediction


class TestBudgets:
    @pytest.fixture
    def spending(self, monkeypatch: pytest.MonkeyPatch) -> list[Purse]:
        purses: list[Purse] = []

        @contextmanager
        def budget(amount: Any) -> Iterator[Purse]:
            purses.append(Purse(Decimal(str(amount)), Decimal("0.5")))
            observers.global_observers.append(purses[-1])
            try:
                yield purses[-1]
            finally:
                observers.global_observers.remove(purses[-1])

        room = types.ModuleType("skytells_nb.spending")
        room.budget = budget  # type: ignore[attr-defined]
        room.join_budgets = lambda _announced: None  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "skytells_nb.spending", room)
        return purses

    def test_what_would_cross_it_is_not_sent(self, run, creates, spending):
        with pytest.warns(SkytellsWarning, match=r"not sent.*cross the budget"):
            made = run([*INPUTS[:-1], "data:image/png;base64," + "A" * 3_000], budget="1", limit=1)
        assert "not kept here" in made[-1].input["prompt"], "a thousand pictures would fill the memory"
        done = statuses(made).count("succeeded")
        assert 0 < done < 12
        assert creates() == done
        assert statuses(made) == ["succeeded"] * done + ["not_sent"] * (12 - done)
        assert made[-1].done
        assert made[-1].cost is None
        assert observers.global_observers == []

    def test_what_was_only_reserved_comes_back_before_the_batch_gives_up(self, run, spending):
        """Two are under way at a time, while the budget has room for one reservation after the other."""
        assert statuses(run(INPUTS[:6], budget="1.05", limit=8)) == ["succeeded"] * 6

    def test_a_refusal_that_is_older_than_the_money_that_came_back_is_asked_again(self, run, spending):
        """The only one under way ends, and is settled, before the refusal of the other is heard of."""

        class Slow(Observer):
            async def before_create(self, account: Account, model: str, input: dict[str, Any]) -> None:
                purse = spending[-1]
                if purse.price > purse.left:
                    while not purse.ended_ones:
                        await asyncio.sleep(0.01)
                    await asyncio.sleep(0.3)
                    raise BudgetExceeded("This would have crossed the budget.", charged=False)

        slow = Slow()
        observers.global_observers.append(slow)
        try:
            assert statuses(run(INPUTS[:2], budget="0.6", limit=2)) == ["succeeded"] * 2
        finally:
            observers.global_observers.remove(slow)

    def test_a_batch_without_one_needs_no_spending_room(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "skytells_nb.spending", None)
        assert statuses(run(INPUTS)) == ["succeeded"] * 12


def test_a_client_that_is_closed_ends_it_and_another_goes_on(run, client, sandbox, archive):
    class Close(Observer):
        async def created(self, account: Account, ticket: object, prediction: Any) -> None:
            if sandbox.billed >= 4:
                client.close()

    client.connection.observers.append(Close())
    with pytest.warns(SkytellsWarning, match="Client is closed"):
        made = run(INPUTS, limit=1)
    assert "not_sent" in statuses(made)
    with sandbox.client(archive=archive) as another:
        assert statuses(run(INPUTS, client=another)) == ["succeeded"] * 12
    assert sandbox.billed == 12


class TestTheArchive:
    def test_an_index_that_cannot_be_written_any_more_stops_the_batch_before_anything_is_sent(
        self, run, archive, sandbox, creates
    ):
        run(["warm up"])
        begun = creates()
        archive.database.writing(lambda db: db.execute("PRAGMA query_only = ON"))
        with pytest.raises(SkytellsError, match="read-only"):
            run(INPUTS)
        assert creates() == begun

    def test_half_way_too_and_nothing_is_lost(self, run, client, archive, sandbox):
        class Shut(Observer):
            async def created(self, account: Account, ticket: object, prediction: Any) -> None:
                if sandbox.billed >= 5:
                    archive.database.writing(lambda db: db.execute("PRAGMA query_only = ON"))

        shut = Shut()
        client.connection.observers.append(shut)
        with pytest.warns(SkytellsWarning), pytest.raises(SkytellsError) as told:
            run(INPUTS, limit=2)
        assert told.value.message.startswith(
            "Batch stopped, since its journal cannot be written: Cannot write"
        )
        assert "nothing is paid for twice" in told.value.message
        assert len(told.value.results) == 12
        sent = sandbox.billed
        assert sent <= 7
        client.connection.observers.remove(shut)
        archive.close()
        again = run(INPUTS)
        assert statuses(again) == ["succeeded"] * 12
        assert all(made.files for made in again), "also what the archive could not keep then"
        assert sandbox.billed == 12

    def test_what_it_owes_is_fetched_by_the_next_run(self, sandbox, client):
        sandbox.faults.always("unauthorized", on="asset")
        with pytest.warns(SkytellsWarning, match="could not be archived"):
            (made,) = batch("truefusion-edge", ["a fox"], client=client)
        assert not made.files
        sandbox.faults.clear()
        (again,) = batch("truefusion-edge", ["a fox"], client=client)
        assert (again.id, len(again.files)) == (made.id, 1)

    def test_a_folder_that_is_a_file_is_told_before_anything_is_sent(self, sandbox, tmp_path, creates):
        (tmp_path / "file").write_text("in the way")
        with (
            sandbox.client(archive=tmp_path / "file") as client,
            pytest.raises(SkytellsError, match="archive"),
        ):
            batch(TEXTER, INPUTS, client=client)
        assert creates() == 0

    def test_the_journal_is_in_the_archives_own_index(self, run, archive):
        run(INPUTS, name="foxes")
        with sqlite3.connect(archive.path / "index.sqlite") as db:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            states = db.execute("SELECT state, count(*) FROM jobs_items GROUP BY state").fetchall()
        db.close()
        assert {"jobs_batches", "jobs_items", "predictions"} <= tables
        assert states == [("succeeded", 12)]

    def test_an_index_that_is_set_aside_half_way_is_begun_anew(self, run, archive, sandbox):
        first = run(INPUTS[:2], name="foxes")
        archive.close()
        (archive.path / "index.sqlite").write_bytes(b"not a database at all" * 100)
        with pytest.warns(SkytellsWarning) as told:
            made = run(INPUTS[:4], name="foxes")
        assert "damaged" in str(told[0].message)
        assert "was lost with the archive's index" in str(told[-1].message)
        assert [prediction.id for prediction in made[:2]] == [prediction.id for prediction in first]
        assert statuses(made) == ["succeeded"] * 4
        assert sandbox.billed == 4, "what the archive has is not paid for again"
        assert [b.name for b in batches(archive)] == ["foxes"]

    @pytest.mark.parametrize(
        "damage",
        [
            "DROP TABLE jobs_items",
            "DELETE FROM jobs_items",
            "ALTER TABLE jobs_items DROP COLUMN cost",
            "UPDATE jobs_items SET state = 'x', since = 'y', cost = 'z'",
        ],
    )
    @pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
    def test_a_damaged_journal_pays_for_nothing_twice(self, run, archive, sandbox, damage):
        first = run(["a fox", "an owl"], name="foxes")
        with sqlite3.connect(archive.path / "index.sqlite") as db:
            db.execute(damage)
        db.close()
        assert [made.id for made in run(["a fox", "an owl"], name="foxes")] == [made.id for made in first]
        assert sandbox.billed == 2

    def test_what_ran_when_the_index_was_lost_is_found_by_a_later_run_too(self, run, archive, sandbox):
        """The archive knows of one, the listing of two; the first run after the loss cannot ask it."""
        kept = [run(["a fox"], name="foxes")[0].id]
        with of_another_process(sandbox) as other:
            texts = ("an owl", "a fox")
            kept += [other.predictions.create(TEXTER, {"prompt": text}, wait=False).id for text in texts]
        archive.close()
        for file in archive.path.glob("index.sqlite*"):
            file.unlink()
        inputs = ["a fox", "an owl", "a fox", "a bear"]
        sandbox.faults.next("forbidden", on="list")
        with pytest.warns(SkytellsWarning, match="index"), pytest.raises(SkytellsError, match="looked for"):
            run(inputs, name="foxes")
        with pytest.warns(SkytellsWarning, match="lost"):
            made = run(inputs, name="foxes")
        assert [prediction.id for prediction in made[:3]] == kept
        assert (statuses(made), sandbox.billed) == (["succeeded"] * 4, 4)
        assert run(inputs, name="foxes") == made, "now it is known again, and nothing is said"

    def test_the_journal_in_an_index_that_was_set_aside_still_counts(self, run, archive, sandbox):
        first = run(INPUTS, name="foxes")
        archive.close()
        index = archive.path / "index.sqlite"
        index.rename(index.with_name("index-damaged-20261122-101500.sqlite"))
        with pytest.warns(SkytellsWarning) as told:
            again = run(INPUTS, name="foxes")
        assert "no usable index" in str(told[0].message)
        assert [prediction.id for prediction in again] == [prediction.id for prediction in first]
        assert sandbox.billed == 12

    def test_pictures_that_were_sent_are_left_to_the_archive(self, client, archive):
        picture = "data:image/png;base64," + "A" * 5000
        made = batch(TEXTER, [{"prompt": picture}], client=client)
        assert made[0].input["prompt"].startswith("data:image/png;… (5,022 characters")
        assert archive.get(made[0].id).input["prompt"] == picture
        assert batch(TEXTER, [{"prompt": picture}], client=client) == made
