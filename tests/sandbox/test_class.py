"""A class: everybody has a key, a quota, a budget and predictions of their own."""

import json
import os
import sqlite3
from decimal import Decimal

import pytest

from skytells_nb.sandbox import Core, HttpRequest, Options, Server
from skytells_nb.sandbox._state import State, StateFile


@pytest.fixture
def room(talk):
    """Make a class, and ask as one of its learners, or as the teacher."""

    def make(learners=3, **options):
        api = talk(learners=learners, seconds=0, **options)
        api.keys = {each.name: each.key for each in api.core.state.learners}
        api.keys["teacher"] = api.core.state.api_key
        api.as_ = lambda name: {"x_api_key": api.keys[name]}
        return api

    return make


def picture(api, name, model="truefusion", prompt="a fox"):
    return api.ask("POST", "/v1/predictions", {"model": model, "input": {"prompt": prompt}}, **api.as_(name))


def control(api, path, name="teacher"):
    return api.get(f"/__sandbox__/{path}", **api.as_(name)).json


def listed(api, name):
    return [each["id"] for each in api.get("/v1/predictions", **api.as_(name)).json["data"]]


def test_every_learner_has_a_key_of_their_own_that_bears_the_name(room):
    keys = room(30).keys
    assert len(set(keys.values())) == 31
    assert all(key.startswith(f"sk-sandbox-{name}-") for name, key in keys.items())


def test_the_keys_of_two_classes_have_nothing_in_common_whatever_the_seed(room):
    assert not set(room(seed=1).keys.values()) & set(room(seed=1).keys.values())


def test_learners_can_have_names(room):
    assert list(room(["ada", "grace"]).keys) == ["ada", "grace", "teacher"]


@pytest.mark.parametrize("key", ["sk-anyone", "sk-sandbox-learner-01", "sk-no-credit", "sk-rate-limited", ""])
def test_no_other_key_is_let_in(room, key):
    assert room().get("/v1/models", x_api_key=key).error_id == "UNAUTHORIZED"


def test_a_key_in_capitals_or_cut_short_is_another_key(room):
    api = room()
    for key in (api.keys["learner-01"].upper(), api.keys["learner-01"][:-1]):
        assert api.get("/v1/models", x_api_key=key).status == 401


def test_a_learner_sees_only_what_is_their_own(room):
    api = room()
    mine = [picture(api, "learner-01").json["id"] for _ in range(3)]
    (other,) = [picture(api, "learner-02").json["id"]]
    assert listed(api, "learner-01") == mine[::-1]
    assert listed(api, "learner-02") == [other]
    assert listed(api, "learner-03") == listed(api, "teacher") == []
    assert api.get("/v1/predictions", **api.as_("learner-02")).json["pagination"]["total"] == 1


@pytest.mark.parametrize(
    ("method", "rest"),
    [("GET", ""), ("POST", "/cancel"), ("DELETE", ""), ("DELETE", "/delete"), ("GET", "/stream")],
)
def test_to_another_learner_a_prediction_does_not_exist(room, method, rest):
    api = room()
    id = picture(api, "learner-01").json["id"]
    there = api.ask(method, f"/v1/predictions/{id}{rest}", **api.as_("learner-02"))
    nowhere = api.ask(method, f"/v1/predictions/nowhere{rest}", **api.as_("learner-02"))
    assert (
        (there.status, there.error_id) == (nowhere.status, nowhere.error_id) == (502, "PREDICTION_NOT_FOUND")
    )
    assert listed(api, "learner-01") == [id]


def test_a_budget_is_a_wall_and_says_what_is_left(room):
    api = room(budget="0.07")
    assert [picture(api, "learner-01").status for _ in range(3)] == [200, 200, 402]
    refused = picture(api, "learner-01")
    assert refused.error_id == "INSUFFICIENT_CREDITS"
    assert refused.json["status"] is False
    assert refused.json["error"]["http_status"] == 402
    assert refused.details == "This would cost 0.03 credits, and 0.01 of 0.07 are left; nothing was billed."
    assert picture(api, "learner-02").status == 200
    assert picture(api, "learner-01", model="truefusion-edge").status == 200


