"""A batch that is run again: what is finished costs nothing, what is under way is followed."""

from __future__ import annotations

import warnings
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.archive import Archive
from skytells_nb.exceptions import InvalidInputError, SkytellsError
from skytells_nb.jobs import _local_journal, _runner, batch, batches
from skytells_nb.jobs._inputs import Inputs
from skytells_nb.jobs._local_journal import LocalJournal

from .conftest import TEXTER, of_another_process

INPUTS = ["a fox", "an owl", "a fox", "a bear"]


def journal_of(
    client: sky.Client, archive: Archive, *, name: str, total: int, given: Inputs | None = None
) -> LocalJournal:
    account = client.connection.account
    journal = LocalJournal(archive, account, name=name, model=TEXTER, total=total, now=datetime.now(UTC))
    journal.open(given)
    return journal


def keys_of(inputs: list[Any]) -> list[Any]:
    read = Inputs(TEXTER, inputs, None, "")
    while read.read(100):
        continue
    return [read.key(n) for n in range(len(inputs))]


def ids(made: sky.PredictionList) -> list[str]:
    return [prediction.id for prediction in made]


@pytest.mark.parametrize("where", ["plain", "in a list", "in a message"])
def test_pictures_are_held_some_megabytes_at_a_time_wherever_they_lie(client, archive, monkeypatch, where):
    monkeypatch.setattr(_local_journal, "HEAVY", 2_000)
    url = "data:," + "A" * 1_500
    nested = {"plain": url, "in a list": [url], "in a message": [{"content": [{"image_url": {"url": url}}]}]}
    with closing(Inputs(TEXTER, [{"image": nested[where], "seed": n} for n in range(5)], None, "")) as given:
        while given.read(10):
            continue
        journal = journal_of(client, archive, name="heavy", total=5, given=given)
        assert [len(journal.take(more=True) or ()) for _ in range(4)] == [2, 2, 1, 0]


def test_without_a_name_it_is_known_by_its_model_and_inputs(run, creates):
    first = run(INPUTS)
    again = run(INPUTS)
    assert ids(again) == ids(first)
    assert again.name == first.name
    assert creates() == 4
    assert [prediction.files for prediction in again] == [prediction.files for prediction in first]


def test_other_inputs_are_another_batch(run, creates):
    run(INPUTS)
    run(INPUTS[:3])
    assert creates() == 7


def test_under_a_name_only_what_is_new_is_created(run, creates):
    first = run(INPUTS, name="animals")
    again = run(["a wolf", *reversed(INPUTS)], name="animals")
    assert creates() == 5
    assert set(ids(again[1:])) == set(ids(first))
    assert ids(again)[1:3] == [ids(first)[3], ids(first)[0]], "found by what was asked, not by its place"


def test_another_process_goes_on_where_the_first_one_was(run, sandbox, archive, creates):
    first = run(INPUTS)
    archive.close()
    with Archive(archive.path) as opened, sandbox.client(archive=opened) as other:
        assert ids(run(INPUTS, client=other)) == ids(first)
    assert creates() == 4


def test_another_key_is_another_batch(run, sandbox, archive, creates):
    run(INPUTS)
    with sky.Client("sk-of-somebody-else", base_url=sandbox.url, archive=archive) as other:
        run(INPUTS, client=other)
    assert creates() == 8


def test_a_rehearsal_on_another_sandbox_is_not_taken_for_this_one(run, archive, sandbox):
    with sky.Sandbox(seconds=0) as rehearsal, rehearsal.client(archive=archive) as client:
        run(INPUTS, client=client)
    run(INPUTS)
    assert sandbox.billed == 4


def test_a_name_belongs_to_one_model(run, client, creates):
    run(INPUTS, name="animals")
    with pytest.raises(InvalidInputError, match="There is a batch 'animals' of 'sandbox-scribe' already"):
        batch("truefusion-edge", INPUTS, name="animals", client=client)
    assert creates() == 4


def test_what_failed_stays_so_until_it_is_to_be_tried_again(run, sandbox, creates):
    sandbox.faults.next("failed", after=1)
    sandbox.faults.next("content_policy", after=2)
    first = run(INPUTS, limit=1)
    assert [prediction.status for prediction in first] == ["succeeded", "failed", "failed", "succeeded"]
    again = run(INPUTS, limit=1)
    assert ids(again) == ids(first)
    assert [prediction.error for prediction in again] == [prediction.error for prediction in first]
    assert creates() == 4
    retried = run(INPUTS, limit=1, retry_failed=True)
    assert {prediction.status for prediction in retried} == {"succeeded"}
    assert creates() == 6, "just those"
    assert [ids(retried)[n] for n in (0, 3)] == [ids(first)[n] for n in (0, 3)]


