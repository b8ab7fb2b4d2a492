"""Which listed prediction is taken for the one whose answer was lost."""

from __future__ import annotations

from typing import Any

import pytest

from skytells_nb.api import _listing as listing
from skytells_nb.api._create import create as create_prediction
from skytells_nb.api._predictions import reconcile
from skytells_nb.api._responses import Response, TransportFailure
from skytells_nb.exceptions import UncertainCreateError

from .api import Api, good
from .stage import Stage

FOX, OWL = {"prompt": "a red fox in snow"}, {"prompt": "an owl"}


def posts(api: Api) -> int:
    return sum(request.method == "POST" for _, request in api.requests)


def create(stage: Stage, input: dict[str, Any] = FOX, model: str = "truefusion") -> Any:
    connection = stage.connection()
    return stage.run(connection, create_prediction(connection, model, input))


@pytest.mark.parametrize("listing", ["pages", "array"])
@pytest.mark.parametrize("whole_seconds", [False, True])
@pytest.mark.parametrize("object_model", [False, True])
def test_every_form_of_the_listing_will_do(listing, whole_seconds, object_model):
    api = Api(["drop_after"])
    api.listing, api.whole_seconds, api.object_model = listing, whole_seconds, object_model
    api.display = {"truefusion": "TrueFusion"}
    api.defaults = {"aspect_ratio": "1:1", "seed": 4}
    assert create(Stage(api)).id == "p1"


@pytest.mark.parametrize("local", [-3600.0, 0.0, 3600.0])
@pytest.mark.parametrize("server", [-3600.0, 0.0, 3600.0])
def test_clocks_that_disagree_make_no_difference_where_the_api_tells_its_own(local, server):
    api = Api(["ok", "error_after", "error_before"])
    api.skew = server
    stage = Stage(api)
    stage.local_skew = local
    connection = stage.connection()
    for n in range(3):
        made = stage.run(connection, create_prediction(connection, "truefusion", FOX))
        assert made.id == f"p{n + 1}"
    assert api.billed == ["p1", "p2", "p3"]


@pytest.mark.parametrize("ahead", [5.0, 90.0])
def test_a_date_of_answers_ahead_of_that_of_predictions_makes_nothing_be_paid_for_twice(ahead):
    api = Api(["error_after", "ok", "error_after"])
    api.ahead = ahead
    stage = Stage(api)
    connection = stage.connection()
    with pytest.raises(UncertainCreateError, match="p1"):
        stage.run(connection, create_prediction(connection, "truefusion", FOX))
    stage.run(connection, create_prediction(connection, "truefusion", {"prompt": "an owl"}))
    # By now it is known how far they are apart.
    hen = {"prompt": "a hen"}
    assert stage.run(connection, create_prediction(connection, "truefusion", hen)).id == "p3"
    assert posts(api) == 3


def test_without_a_date_the_local_time_less_two_minutes_is_taken():
    api = Api(["drop_after"])
    api.dates, api.skew = False, -100.0
    assert create(Stage(api)).id == "p1"


def test_a_local_clock_that_is_set_back_meanwhile_loses_nothing():
    api = Api(["timeout_after"])
    api.dates = False
    stage = Stage(api)
    stage.at(stage.time + 30, lambda: setattr(stage, "local_skew", -7200.0))
    assert create(stage).id == "p1"


def test_a_computer_that_slept_meanwhile_still_finds_what_it_sent():
    """Its monotonic clock stands still, the server's and the wall clock do not."""
    api = Api(["ok", "drop_after"])
    stage = Stage(api)

    def sleep() -> None:
        api.skew += 3600
        stage.local_skew += 3600

    connection = stage.connection()
    stage.run(connection, create_prediction(connection, "truefusion", {"prompt": "before"}))
    stage.at(stage.time + 0.03, sleep)
    assert stage.run(connection, create_prediction(connection, "truefusion", FOX)).id == "p2"
    assert posts(api) == 2


def test_one_made_before_the_create_by_somebody_else_is_not_taken():
    api = Api(["error_before"])
    stage = Stage(api)
    api.accept("truefusion", OWL, stage.time - 130)
    assert create(stage).id == "p2"