def test_what_is_cancelled_comes_back_to_the_budget_and_what_is_deleted_does_not(talk, room):
    api = room(budget="0.03")
    id = picture(api, "learner-01").json["id"]
    api.ask("DELETE", f"/v1/predictions/{id}", **api.as_("learner-01"))
    assert picture(api, "learner-01").status == 402
    slow = talk(learners=1, budget="0.03", seconds=10)
    key = {"x_api_key": slow.core.state.learners[0].key}
    create = {"model": "truefusion", "input": {"prompt": "a"}}
    id = slow.ask("POST", "/v1/predictions", create, **key).json["id"]
    assert slow.ask("POST", "/v1/predictions", create, **key).status == 402
    slow.ask("POST", f"/v1/predictions/{id}/cancel", **key)
    assert slow.ask("POST", "/v1/predictions", create, **key).status == 200


def test_a_budget_of_nothing_allows_nothing_and_a_teacher_has_none(room):
    api = room(budget=0)
    assert picture(api, "learner-01").status == 402
    assert picture(api, "teacher").status == 200


def test_a_quota_is_of_one_learner_alone(room, clock):
    api = room(rate_limit=2)
    assert [picture(api, "learner-01").status for _ in range(3)] == [200, 200, 429]
    assert picture(api, "learner-01").headers["retry-after"] == "60"
    other = picture(api, "learner-02")
    assert (other.status, other.headers["x-skytells-ratelimit-remaining-requests"]) == (200, "1")
    assert [picture(api, "teacher").status for _ in range(5)] == [200] * 5
    clock.forward(60)
    assert picture(api, "learner-01").status == 200


def test_twenty_pictures_at_once_fit_into_the_usual_quota(room):
    api = room()
    assert {picture(api, "learner-01").status for _ in range(20)} == {200}
    left = api.get("/v1/models", **api.as_("learner-01")).headers["x-skytells-ratelimit-remaining-requests"]
    assert left == "219"


def test_jobs_at_a_time_are_counted_for_each_learner(talk):
    api = talk(learners=2, concurrency=1, seconds=10)
    create = {"model": "truefusion", "input": {"prompt": "a"}}
    one, two = ({"x_api_key": each.key} for each in api.core.state.learners)
    assert [api.ask("POST", "/v1/predictions", create, **who).status for who in (one, one, two)] == [
        200,
        429,
        200,
    ]


def test_the_teacher_sees_everybodys_spending_and_predictions_and_no_key(room):
    api = room(budget=1)
    id = picture(api, "learner-01").json["id"]
    picture(api, "learner-02", model="truefusion-edge")
    picture(api, "teacher")
    bill = control(api, "billing")
    assert (bill["count"], bill["amount"]) == (3, "0.070000")
    assert bill["learners"] == control(api, "class")["learners"]
    assert bill["learners"]["learner-01"] == {
        "predictions": 1,
        "amount": "0.030000",
        "budget": "1",
        "rate_limit": 240,
    }
    assert bill["learners"]["learner-03"]["amount"] == "0"
    shown = control(api, "predictions")
    assert [each["learner"] for each in shown] == [None, "learner-02", "learner-01"]
    assert shown[-1]["id"] == id
    everything = json.dumps([control(api, path) for path in ("class", "billing", "predictions", "log")])
    assert not any(key in everything for key in api.keys.values())


@pytest.mark.parametrize("path", ["class", "billing", "predictions", "log", "faults", "deliveries"])
def test_a_learner_reaches_none_of_the_teachers_routes(room, path):
    api = room()
    assert api.get(f"/__sandbox__/{path}", **api.as_("learner-01")).status == 401