def test_what_was_under_way_is_followed_by_its_id(run, client, archive, creates, sandbox):
    """As a killed kernel leaves it: the id is written, the end is not."""
    made = client.predictions.create(TEXTER, {"prompt": "an owl"}, wait=False)
    journal = journal_of(client, archive, name="animals", total=4)
    key = keys_of(INPUTS)[1]
    journal.sent(key, datetime.now(UTC))
    journal.running(key, made.id)
    journal.flush()
    again = run(INPUTS, name="animals")
    assert again[1].id == made.id
    assert sandbox.billed == 4


def test_what_ended_and_was_archived_before_the_kill_is_not_even_asked_for(run, client, archive, sandbox):
    made = client.predictions.create(TEXTER, {"prompt": "a fox"})
    journal = journal_of(client, archive, name="animals", total=1)
    (key,) = keys_of(["a fox"])
    journal.sent(key, datetime.now(UTC))
    journal.running(key, made.id)
    journal.flush()
    before = [request.route for request in sandbox.log]
    assert run(["a fox"], name="animals")[0].id == made.id
    assert [request.route for request in sandbox.log][len(before) :] == ["model"]


def test_what_an_interrupt_had_canceled_is_created_anew(archive):
    with sky.Sandbox(seconds=0.5) as sandbox, sandbox.client(archive=archive) as client:
        made = client.predictions.create(TEXTER, {"prompt": "a fox"}, wait=False)
        journal = journal_of(client, archive, name="animals", total=1)
        (key,) = keys_of(["a fox"])
        journal.sent(key, datetime.now(UTC))
        journal.running(key, made.id)
        journal.flush()
        client.predictions.cancel(made.id)
        again = batch(TEXTER, ["a fox"], name="animals", client=client)
        assert again[0].status == "succeeded"
        assert again[0].id != made.id
        assert sandbox.billed == 1


def test_what_left_the_archive_is_not_paid_for_again(run, archive, creates):
    first = run(["a fox", "an owl"])
    archive.remove(first[0])
    again = run(["a fox", "an owl"])
    assert creates() == 2
    assert (again[0].id, again[0].status, again[0].cost) == (first[0].id, "succeeded", first[0].cost)
    assert "paid for earlier, and has left the archive" in again[0].error


def test_what_the_api_has_forgotten_is_a_failure_and_not_paid_for_again(run, client, archive, creates):
    journal = journal_of(client, archive, name="animals", total=1)
    (key,) = keys_of(["a fox"])
    journal.sent(key, datetime.now(UTC))
    journal.running(key, "sandbox-00000000000000000000000000000000")
    journal.flush()
    again = run(["a fox"], name="animals")
    assert (again[0].id, again[0].status) == ("sandbox-00000000000000000000000000000000", "failed")
    assert creates() == 0
    assert run(["a fox"], name="animals", retry_failed=True)[0].status == "succeeded"


