"""A create left in doubt and found later: everybody hears of it, and nobody else takes it."""

from __future__ import annotations

import copy
import pickle
from asyncio import CancelledError
from typing import Any

import pytest

from skytells_nb.api import _pending as pending
from skytells_nb.api import _reconcile as reconciling
from skytells_nb.api._connection import Connection
from skytells_nb.api._create import create
from skytells_nb.api._observers import Account, Observer
from skytells_nb.api._pending import CreateRegistry, PendingCreate
from skytells_nb.api._predictions import reconcile
from skytells_nb.api._wait import wait
from skytells_nb.exceptions import UncertainCreateError

from .api import Api
from .listeners import Broken, Scribe
from .stage import Stage

FOX = {"prompt": "a red fox in snow"}


def left_in_doubt(
    *listening: Observer, hidden: float = 30.0, seconds: float = 2.0, observers: tuple[Observer, ...] = ()
) -> tuple[Stage, Connection, UncertainCreateError]:
    """Lose the answer of a create that the listing hides for a while, then let that while pass."""
    api = Api(["drop_after"], seconds=seconds)
    api.hidden = hidden
    stage = Stage(api)
    connection = stage.connection(*listening)
    with pytest.raises(UncertainCreateError) as raised:
        stage.run(connection, create(connection, "truefusion", FOX, observers=observers))
    stage.time += 60
    return stage, connection, raised.value


def reconciled(stage: Stage, connection: Connection, error: UncertainCreateError) -> Any:
    return stage.run(connection, reconcile(connection, error))


def test_what_is_found_is_told_like_any_other_prediction():
    scribe = Scribe()
    stage, connection, error = left_in_doubt(scribe)
    assert reconciled(stage, connection, error).id == "p1"
    assert scribe.told == [
        ("before", "scribe-1"),
        ("not_created", "scribe-1", "UncertainCreateError", True),
        ("created", "scribe-1", "p1"),
        ("ended", "scribe", "p1", "succeeded"),
    ]


def test_what_still_runs_is_told_as_created_and_its_end_by_whoever_waits():
    scribe = Scribe()
    stage, connection, error = left_in_doubt(scribe, seconds=600)
    found = reconciled(stage, connection, error)
    assert (found.status, scribe.words()[2:]) == ("processing", ["created"])
    stage.run(connection, wait(connection, found))
    assert scribe.words()[2:] == ["created", "ended"]


def test_it_is_told_once_however_often_one_asks():
    scribe = Scribe()
    stage, connection, error = left_in_doubt(scribe)
    for _ in range(3):
        assert reconciled(stage, connection, error).id == "p1"
    assert scribe.words().count("created") == 1


