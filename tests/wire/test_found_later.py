"""A create left in doubt and found later: everybody hears of it, and nobody else takes it."""

from __future__ import annotations

import copy
import pickle
from asyncio import CancelledError
from typing import Any

import pytest

from skytells_nb.exceptions import UncertainCreateError
from skytells_nb.observers import Account, Observer
from skytells_nb.wire import claims, flows, reconciling
from skytells_nb.wire.claims import Attempt, Claims
from skytells_nb.wire.conversation import Conversation
from skytells_nb.wire.steps import Do

from .api import Api
from .listeners import Broken, Scribe
from .stage import Part, Stage

FOX = {"prompt": "a red fox in snow"}


def left_in_doubt(
    *listening: Observer, hidden: float = 30.0, seconds: float = 2.0, observers: tuple[Observer, ...] = ()
) -> tuple[Stage, Conversation, UncertainCreateError]:
    """Lose the answer of a create that the listing hides for a while, then let that while pass."""
    api = Api(["drop_after"], seconds=seconds)
    api.hidden = hidden
    stage = Stage(api)
    conversation = stage.conversation(*listening)
    with pytest.raises(UncertainCreateError) as raised:
        stage.run(conversation, flows.create(conversation, "truefusion", FOX, observers=observers))
    stage.time += 60
    return stage, conversation, raised.value


def reconciled(stage: Stage, conversation: Conversation, error: UncertainCreateError) -> Any:
    return stage.run(conversation, flows.reconcile(conversation, error))


def test_what_is_found_is_told_like_any_other_prediction():
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(scribe)
    assert reconciled(stage, conversation, error).id == "p1"
    assert scribe.told == [
        ("before", "scribe-1"),
        ("not_created", "scribe-1", "UncertainCreateError", True),
        ("created", "scribe-1", "p1"),
        ("ended", "scribe", "p1", "succeeded"),
    ]


def test_what_still_runs_is_told_as_created_and_its_end_by_whoever_waits():
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(scribe, seconds=600)
    found = reconciled(stage, conversation, error)
    assert (found.status, scribe.words()[2:]) == ("processing", ["created"])
    stage.run(conversation, flows.wait(conversation, found))
    assert scribe.words()[2:] == ["created", "ended"]


def test_it_is_told_once_however_often_one_asks():
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(scribe)
    for _ in range(3):
        assert reconciled(stage, conversation, error).id == "p1"
    assert scribe.words().count("created") == 1