@pytest.mark.parametrize("before", [130, 9 * 3600])
def test_an_equal_one_forbids_to_pay_again_while_nothing_is_known_of_clocks(before: float):
    """It may be the lost one, by a clock of another zone; after an answer of its own the clocks are known."""
    api = Api(["error_before", "ok", "error_before"])
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time - before)
    with pytest.raises(UncertainCreateError, match="p1"):
        create(stage)
    assert posts(api) == 1
    connection = stage.connection()
    stage.run(connection, create_prediction(connection, "truefusion", OWL))
    assert stage.run(connection, create_prediction(connection, "truefusion", FOX)).id == "p3"


def test_one_made_so_shortly_before_that_clocks_cannot_tell_is_neither_taken_nor_paid_for_again():
    api = Api(["error_before"])
    stage = Stage(api)
    api.accept("truefusion", FOX, stage.time - 1.5)
    with pytest.raises(UncertainCreateError) as raised:
        create(stage)
    assert posts(api) == 1
    connection = stage.connection()
    assert stage.run(connection, reconcile(connection, raised.value)).id == "p1"


def test_an_id_that_was_known_before_is_never_taken():
    api = Api(["ok", "drop_before"])
    api.dates = False
    stage = Stage(api)
    connection = stage.connection()
    api.accept("truefusion", FOX, stage.time - 10)
    stage.run(connection, listing.list_predictions(connection))
    made = stage.run(connection, create_prediction(connection, "truefusion", FOX))
    assert made.id == "p2"
    with pytest.raises(UncertainCreateError) as raised:
        stage.run(connection, create_prediction(connection, "truefusion", FOX))
    assert raised.value.known == {"p1", "p2"}


def test_an_id_that_was_known_before_is_not_taken_on_another_connection_either():
    api = Api(["ok", "drop_before"])
    stage = Stage(api)
    connection = stage.connection()
    stage.run(connection, create_prediction(connection, "truefusion", FOX, wait=False))
    with pytest.raises(UncertainCreateError) as raised:
        stage.run(connection, create_prediction(connection, "truefusion", FOX))
    assert api.clock(api.jobs["p1"].made) >= raised.value.since
    elsewhere = stage.connection()
    assert stage.run(elsewhere, reconcile(elsewhere, raised.value)) is None


def test_one_that_was_listed_while_the_create_was_on_the_wire_can_be_its_own():
    api = Api(["timeout_after"])
    stage = Stage(api)
    connection = stage.connection()
    making = stage.begin(connection, create_prediction(connection, "truefusion", FOX))
    looking = stage.begin(connection, listing.list_predictions(connection), after=5)
    stage.play()
    assert [p.id for p in looking.result] == ["p1"]
    assert making.result.id == "p1"


def test_two_deliberate_creates_of_the_same_are_two_predictions():
    api = Api(["drop_after", "drop_after", "ok"])
    stage = Stage(api)
    connection = stage.connection()
    made = [stage.run(connection, create_prediction(connection, "truefusion", FOX)) for _ in range(3)]
    assert [p.id for p in made] == ["p1", "p2", "p3"]


def test_a_model_listed_by_a_name_that_is_not_known_yet_is_asked_for():
    api = Api(["error_after"])
    api.display = {"sora-2": "OpenAI Cinema"}
    assert create(Stage(api), model="sora-2").id == "p1"
    assert [r.path for _, r in api.requests if r.path == "/models"] == ["/models"]
    assert posts(api) == 1


def test_where_the_listing_hides_inputs_it_reads_by_id():
    api = Api(["error_after"])
    api.shows_input = False
    assert create(Stage(api)).id == "p1"
    assert posts(api) == 1


def test_where_inputs_are_hidden_everywhere_it_is_uncertain_until_they_show():
    api = Api(["error_after"])
    api.shows_input = api.shows_input_by_id = False
    stage = Stage(api)
    connection = stage.connection()
    with pytest.raises(UncertainCreateError, match="one may be it") as raised:
        stage.run(connection, create_prediction(connection, "truefusion", FOX))
    with pytest.raises(UncertainCreateError, match="p1") as again:
        stage.run(connection, reconcile(connection, raised.value))
    api.shows_input = True
    assert stage.run(connection, reconcile(connection, again.value)).id == "p1"
    assert posts(api) == 1


def test_a_listing_without_times_is_read_by_id():
    api = Api(["error_after"])
    stage = Stage(api)
    answered = api._list

    def upset(request: Any, now: float) -> Any:
        if request.path != "/predictions" or request.method != "GET":
            return None
        items = [api.view(job, now) | {"created_at": None} for job in api.jobs.values()]
        return good(items) if request.query.startswith("page=1&") else good([])

    api.upset = upset
    assert answered
    assert create(stage).id == "p1"
    assert posts(api) == 1


