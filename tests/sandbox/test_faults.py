"""Every fault, in the core: what strikes, when, and what it does to the money."""

import json

import pytest

from skytells_nb.sandbox import Faults
from skytells_nb.sandbox._faults import FAULT_KINDS


def test_a_fault_strikes_as_often_as_it_was_told_and_no_more(talk):
    api = talk()
    api.faults.next("rate_limit", times=2, retry_after=1)
    assert [api.create().status for _ in range(3)] == [429, 429, 200]


def test_a_fault_lets_as_many_requests_pass_as_it_was_told(talk):
    api = talk()
    api.faults.next("no_credit", after=2)
    assert [api.create().status for _ in range(4)] == [200, 200, 402, 200]


def test_a_fault_strikes_only_where_it_was_told(talk):
    api = talk()
    api.faults.next("server_error", on="list")
    id = api.made()["id"]
    assert api.get(f"/v1/predictions/{id}").status == 200
    assert api.get("/v1/predictions").status == 500


def test_a_fault_may_strike_several_routes_or_any(talk):
    api = talk()
    api.faults.next("server_error", times=2, on=["list", "models"])
    assert (api.get("/v1/models").status, api.get("/v1/predictions").status) == (500, 500)
    api.faults.next("drop_before", on="any")
    assert api.get("/v1/models").answer.ending == "drop"


def test_a_standing_fault_strikes_until_it_is_cleared(talk):
    api = talk()
    api.faults.always("forbidden", on="models")
    assert [api.get("/v1/models").status for _ in range(3)] == [403] * 3
    api.faults.clear("forbidden")
    assert api.get("/v1/models").status == 200


def test_orders_are_taken_one_after_the_other(talk):
    api = talk()
    api.faults.next("no_credit")
    api.faults.next("content_policy")
    assert [api.create().status for _ in range(3)] == [402, 451, 200]


def test_faults_that_bend_come_on_top_of_one_that_replaces(talk):
    api = talk()
    api.faults.next("slow", seconds=3)
    api.faults.next("missing_date")
    api.faults.next("error_after")
    reply = api.create()
    assert (reply.status, reply.answer.after, "date" in reply.headers) == (500, 3, False)
    assert len(api.core.billed) == 1