def test_a_fault_can_strike_one_learner_and_their_files_alone(room):
    api = room()
    api.faults.always("no_credit", learner="learner-01")
    api.faults.always("expired", learner="learner-02")
    assert [picture(api, name).status for name in ("learner-01", "learner-02", "learner-03")] == [
        402,
        200,
        200,
    ]
    files = {name: picture(api, name).json["output"][0] for name in ("learner-02", "learner-03")}
    statuses = [api.get(url.removeprefix("http://sandbox.test")).status for url in files.values()]
    assert statuses == [404, 200]


def test_a_fault_for_a_learner_there_is_not_is_refused_in_words(room, talk):
    for api, says in ((room(2), "there are learner-01, learner-02"), (talk(), "there is no class")):
        order = {"name": "no_credit", "learner": "nobody"}
        refused = api.ask("POST", "/__sandbox__/faults", order, x_api_key=api.core.state.api_key)
        assert refused.status == 422
        assert refused.details == f"there is no learner 'nobody'; {says}"


def test_a_webhook_is_signed_with_the_learners_own_key(room):
    api = room()
    hook = {"model": "truefusion", "input": {"prompt": "a"}, "webhook": "http://a.test/b"}
    api.ask("POST", "/v1/predictions", hook, **api.as_("learner-02"))
    notice = api.core.due_webhook("http://sandbox.test")
    from skytells_nb.sandbox._webhooks import sign

    assert notice.signature == sign(notice.body, api.keys["learner-02"])


@pytest.fixture
def reopen(tmp_path, clock, painter):
    """Open the same state file again and again."""
    states = []

    def open(**options):
        if states:
            states[-1].close()
        states.append(State(StateFile(tmp_path / "class.db")))
        return Core(Options(clock=clock, seconds=0, **options), state=states[-1], media=painter)

    yield open
    states[-1].close()


def ask(core, number, method="GET", path="/v1/predictions", body=None):
    key = core.state.learners[number].key
    raw = b"" if body is None else json.dumps(body).encode()
    answer = core.answer(HttpRequest(method, path, "", {"x-api-key": key}, raw))
    return answer.status, json.loads(answer.body)


FOX = {"model": "truefusion", "input": {"prompt": "a fox"}}


def test_keys_budgets_and_predictions_outlive_the_process(reopen):
    first = reopen(learners=2, budget="0.06", rate_limit=7, gallery=True)
    teacher, gallery, learners = first.state.api_key, first.state.gallery, first.state.learners
    kept = ask(first, 0, "POST", body=FOX)[1]["id"]
    gone = ask(first, 0, "POST", body=FOX)[1]["id"]
    ask(first, 0, "DELETE", f"/v1/predictions/{gone}")
    second = reopen(learners=2)
    assert (second.state.api_key, second.state.gallery, second.state.learners) == (teacher, gallery, learners)
    assert [each["id"] for each in ask(second, 0)[1]["data"]] == [kept]
    assert ask(second, 1)[1]["data"] == []
    assert ask(second, 0, "POST", body=FOX)[0] == 402
    assert ask(second, 1, "POST", body=FOX)[0] == 200


def test_a_file_of_a_class_stays_one_when_nobody_says_so(reopen):
    learners = reopen(learners=2).state.learners
    again = reopen()
    assert again.state.learners == learners
    assert again.answer(HttpRequest("GET", "/v1/models", headers={"x-api-key": "sk-anyone"})).status == 401


def test_a_class_can_grow_and_be_given_more_and_nobody_is_put_out(reopen):
    first = reopen(learners=2, budget=1).state.learners
    more = reopen(learners=3, budget=5, rate_limit=9).state.learners
    assert [(each.name, each.budget, each.rate_limit) for each in more] == [
        (f"learner-0{number}", Decimal(5), 9) for number in (1, 2, 3)
    ]
    assert [each.key for each in more[:2]] == [each.key for each in first]
    assert reopen(learners=1).state.learners == more