@pytest.mark.parametrize("form", ["pages", "array"])
@pytest.mark.parametrize("cap", [50, 20])
def test_it_reads_as_many_pages_as_there_are_newer_ones(form, cap):
    api = Api(["error_after"])
    api.listing, api.page_cap = form, cap
    stage = Stage(api)
    making = stage.connection()

    def crowd() -> None:
        for n in range(130):
            api.accept("truefusion", {"prompt": f"somebody else's {n}"}, stage.time + n / 1000)

    stage.at(stage.time + 0.04, crowd)
    assert stage.run(making, create_prediction(making, "truefusion", FOX)).input == FOX
    assert posts(api) == 1


def test_too_many_newer_ones_are_too_many_to_be_sure():
    api = Api(["error_after"])
    stage = Stage(api)

    def upset(request: Any, now: float) -> Any:
        if request.method != "GET":
            return None
        page = request.query.split("&")[0]
        made = api.clock(now).isoformat()
        return good([{"id": f"{page}-{n}", "created_at": made, "input": {"o": n}} for n in range(50)])

    api.upset = upset
    with pytest.raises(UncertainCreateError, match="could not be read"):
        create(stage)
    assert posts(api) == 1


def test_what_was_found_done_without_its_output_is_read_by_id():
    api = Api(["drop_after"], seconds=0)
    api.shows_output_in_list = False
    made = create(Stage(api))
    assert made.output == ["https://cdn.example/p1.png"]


def test_what_was_found_done_and_cannot_be_read_at_once_is_waited_for():
    api = Api(["drop_after"], seconds=0)
    api.shows_output_in_list = False
    failures = [TransportFailure("dropped", sent=True)] * 5
    api.upset = lambda request, now: (
        failures.pop() if failures and request.path.startswith("/predictions/p") else None
    )
    made = create(Stage(api))
    assert (made.id, made.output) == ("p1", ["https://cdn.example/p1.png"])


def test_two_who_reconcile_the_same_error_at_once_find_the_same():
    api = Api(["drop_after"])
    api.hidden = 30
    stage = Stage(api)
    connection = stage.connection()
    with pytest.raises(UncertainCreateError) as raised:
        stage.run(connection, create_prediction(connection, "truefusion", FOX))
    stage.time += 60
    parts = [stage.begin(connection, reconcile(connection, raised.value)) for _ in range(3)]
    stage.play()
    assert [part.result.id for part in parts] == ["p1"] * 3


def test_a_looser_create_leaves_a_stricter_one_its_own():
    """A prediction with a seed carries a create without one too; both answers are lost."""
    api = Api(["drop_after", "drop_after"])
    api.defaults = {"seed": 1}
    stage = Stage(api)
    connection = stage.connection()
    strict = {**FOX, "seed": 1}
    loose = stage.begin(connection, create_prediction(connection, "truefusion", FOX))
    other = stage.begin(connection, create_prediction(connection, "truefusion", strict), after=0.01)
    stage.play()
    assert {loose.result.id, other.result.id} == {"p1", "p2"}
    assert posts(api) == 2


def test_a_looser_create_does_not_take_what_a_stricter_one_on_the_wire_is_about_to_be_given():
    api = Api(["drop_before", "ok"])
    stage = Stage(api)
    connection = stage.connection()
    slow = stage.begin(connection, create_prediction(connection, "truefusion", FOX))
    held = api.handle

    def handle(request: Any, now: float) -> Any:
        reply, seconds = held(request, now)
        return reply, 8.0 if request.body and b"seed" in request.body else seconds

    api.handle = handle  # type: ignore[method-assign]
    strict = stage.begin(
        connection, create_prediction(connection, "truefusion", {**FOX, "seed": 1}), after=0.01
    )
    stage.play()
    assert strict.result.id == "p1"
    with pytest.raises(UncertainCreateError):
        assert slow.result
    assert api.billed == ["p1"]


def test_the_listing_of_another_page_form_is_not_taken_for_an_empty_one():
    api = Api(["error_after"])
    api.upset = lambda request, now: Response(200, {}, b'"no"') if request.method == "GET" else None
    with pytest.raises(UncertainCreateError, match="cannot be read"):
        create(Stage(api))