def test_nothing_is_told_while_nothing_is_found():
    scribe = Scribe()
    stage, connection, error = left_in_doubt(scribe, hidden=9000)
    assert reconciled(stage, connection, error) is None
    assert scribe.words() == ["before", "not_created"]
    stage.time += 9000
    assert reconciled(stage, connection, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created", "ended"]


def test_who_listened_to_that_create_alone_looks_for_itself():
    own, scribe = Scribe("own"), Scribe()
    stage, connection, error = left_in_doubt(scribe, observers=(own,))
    reconciled(stage, connection, error)
    assert own.words() == ["before", "not_created"]
    assert scribe.words() == ["before", "not_created", "created", "ended"]


def test_one_that_fails_to_hear_it_hides_it_from_nobody(caplog):
    scribe = Scribe()
    stage, connection, error = left_in_doubt(Broken(), scribe)
    assert reconciled(stage, connection, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created", "ended"]
    assert "disk full" in caplog.text


def test_an_interrupt_while_they_are_told_leaves_nobody_untold():
    told: list[tuple[Any, ...]] = []
    stage, connection, error = left_in_doubt(Scribe("one", told), Scribe("two", told))
    begun = len(told)
    part = stage.begin(connection, reconcile(connection, error))
    stage.play_while(lambda: len(told) == begun)
    stage.strike(part)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert [each[:2] for each in told[begun:]] == [("created", "one-1"), ("created", "two-1")]
    assert reconciled(stage, connection, error).id == "p1"
    assert told[-1] == ("ended", "two", "p1", "succeeded")


@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_of_the_error_is_the_same_doubt(copied):
    stage, connection, error = left_in_doubt()
    assert reconciled(stage, connection, error).id == "p1"
    assert reconciled(stage, connection, copied(error)).id == "p1"


def test_an_error_that_says_so_once_more_is_the_same_doubt():
    scribe = Scribe()
    stage, connection, error = left_in_doubt(scribe)
    api: Any = stage.api
    api.shows_input = api.shows_input_by_id = False
    with pytest.raises(UncertainCreateError) as again:
        reconciled(stage, connection, error)
    api.shows_input = True
    assert reconciled(stage, connection, again.value).id == "p1"
    assert reconciled(stage, connection, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created", "ended", "ended"]


def test_two_doubts_of_equal_creates_are_two():
    assert UncertainCreateError("?").attempt != UncertainCreateError("?").attempt


def two_clients(faults: list[str]) -> tuple[Stage, Api, list[Connection]]:
    api = Api(faults)
    stage = Stage(api)
    both = [stage.connection(), stage.connection()]
    both[1].creates = both[0].creates
    return stage, api, both


@pytest.mark.parametrize("after", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("faults", [["drop_after"] * 2, ["error_after", "drop_after"], ["drop_after", "ok"]])
def test_two_clients_that_lose_two_equal_creates_find_one_each(faults, after):
    stage, api, both = two_clients(faults)
    parts = [
        stage.begin(each, create(each, "truefusion", FOX), after=after * n) for n, each in enumerate(both)
    ]
    stage.play()
    assert sorted(part.result.id for part in parts) == ["p1", "p2"]
    assert api.billed == ["p1", "p2"]


def test_another_client_finds_it_and_everybody_who_was_left_in_doubt_hears_of_it():
    scribe = Scribe()
    stage, connection, error = left_in_doubt(scribe)
    other = stage.connection()
    other.creates = connection.creates
    assert reconciled(stage, other, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created"]
    assert reconciled(stage, connection, error).id == "p1"


def test_what_is_shared_is_shared_by_one_key_at_one_api():
    one = Account("https://claims.example/v1", "0" * 12)
    assert pending.registry_of(one) is pending.registry_of(Account(one.origin, one.fingerprint, sandbox=True))
    assert pending.registry_of(one) is not pending.registry_of(Account(one.origin, "1" * 12))
    assert pending.registry_of(one) is not pending.registry_of(
        Account("https://other.example/v1", one.fingerprint)
    )


def test_a_forked_child_waits_for_no_create_of_its_parent_and_takes_nothing_of_its():
    stage = Stage(Api())
    known = CreateRegistry()
    connection = stage.connection()
    attempts = [PendingCreate(("m", "{}"), "m", {}, connection.now(), connection.wall()) for _ in range(3)]
    sent, looks, own = attempts
    assert known.start(sent)
    known.answered(PendingCreate(("m", "{}"), "m", {}, 0.0, connection.wall()), "p1")
    known.start_search(looks)
    assert not known.start(own)
    known.forget_pending()
    assert known.start(own)
    assert known.can_search(own)
    assert not known.is_free(own, "p1")


def lost(stage: Stage) -> UncertainCreateError:
    since = stage.api.clock(100.0)  # type: ignore[attr-defined]
    return UncertainCreateError("?", model="truefusion", input=FOX, since=since)


def test_what_an_interrupted_look_for_several_had_found_is_found_again():
    stage = Stage(Api(seconds=0))
    api: Any = stage.api
    api.shows_output_in_list = False  # so each of them is read by its id
    elsewhere = stage.connection()
    for _ in range(2):
        stage.run(elsewhere, create(elsewhere, "truefusion", FOX))
    connection = stage.connection()
    errors = [lost(stage), lost(stage)]
    begun = len(stage.log)
    part = stage.begin(connection, reconciling.look_for(connection, errors))
    stage.play_while(lambda: len(stage.log) < begun + 3)  # the listing, the first by its id, the second
    stage.strike(part)
    stage.play()
    assert isinstance(part.error, CancelledError)
    fresh = [lost(stage), lost(stage)]
    found = stage.run(connection, reconciling.look_for(connection, fresh))
    assert sorted(each.id for each in found) == ["p1", "p2"]


def test_an_interrupt_while_what_was_found_is_read_whole_loses_it_not():
    scribe = Scribe()
    api = Api(["drop_after"], seconds=0)
    api.shows_output_in_list = False
    stage = Stage(api)
    connection = stage.connection(scribe)
    part = stage.begin(connection, create(connection, "truefusion", FOX))
    stage.play_while(lambda: not api.requests or api.requests[-1][1].path != "/predictions/p1")
    stage.strike(part)
    stage.play()
    assert isinstance(part.error, CancelledError)
    assert scribe.words() == ["before", "created", "ended"]
