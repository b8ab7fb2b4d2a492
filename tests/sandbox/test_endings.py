"""Cancelling, deleting, expiring, and what each does to the bill."""

from decimal import Decimal

import pytest


def test_cancelling_ends_a_prediction_and_takes_it_off_the_bill(talk, clock):
    api = talk()
    id = api.made("truefusion-video-pro")["id"]
    clock.forward(5)
    assert list(api.core.billed) == [id]
    answer = api.ask("POST", f"/v1/predictions/{id}/cancel").json
    assert (answer["id"], answer["status"]) == (id, "cancelled")
    assert api.core.billed == {}
    clock.forward(100)
    later = api.read(id)
    assert (later["status"], later["output"]) == ("cancelled", None)
    assert later["metadata"]["billing"]["credits_used"] == 0
    assert later["metrics"]["total_time"] == 5


def test_cancelled_is_spelled_as_the_dialect_has_it(talk):
    api = talk(canceled="canceled")
    id = api.made()["id"]
    assert api.ask("POST", f"/v1/predictions/{id}/cancel").json["status"] == "canceled"


def test_cancelling_twice_is_no_error_so_that_it_can_be_retried(talk, clock):
    api = talk()
    id = api.made()["id"]
    first = api.ask("POST", f"/v1/predictions/{id}/cancel").json
    clock.forward(1)
    assert api.ask("POST", f"/v1/predictions/{id}/cancel").json == first


def test_a_finished_prediction_cannot_be_cancelled_and_stays_billed(talk):
    api = talk(seconds=0)
    id = api.made()["id"]
    reply = api.ask("POST", f"/v1/predictions/{id}/cancel")
    assert (reply.status, reply.error_id) == (400, "INVALID_REQUEST")
    assert "nothing was changed" in reply.details
    assert list(api.core.billed) == [id]


@pytest.mark.parametrize("form", ["", "/delete"])
def test_a_deleted_prediction_is_gone_with_its_files_and_stays_billed(talk, form):
    api = talk(seconds=0)
    made = api.made()
    id, file = made["id"], made["output"][0].removeprefix("http://sandbox.test")
    assert api.ask("DELETE", f"/v1/predictions/{id}{form}").json["id"] == id
    assert api.get(f"/v1/predictions/{id}").error_id == "PREDICTION_NOT_FOUND"
    assert api.ask("DELETE", f"/v1/predictions/{id}{form}").error_id == "PREDICTION_NOT_FOUND"
    assert api.get(file).status == 404
    assert api.get("/v1/predictions").json["pagination"]["total"] == 0
    assert api.core.billed == {id: Decimal("0.03")}


def test_deleting_a_running_prediction_cancels_it(talk):
    api = talk()
    id = api.made()["id"]
    assert api.ask("DELETE", f"/v1/predictions/{id}").json["status"] == "cancelled"
    assert api.core.billed == {}


def test_cancel_and_delete_can_answer_with_success_alone(talk):
    api = talk(cancel_answer="success")
    id = api.made()["id"]
    assert api.ask("POST", f"/v1/predictions/{id}/cancel").json == {"success": True}
    assert api.ask("DELETE", f"/v1/predictions/{id}").json == {"success": True}


def test_files_are_gone_five_minutes_after_the_end_and_the_links_stay(talk, clock):
    api = talk(seconds=10)
    id = api.made()["id"]
    clock.forward(309)
    fresh = api.read(id)
    path = fresh["output"][0].removeprefix("http://sandbox.test")
    assert fresh["metadata"]["data_available"] is True
    assert "data_removed" not in fresh
    assert api.get(path).answer.asset is not None
    clock.forward(2)
    stale = api.read(id)
    assert stale["output"] == fresh["output"]
    assert stale["metadata"]["data_available"] is False
    assert stale["data_removed"] is True
    assert (api.get(path).status, api.get(path).error_id) == (404, "RESOURCE_NOT_FOUND")


def test_retention_is_an_option(talk, clock):
    for retention, gone in ((1, True), (None, False)):
        api = talk(seconds=0, retention=retention)
        path = api.made()["output"][0].removeprefix("http://sandbox.test")
        clock.forward(3600)
        assert (api.get(path).status == 404) is gone


def test_there_is_no_file_before_the_end_nor_one_of_another_name(talk, clock):
    api = talk(seconds=10)
    id = api.made()["id"]
    assert api.get(f"/assets/{id}/output_0.png").status == 404
    clock.forward(10)
    assert api.get(f"/assets/{id}/output_0.png").status == 200
    assert api.get(f"/assets/{id}/output_1.png").status == 404
    assert api.get("/assets/nobody/output_0.png").status == 404


def test_files_need_no_key(talk):
    api = talk(seconds=0)
    path = api.made()["output"][0].removeprefix("http://sandbox.test")
    assert api.get(path, x_api_key="").status == 200


def test_a_picture_without_a_seed_differs_from_the_next_and_is_always_the_same_itself(talk):
    api = talk(seconds=0)

    def seed(made):
        return api.get(made["output"][0].removeprefix("http://sandbox.test")).answer.asset.input["seed"]

    one, two = api.made(), api.made()
    assert seed(one) == seed(one) != seed(two)
    assert seed(api.made("truefusion-pro", input={"seed": 7})) == 7


def test_what_an_input_leaves_open_is_drawn_by_the_schemas_defaults(talk):
    api = talk(seconds=0)

    def drawn(model, **input):
        made = api.made(model, input=input)
        output = made["output"] if isinstance(made["output"], str) else made["output"][0]
        return api.get(output.removeprefix("http://sandbox.test")).answer.asset.input

    assert drawn("truefusion-edge")["width"] == 512
    assert "width" not in drawn("truefusion-pro", aspect_ratio="16:9")
    assert drawn("beatfusion-2.0", lyrics="la")["duration_seconds"] == 20


def test_the_size_of_a_file_is_told_once_it_was_drawn(talk):
    api = talk(seconds=0)
    id = api.made()["id"]
    assert api.read(id)["metadata"]["storage"]["files"][0]["size"] is None
    api.core.note_size(id, "output_0.png", 1234)
    assert api.read(id)["metadata"]["storage"]["files"][0]["size"] == 1234