@pytest.mark.parametrize(
    ("name", "told", "says"),
    [
        ("nonsense", {}, "there is no fault 'nonsense'; there are broken_json"),
        ("broken_json", {"on": "asset"}, "cannot happen on asset"),
        ("rate_limit", {"seconds": 1}, "has no setting seconds; it has retry_after"),
        ("hang_after", {"seconds": 1}, "it has nothing"),
        ("queued_false", {"on": "list"}, "cannot happen on list; it can on create, read"),
        ("slow", {"on": "nowhere"}, "cannot happen on nowhere"),
        ("slow", {"on": []}, "cannot happen on nothing"),
        ("slow", {"seconds": -1}, "cannot have seconds=-1"),
        ("slow", {"seconds": float("nan")}, "cannot have seconds=nan"),
        ("failed", {"shape": "D"}, "cannot have shape='D'"),
        ("server_error", {"status": "500"}, "cannot have status='500'"),
        ("rate_limit", {"retry_after": True}, "cannot have retry_after=True"),
        ("slow", {"times": 0}, "times=0"),
        ("slow", {"after": -1}, "after=-1"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_in_words(talk, name, told, says):
    with pytest.raises(ValueError) as caught:
        talk().faults.next(name, **told)
    assert says in str(caught.value)


def test_what_is_ordered_can_be_looked_at(talk):
    api = talk()
    api.faults.next("rate_limit", times=2, on="create")
    assert api.faults.waiting == [
        {"name": "rate_limit", "on": ["create"], "times": 2, "after": 0, "retry_after": 1}
    ]


@pytest.mark.parametrize(
    ("told", "header"), [({}, "1"), ({"retry_after": 0.25}, "0.25"), ({"retry_after": "soon"}, "soon")]
)
def test_a_rate_limit_says_when_to_come_back(talk, told, header):
    api = talk()
    api.faults.next("rate_limit", **told)
    reply = api.create()
    assert (reply.status, reply.error_id, reply.headers["retry-after"]) == (
        429,
        "RATE_LIMIT_EXCEEDED",
        header,
    )


def test_a_rate_limit_may_keep_silent_about_it(talk):
    api = talk()
    api.faults.next("rate_limit", retry_after=None)
    assert "retry-after" not in api.create().headers


#: Name of the fault, what it is told, HTTP status or the way it ends, whether the create is billed.
ON_CREATE = [
    ("rate_limit", {}, 429, False),
    ("server_error", {}, 500, False),
    ("server_error", {"accepted": True, "status": 503}, 503, True),
    ("html_gateway", {}, 502, False),
    ("html_gateway", {"accepted": True}, 502, True),
    ("drop_before", {}, "drop", False),
    ("drop_after", {}, "drop", True),
    ("hang_after", {}, "hang", True),
    ("error_after", {}, 500, True),
    ("queued_false", {}, 200, True),
    ("no_credit", {}, 402, False),
    ("suspended", {}, 403, False),
    ("suspended", {"status": 401}, 401, False),
    ("forbidden", {}, 403, False),
    ("unauthorized", {}, 401, False),
    ("content_policy", {}, 451, False),
    ("broken_json", {}, 200, True),
    ("empty_body", {}, 200, True),
    ("slow", {}, 200, True),
    ("missing_date", {}, 200, True),
    ("failed", {}, 200, False),
    ("failed_as_502", {}, 200, False),
    ("expired", {"on": "create"}, 200, True),
    ("hidden", {}, 200, True),
]


@pytest.mark.parametrize(("name", "told", "outcome", "billed"), ON_CREATE)
def test_a_struck_create_is_billed_exactly_when_it_was_accepted(talk, name, told, outcome, billed):
    api = talk()
    api.faults.next(name, **told)
    reply = api.create()
    assert (reply.status if reply.answer.ending == "send" else reply.answer.ending) == outcome
    assert len(api.core.billed) == billed
    assert api.core.log[-1].faults == (name,)


def test_every_fault_there_is_has_been_struck():
    assert {name for name, *_ in ON_CREATE} | {"cut_short", "text"} == set(FAULT_KINDS)


def test_a_gateway_answers_with_html(talk):
    api = talk()
    api.faults.next("html_gateway")
    reply = api.create()
    assert reply.headers["content-type"] == "text/html"
    assert reply.answer.body.startswith(b"<html>")


def test_queued_false_has_the_id_of_a_job_that_runs(talk):
    api = talk()
    api.faults.next("queued_false")
    body = api.create().json
    (id,) = api.core.billed
    assert body == {"id": id, "status": False, "error": {"message": "still queued"}}


def test_queued_false_may_answer_a_read(talk):
    api = talk()
    id = api.made()["id"]
    api.faults.next("queued_false", on="read")
    assert api.read(id)["status"] is False
    assert api.read(id)["status"] == "pending"


def test_broken_json_is_broken(talk):
    api = talk()
    api.faults.next("broken_json")
    with pytest.raises(json.JSONDecodeError):
        _ = api.create().json


def test_half_of_a_stream_is_sent_as_if_it_were_all(talk):
    api = talk(seconds=0)
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    whole = api.ask("POST", "/v1/chat/completions", body).answer.pieces
    api.faults.next("broken_json", on="chat")
    half = api.ask("POST", "/v1/chat/completions", body).answer
    assert (half.ending, len(half.pieces)) == ("send", len(whole) // 2)


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        ("error", {"error": "NSFW content detected.", "response": "NSFW content detected."}),
        ("response", {"error": None, "response": "NSFW content detected."}),
        (
            "error_message",
            {"error": None, "error_id": "INFERENCE_ERROR", "error_message": "NSFW content detected."},
        ),
    ],
)
def test_a_failed_job_says_why_in_one_of_the_documented_ways(talk, clock, shape, fields):
    api = talk(seconds=10)
    api.faults.next("failed", reason="NSFW content detected.", shape=shape)
    id = api.made()["id"]
    clock.forward(10)
    done = api.read(id)
    assert (done["status"], done["output"]) == ("failed", None)
    assert fields.items() <= done.items()
    clock.forward(301)
    assert (api.read(id)["urls"], api.read(id)["data_removed"]) == ({}, True)


def test_a_job_that_fails_as_502_does_so_from_its_end_on(talk, clock):
    api = talk(seconds=10)
    api.faults.next("failed_as_502", reason="Input resolution too high.")
    id = api.made()["id"]
    assert api.read(id)["status"] == "pending"
    clock.forward(10)
    reply = api.get(f"/v1/predictions/{id}")
    assert (reply.status, reply.error_id) == (502, "PREDICTION_FAILED")
    assert reply.details == {"reason": "Input resolution too high."}
    assert api.get("/v1/predictions").json["data"][0]["status"] == "failed"


def test_a_read_can_find_a_running_job_failed(talk):
    api = talk()
    id = api.made()["id"]
    api.faults.next("failed_as_502", on="read")
    assert [api.get(f"/v1/predictions/{id}").status for _ in range(2)] == [502, 502]
    assert api.core.billed == {}


def test_expired_files_are_gone_for_good(talk):
    api = talk(seconds=0)
    made = api.made()
    path = made["output"][0].removeprefix("http://sandbox.test")
    api.faults.next("expired")
    assert [api.get(path).status for _ in range(2)] == [404, 404]
    assert api.read(made["id"])["metadata"]["data_available"] is False


def test_a_job_can_be_made_whose_files_never_were(talk):
    api = talk(seconds=0)
    api.faults.next("expired", on="create")
    made = api.made()
    assert (made["metadata"]["data_available"], made["data_removed"]) == (False, True)
    assert api.get(made["output"][0].removeprefix("http://sandbox.test")).status == 404


def test_a_refused_create_is_dropped_too_when_it_is_told_to_be(talk):
    api = talk()
    api.faults.next("drop_after")
    assert api.create("nothing").answer.ending == "drop"
    assert api.core.billed == {}


def test_a_request_that_is_not_let_in_uses_no_fault_up(talk):
    api = talk()
    api.faults.next("no_credit")
    api.ask("POST", "/v1/predictions", {}, x_api_key="")
    assert api.create().status == 402


def test_a_fault_for_a_time_ends_by_the_clock_of_the_sandbox(talk, clock):
    api = talk()
    api.faults.always("rate_limit", lasting=60)
    clock.forward(59.5)
    assert api.get("/v1/models").status == 429
    assert [(each["name"], each["times"], each["ends_in"]) for each in api.faults.waiting] == [
        ("rate_limit", None, 0.5)
    ]
    clock.forward(0.5)
    assert api.get("/v1/models").status == 200
    assert api.faults.waiting == []


def test_a_fault_for_a_time_may_be_used_up_before(talk):
    api = talk()
    api.faults.next("rate_limit", lasting=60)
    assert [api.get("/v1/models").status for _ in range(2)] == [429, 200]


@pytest.mark.parametrize("lasting", [0, -1, float("inf"), "60", True])
def test_a_time_that_is_none_is_refused(lasting):
    with pytest.raises(ValueError, match="seconds, more than zero"):
        Faults().always("rate_limit", lasting=lasting)


def test_the_faults_of_one_kind_can_be_taken_back_over_http(talk):
    api = talk()
    api.faults.always("slow")
    api.faults.always("rate_limit")
    told = api.ask("DELETE", "/__sandbox__/faults?name=slow", x_api_key=api.core.state.api_key)
    assert [each["name"] for each in told.json["waiting"]] == ["rate_limit"]