class TestUncertain:
    """Written as sent, without an id: what a kill between the two leaves."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the second look come soon after the first."""
        monkeypatch.setattr(_runner, "_AGAIN", 0.2)

    def leave(self, client: sky.Client, archive: Archive, inputs: list[str], *lost: int) -> None:
        journal = journal_of(client, archive, name="animals", total=len(inputs))
        keys = keys_of(inputs)
        talk = client.connection
        for n in lost:
            journal.sent(keys[n], talk.earliest(talk.now(), talk.wall()) - timedelta(seconds=2))
        journal.flush()

    def test_what_was_accepted_is_found_in_the_listing(self, run, client, archive, sandbox):
        self.leave(client, archive, INPUTS, 1)
        with of_another_process(sandbox) as killed:
            made = killed.predictions.create(TEXTER, {"prompt": "an owl"})
        again = run(INPUTS, name="animals")
        assert again[1].id == made.id
        assert sandbox.billed == 4

    @pytest.mark.parametrize("hours", [-26, -2, 2, 26])
    @pytest.mark.parametrize("when", ["before the kill", "after it"])
    def test_a_clock_that_was_set_costs_nothing(self, run, client, archive, sandbox, creates, hours, when):
        def set_clock() -> None:
            client.connection.wall = lambda: datetime.now(UTC) + timedelta(hours=hours)

        client.models.get(TEXTER)  # as a batch does first, which tells the API's own time
        if when == "before the kill":
            set_clock()
        self.leave(client, archive, INPUTS, 1)
        with of_another_process(sandbox) as killed:
            made = killed.predictions.create(TEXTER, {"prompt": "an owl"})
        if when == "after it":
            set_clock()
        assert run(INPUTS, name="animals")[1].id == made.id
        assert ids(run(INPUTS, name="animals"))[1] == made.id
        assert sandbox.billed == creates() == 4

    def test_two_equal_ones_get_one_each(self, run, client, archive, sandbox):
        self.leave(client, archive, INPUTS, 0, 2)
        with of_another_process(sandbox) as killed:
            made = {killed.predictions.create(TEXTER, {"prompt": "a fox"}).id for _ in range(2)}
        again = run(INPUTS, name="animals")
        assert {again[0].id, again[2].id} == made
        assert sandbox.billed == 4

    def test_of_two_equal_ones_one_may_have_been_accepted(self, run, client, archive, sandbox):
        self.leave(client, archive, INPUTS, 0, 2)
        with of_another_process(sandbox) as killed:
            made = killed.predictions.create(TEXTER, {"prompt": "a fox"})
        again = run(INPUTS, name="animals")
        assert again[0].id == made.id
        assert again[2].id == "uncertain-2"
        assert sandbox.billed == 3

    def test_what_another_item_owns_is_not_taken(self, run, client, archive, sandbox, creates):
        self.leave(client, archive, ["a fox"], 0)
        owned = run(["a fox"], name="other")
        assert run(["a fox"], name="animals")[0].id == "uncertain-0"
        assert owned[0].status == "succeeded"
        assert creates() == 1

    def test_what_is_not_found_is_left_in_doubt_and_never_sent_by_itself(self, run, client, archive, creates):
        self.leave(client, archive, INPUTS, 1)
        for _ in range(2):
            made = run(INPUTS, name="animals")
            assert (made[1].id, made[1].status) == ("uncertain-1", "failed")
            assert "retry_uncertain=True" in made[1].error
            assert [made[n].status for n in (0, 2, 3)] == ["succeeded"] * 3
        assert creates() == 3
        assert [b.uncertain for b in batches(archive)] == [1]

    def test_on_the_users_word_it_is_sent_again(self, run, client, archive, creates):
        self.leave(client, archive, INPUTS, 1)
        made = run(INPUTS, name="animals", retry_uncertain=True)
        assert {prediction.status for prediction in made} == {"succeeded"}
        assert creates() == 4
        assert [b.done for b in batches(archive)] == [True]

    def test_what_the_listing_shows_late_is_found_by_the_second_look(
        self, run, client, archive, sandbox, monkeypatch
    ):
        self.leave(client, archive, INPUTS, 1)
        monkeypatch.setattr(_runner, "_AGAIN", 2.0)
        sandbox.faults.next("hidden", seconds=1.0)
        with of_another_process(sandbox) as killed:
            made = killed.predictions.create(TEXTER, {"prompt": "an owl"})
        again = run(INPUTS, name="animals", retry_uncertain=True)
        assert again[1].id == made.id
        assert sandbox.billed == 4

    def test_a_listing_that_cannot_be_read_leaves_them_in_doubt(self, run, client, archive, sandbox, creates):
        self.leave(client, archive, INPUTS, 1)
        sandbox.faults.always("forbidden", on="list")
        made = run(INPUTS, name="animals")
        assert made[1].id == "uncertain-1"
        assert creates() == 3

    def test_a_clock_that_is_set_back_meanwhile_makes_no_difference(self, run, client, archive, sandbox):
        self.leave(client, archive, INPUTS, 1)
        with of_another_process(sandbox) as killed:
            made = killed.predictions.create(TEXTER, {"prompt": "an owl"})
        talk = client.connection
        talk.wall = lambda: datetime.now(UTC) - timedelta(days=400)
        again = run(INPUTS, name="animals")
        assert again[1].id == made.id
        assert sandbox.billed == 4
        assert ids(run(INPUTS, name="animals")) == ids(again)

    def test_an_answer_that_is_lost_is_found_within_the_same_run(self, run, sandbox):
        sandbox.faults.next("drop_after", times=2)
        made = run(INPUTS)
        assert {prediction.status for prediction in made} == {"succeeded"}
        assert len(set(ids(made))) == 4
        assert sandbox.billed == 4

    def test_a_doubt_of_this_run_is_a_result_and_the_next_run_looks_again(self, run, sandbox):
        sandbox.faults.next("drop_after")
        sandbox.faults.next("forbidden", on="list", times=3)
        made = run(["a fox"])
        assert made[0].id == "uncertain-0"
        again = run(["a fox"])
        assert again[0].status == "succeeded"
        assert sandbox.billed == 1


def test_a_second_run_of_the_same_batch_says_that_the_first_still_runs(run, client, archive):
    from skytells_nb.jobs._batch import _holder

    journal = journal_of(client, archive, name="animals", total=len(INPUTS))
    assert journal.acquire()
    journal.open(holder=_holder())
    with pytest.raises(SkytellsError, match=r"'animals' is running already \(process \d+ on .+, since"):
        run(INPUTS, name="animals")
    assert {prediction.status for prediction in run(INPUTS, name="others")} == {"succeeded"}
    journal.leave()
    assert {prediction.status for prediction in run(INPUTS, name="animals")} == {"succeeded"}


def test_nothing_is_noted_when_all_is_well(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(INPUTS)
