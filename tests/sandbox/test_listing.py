"""Pages, dates and filters."""

import time
from dataclasses import replace
from decimal import Decimal

import pytest


def ids(reply):
    return [each["id"] for each in reply.json["data"]]


def test_the_newest_come_first_in_pages(talk):
    api = talk(seconds=0)
    made = [api.made()["id"] for _ in range(45)][::-1]
    first = api.get("/v1/predictions")
    assert ids(first) == made[:20]
    assert first.json["pagination"] == {"current_page": 1, "per_page": 20, "total": 45, "last_page": 3}
    assert ids(api.get("/v1/predictions?page=3")) == made[40:]
    assert ids(api.get("/v1/predictions?page=4")) == []
    assert ids(api.get("/v1/predictions?per_page=50")) == made


def test_no_two_predictions_share_a_moment(talk):
    api = talk()
    plan_times = [api.made()["created_at"] for _ in range(20)]
    assert plan_times == sorted(set(plan_times))


def test_a_listing_can_be_a_bare_array(talk):
    api = talk(listing="array")
    made = [api.made()["id"] for _ in range(3)][::-1]
    assert [each["id"] for each in api.get("/v1/predictions").json] == made
    assert api.get("/v1/predictions?page=2").json == []


def test_an_empty_listing_has_one_page(talk):
    assert talk().get("/v1/predictions").json == {
        "data": [],
        "pagination": {"current_page": 1, "per_page": 20, "total": 0, "last_page": 1},
    }


def test_it_can_be_narrowed_by_model_status_and_day(talk, clock):
    api = talk(seconds=10)
    old = api.made("truefusion-pro")["id"]
    clock.forward(86_400)
    fox, wolf = api.made("truefusion")["id"], api.made("truefusion-pro")["id"]
    assert ids(api.get("/v1/predictions?model=truefusion")) == [fox]
    assert ids(api.get("/v1/predictions?model=skytells%2Ftruefusion-pro")) == [wolf, old]
    assert ids(api.get("/v1/predictions?status=succeeded")) == [old]
    assert ids(api.get("/v1/predictions?status=pending")) == [wolf, fox]
    assert ids(api.get("/v1/predictions?to=2026-09-21")) == [old]
    assert ids(api.get("/v1/predictions?from=2026-09-22&to=2026-09-22")) == [wolf, fox]
    both = api.get("/v1/predictions?model=truefusion-pro&from=2026-09-21&per_page=1&page=2")
    assert (ids(both), both.json["pagination"]["total"]) == ([old], 2)


@pytest.mark.parametrize("word", ["canceled", "cancelled"])
def test_both_spellings_of_canceled_find_what_was_cancelled(talk, word):
    api = talk()
    id = api.made()["id"]
    api.ask("POST", f"/v1/predictions/{id}/cancel")
    assert ids(api.get(f"/v1/predictions?status={word}")) == [id]


def test_filters_can_be_ignored_as_by_an_old_api(talk):
    api = talk(filters="ignored")
    api.made()
    assert len(ids(api.get("/v1/predictions?status=failed"))) == 1


@pytest.mark.parametrize(
    ("query", "status", "error_id"),
    [
        ("per_page=0", 400, "INVALID_PARAMETER"),
        ("per_page=51", 400, "INVALID_PARAMETER"),
        ("per_page=ten", 400, "INVALID_PARAMETER"),
        ("per_page=", 400, "INVALID_PARAMETER"),
        ("page=0", 400, "INVALID_PARAMETER"),
        ("page=-1", 400, "INVALID_PARAMETER"),
        ("page=99999999999999999999", 400, "INVALID_PARAMETER"),
        ("status=nonsense", 400, "INVALID_PARAMETER"),
        ("from=yesterday", 400, "INVALID_DATE_FORMAT"),
        ("to=2026-02-30", 400, "INVALID_DATE_FORMAT"),
        ("from=20260101", 400, "INVALID_DATE_FORMAT"),
        ("from=2026-02-02&to=2026-02-01", 400, "INVALID_DATE_RANGE"),
        ("model=nothing", 404, "MODEL_NOT_FOUND"),
    ],
)
def test_a_bad_query_is_refused_by_name(talk, query, status, error_id):
    reply = talk().get(f"/v1/predictions?{query}")
    assert (reply.status, reply.error_id) == (status, error_id)


def test_a_hidden_prediction_is_missing_from_listings_until_its_time_and_can_be_read(talk, clock):
    api = talk()
    api.faults.next("hidden", seconds=5)
    hidden, shown = api.made()["id"], api.made()["id"]
    listed = api.get("/v1/predictions")
    assert (ids(listed), listed.json["pagination"]["total"]) == ([shown], 1)
    assert api.read(hidden)["id"] == hidden
    clock.forward(5)
    assert ids(api.get("/v1/predictions")) == [shown, hidden]


def test_ten_thousand_predictions_are_paged_without_reading_them_all(talk):
    api = talk(seconds=0)
    first = api.core.state.jobs[api.made()["id"]]
    for n in range(2, 10_001):
        another = replace(first, id=f"sandbox-{n}", number=n, created=first.created + n)
        api.core.state.add(another, Decimal(0))
    begun = time.perf_counter()
    page = api.get("/v1/predictions?per_page=50&page=150")
    spent = time.perf_counter() - begun
    assert page.json["pagination"] == {"current_page": 150, "per_page": 50, "total": 10_000, "last_page": 200}
    assert len(ids(page)) == 50
    assert spent < 0.25


def test_inputs_can_be_hidden_as_the_privacy_pages_say(talk):
    api = talk(inputs="empty", seconds=0)
    made = api.made()
    assert made["input"] == api.read(made["id"])["input"] == {}
    assert api.get("/v1/predictions").json["data"][0]["input"] == {}