def test_nothing_is_told_while_nothing_is_found():
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(scribe, hidden=9000)
    assert reconciled(stage, conversation, error) is None
    assert scribe.words() == ["before", "not_created"]
    stage.time += 9000
    assert reconciled(stage, conversation, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created", "ended"]


def test_who_listened_to_that_create_alone_looks_for_itself():
    own, scribe = Scribe("own"), Scribe()
    stage, conversation, error = left_in_doubt(scribe, observers=(own,))
    reconciled(stage, conversation, error)
    assert own.words() == ["before", "not_created"]
    assert scribe.words() == ["before", "not_created", "created", "ended"]


def test_one_that_fails_to_hear_it_hides_it_from_nobody(caplog):
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(Broken(), scribe)
    assert reconciled(stage, conversation, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created", "ended"]
    assert "disk full" in caplog.text


@pytest.mark.parametrize("kind", [KeyboardInterrupt, CancelledError])
def test_an_interrupt_while_they_are_told_leaves_nobody_untold(kind):
    told: list[tuple[Any, ...]] = []
    stage, conversation, error = left_in_doubt(Scribe("one", told), Scribe("two", told))
    begun = len(told)
    part = Part(flows.reconcile(conversation, error), conversation)
    part.interrupt = (1, kind, True)  # the step after the listing: the first observer's
    stage.at(stage.time, lambda: stage._advance(part, None, None))
    stage.play()
    assert isinstance(part.error, kind)
    assert isinstance(part.steps[1], Do)
    assert [each[:2] for each in told[begun:]] == [("created", "one-1"), ("created", "two-1")]
    assert reconciled(stage, conversation, error).id == "p1"
    assert told[-1] == ("ended", "two", "p1", "succeeded")


@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_of_the_error_is_the_same_doubt(copied):
    stage, conversation, error = left_in_doubt()
    assert reconciled(stage, conversation, error).id == "p1"
    assert reconciled(stage, conversation, copied(error)).id == "p1"


def test_an_error_that_says_so_once_more_is_the_same_doubt():
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(scribe)
    api: Any = stage.api
    api.shows_input = api.shows_input_by_id = False
    with pytest.raises(UncertainCreateError) as again:
        reconciled(stage, conversation, error)
    api.shows_input = True
    assert reconciled(stage, conversation, again.value).id == "p1"
    assert reconciled(stage, conversation, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created", "ended", "ended"]


def test_two_doubts_of_equal_creates_are_two():
    assert UncertainCreateError("?").attempt != UncertainCreateError("?").attempt


def two_clients(faults: list[str]) -> tuple[Stage, Api, list[Conversation]]:
    api = Api(faults)
    stage = Stage(api)
    both = [stage.conversation(), stage.conversation()]
    both[1].claims = both[0].claims
    return stage, api, both


@pytest.mark.parametrize("after", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("faults", [["drop_after"] * 2, ["error_after", "drop_after"], ["drop_after", "ok"]])
def test_two_clients_that_lose_two_equal_creates_find_one_each(faults, after):
    stage, api, both = two_clients(faults)
    parts = [
        stage.begin(each, flows.create(each, "truefusion", FOX), after=after * n)
        for n, each in enumerate(both)
    ]
    stage.play()
    assert sorted(part.result.id for part in parts) == ["p1", "p2"]
    assert api.billed == ["p1", "p2"]


def test_another_client_finds_it_and_everybody_who_was_left_in_doubt_hears_of_it():
    scribe = Scribe()
    stage, conversation, error = left_in_doubt(scribe)
    other = stage.conversation()
    other.claims = conversation.claims
    assert reconciled(stage, other, error).id == "p1"
    assert scribe.words() == ["before", "not_created", "created"]
    assert reconciled(stage, conversation, error).id == "p1"


def test_what_is_shared_is_shared_by_one_key_at_one_api():
    one = Account("https://claims.example/v1", "0" * 12)
    assert claims.shared(one) is claims.shared(Account(one.origin, one.fingerprint, sandbox=True))
    assert claims.shared(one) is not claims.shared(Account(one.origin, "1" * 12))
    assert claims.shared(one) is not claims.shared(Account("https://other.example/v1", one.fingerprint))


def test_a_forked_child_waits_for_no_create_of_its_parent_and_takes_nothing_of_its():
    stage = Stage(Api())
    known = Claims()
    conversation = stage.conversation()
    attempts = [Attempt(("m", "{}"), "m", {}, conversation.now(), conversation.wall()) for _ in range(3)]
    sent, looks, own = attempts
    assert known.begin(sent)
    known.answered(Attempt(("m", "{}"), "m", {}, 0.0, conversation.wall()), "p1")
    known.look(looks)
    assert not known.begin(own)
    known.start_afresh()
    assert known.begin(own)
    assert known.quiet(own)
    assert not known.free(own, "p1")


def lost(stage: Stage) -> UncertainCreateError:
    since = stage.api.clock(100.0)  # type: ignore[attr-defined]
    return UncertainCreateError("?", model="truefusion", input=FOX, since=since)


def test_what_an_interrupted_look_for_several_had_found_is_found_again():
    stage = Stage(Api(seconds=0))
    api: Any = stage.api
    api.shows_output_in_list = False  # so each of them is read by its id
    elsewhere = stage.conversation()
    for _ in range(2):
        stage.run(elsewhere, flows.create(elsewhere, "truefusion", FOX))
    conversation = stage.conversation()
    errors = [lost(stage), lost(stage)]
    part = Part(reconciling.look_for(conversation, errors), conversation)
    part.interrupt = (2, KeyboardInterrupt, True)  # the listing, the first by its id, the second
    stage.at(stage.time, lambda: stage._advance(part, None, None))
    stage.play()
    assert isinstance(part.error, KeyboardInterrupt)
    fresh = [lost(stage), lost(stage)]
    found = stage.run(conversation, reconciling.look_for(conversation, fresh))
    assert sorted(each.id for each in found) == ["p1", "p2"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, CancelledError])
def test_an_interrupt_while_what_was_found_is_read_whole_loses_it_not(kind):
    scribe = Scribe()
    api = Api(["drop_after"], seconds=0)
    api.shows_output_in_list = False
    stage = Stage(api)
    conversation = stage.conversation(scribe)
    part = Part(flows.create(conversation, "truefusion", FOX), conversation)
    stage.at(stage.time, lambda: stage._advance(part, None, None))
    while not api.requests or api.requests[-1][1].path != "/predictions/p1":
        stage.step()
    stage._advance(part, None, kind())
    stage.play()
    assert isinstance(part.error, kind)
    assert scribe.words() == ["before", "created", "ended"]