def test_what_was_made_before_there_was_a_class_is_the_teachers(reopen):
    alone = reopen()
    key = {"x-api-key": "sk-anyone"}
    alone.answer(HttpRequest("POST", "/v1/predictions", "", key, json.dumps(FOX).encode()))
    room = reopen(learners=1)
    assert room.state.api_key != alone.state.api_key
    assert ask(room, 0)[1]["data"] == []
    teacher = {"x-api-key": room.state.api_key}
    assert len(json.loads(room.answer(HttpRequest("GET", "/v1/predictions", "", teacher)).body)["data"]) == 1


def test_a_state_file_of_the_version_before_is_read(tmp_path):
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        db.execute(
            "CREATE TABLE predictions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT)"
        )
        db.execute("CREATE TABLE ledger (id TEXT PRIMARY KEY, amount TEXT NOT NULL) WITHOUT ROWID")
        db.execute("INSERT INTO ledger VALUES ('a', '0.03')")
        db.execute("INSERT INTO facts VALUES ('seed', 'old')")
        db.execute(f"PRAGMA application_id = {0x736B7921}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    for _ in range(2):
        state = State(StateFile(path))
        assert (state.seed, state.ledger, dict(state.spent)) == (
            "old",
            {"a": Decimal("0.03")},
            {"": Decimal("0.03")},
        )
        state.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_state_file_is_readable_by_its_owner_alone(tmp_path):
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    StateFile(new).close()
    StateFile(old).close()
    old.chmod(0o644)
    state = State(StateFile(old))
    Core(Options(learners=1), state=state)
    state.close()
    assert [path.stat().st_mode & 0o777 for path in (new, old)] == [0o600, 0o600]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"learners": 0}, "a class has 1 to 500 learners, not"),
        ({"learners": 501}, "a class has 1 to 500 learners, not"),
        ({"learners": []}, "a class has 1 to 500 learners, not"),
        ({"learners": "ada"}, "a class has 1 to 500 learners, not"),
        ({"learners": True}, "a class has 1 to 500 learners, not"),
        ({"learners": ["ada", "../grace"]}, "'../grace' cannot be a learner's name"),
        ({"learners": ["teacher"]}, "'teacher' cannot be"),
        ({"learners": ["ada", "Ada"]}, "the same name"),
        ({"learners": 3, "budget": -1}, "zero or more"),
        ({"learners": 3, "budget": "a lot"}, "zero or more"),
        ({"learners": 3, "budget": float("nan")}, "zero or more"),
        ({"host": "0.0.0.0", "seed": 1}, "Leave one of the two out"),
    ],
)
def test_an_impossible_class_is_refused_in_words(options, says):
    with pytest.raises(ValueError) as caught:
        Server(**options)
    assert says in str(caught.value)


@pytest.mark.parametrize("options", [{"budget": 1}, {"gallery": True}])
def test_what_belongs_to_a_class_is_refused_without_one(options, tmp_path):
    for state in (None, tmp_path / "sandbox.db"):
        with pytest.raises(ValueError, match="belong to a class"):
            Server(state=state, **options).start()


def test_reached_by_others_it_accepts_generated_keys_only(talk):
    api = talk(host="0.0.0.0")
    assert api.core.state.has_own_key
    assert api.get("/v1/models").status == 401
    assert api.get("/v1/models", x_api_key=api.core.state.api_key).status == 200
    assert talk(host="192.0.2.7").get("/v1/models").status == 401
    assert talk(host="::1").get("/v1/models").status == 200
    page = api.get("/", accept="text/html").answer.body.decode()
    assert "keys that it has generated" in page


def test_the_front_page_tells_no_key(room):
    api = room()
    body = api.get("/", accept="text/html").answer.body.decode()
    assert not any(key in body for key in api.keys.values())
