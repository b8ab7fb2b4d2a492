"""What is sent, in both spellings, and what is refused before it is."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytells_nb.api import _requests as requests
from skytells_nb.exceptions import InvalidInputError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda t: t.strip(" .") == t)


def body(order: requests.Order) -> Any:
    assert order.call.newest.body is not None
    return json.loads(order.call.newest.body)


def test_a_create_goes_to_predictions_and_in_the_older_spelling_to_predict():
    order = requests.create(" truefusion ", {"prompt": "a fox"})
    assert order.call.newest.method == "POST"
    assert order.call.newest.path == "/predictions"
    assert order.call.older is not None
    assert order.call.older.path == "/predict"
    assert order.call.older.body == order.call.newest.body
    assert body(order) == {"model": "truefusion", "input": {"prompt": "a fox"}}


def test_a_create_never_asks_the_server_to_hold_it():
    assert "await" not in body(requests.create("m", {}))


@given(TEXT)
def test_ids_and_slugs_stay_one_segment_of_the_path(name):
    for call, prefix, suffix in [
        (requests.get(name), "/predictions/", ""),
        (requests.cancel(name), "/predictions/", "/cancel"),
        (requests.delete(name), "/predictions/", ""),
        (requests.model(name), "/models/", ""),
    ]:
        path = call.newest.path
        inner = path.removeprefix(prefix).removesuffix(suffix)
        assert not set(inner) & set("/?#& \\"), path
        assert unquote(inner) == name.strip()
        assert path.isascii()


def test_the_older_spellings_of_delete_and_model():
    assert requests.delete("a/b").older == requests.Request("DELETE", "/predictions/a%2Fb/delete")
    older = requests.model("black-forest-labs/FLUX.2-pro").older
    assert older is not None
    assert older.target == "/model/black-forest-labs%2FFLUX.2-pro?fields=input_schema%2Coutput_schema"


def test_what_has_one_spelling_has_no_older_one():
    assert requests.get("a").older is None
    assert requests.cancel("a").older is None
    assert requests.models().older is None
    assert requests.page(1).older is None
    assert requests.models().newest.target == "/models"


@given(TEXT, TEXT)
def test_every_query_value_is_quoted(model, status):
    query = requests.page(3, size=7, status=status, model=model).newest.query
    assert query.isascii()
    assert " " not in query
    assert "+" not in query
    assert parse_qs(query) == {"page": ["3"], "per_page": ["7"], "status": [status], "model": [model]}


def test_dates_are_sent_as_days():
    query = requests.page(1, since=date(2026, 3, 4), until=date(2026, 3, 5)).newest.query
    assert parse_qs(query) == {
        "page": ["1"],
        "per_page": ["50"],
        "from": ["2026-03-04"],
        "to": ["2026-03-05"],
    }


def cycle() -> dict[str, Any]:
    inner: dict[str, Any] = {}
    inner["self"] = inner
    return inner


@pytest.mark.parametrize(
    ("model", "input", "words"),
    [
        ("", {}, "model must be the name of a model"),
        ("  ", {}, "model must be the name of a model"),
        (None, {}, "model must be the name of a model"),
        (7, {}, "model must be the name of a model"),
        ("m", None, "input must be a dict, not NoneType"),
        ("m", "a fox", "input must be a dict, not str"),
        ("m", [("prompt", "a")], "input must be a dict, not list"),
        ("m", {1: "a"}, "every key of input must be a string"),
        ("m", {None: "a"}, "every key of input must be a string"),
        ("m", {0: "a"}, "every key of input must be a string"),
        ("m", {"": "a", False: "b"}, "every key of input must be a string"),
        ("m", {"n": float("nan")}, r"input\['n'\] cannot be sent as JSON"),
        ("m", {"n": float("inf")}, r"input\['n'\] cannot be sent as JSON"),
        ("m", {"image": b"bytes"}, r"input\['image'\] cannot be sent as JSON"),
        ("m", {"deep": {"n": [float("nan")]}}, r"input\['deep'\] cannot be sent as JSON"),
        ("m", {"deep": {1: 2, "a": 3}}, r"input\['deep'\] cannot be sent as JSON"),
        ("m", {"c": cycle()}, r"input\['c'\] cannot be sent as JSON"),
        ("m", {"s": "\ud800"}, r"input\['s'\] cannot be sent as JSON"),
        ("m\ud800", {}, "cannot be sent"),
        ("m", {"\ud800": 1}, "cannot be sent as JSON"),
        ("m", {"o": object()}, r"input\['o'\] cannot be sent as JSON"),
        ("m", {"s": {1, 2}}, r"input\['s'\] cannot be sent as JSON"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_sentence_that_helps(model, input, words):
    with pytest.raises(InvalidInputError, match=f"(?i){words}") as raised:
        requests.create(model, input)
    assert raised.value.charged is False
    assert "Nothing was sent" in raised.value.message


def test_nesting_deeper_than_json_can_go_is_refused():
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInputError):
        requests.create("m", {"deep": deep})


def test_whether_a_prompt_is_good_is_the_servers_to_say():
    assert body(requests.create("m", {"prompt": "", "n": -1, "unknown": None}))["input"]["n"] == -1


def test_equal_inputs_have_equal_keys_in_whatever_order_they_are_written():
    one = requests.create("m", {"a": 1, "b": {"c": 2, "d": 3}})
    other = requests.create("m", {"b": {"d": 3, "c": 2}, "a": 1})
    assert one.key == other.key
    assert one.key != requests.create("m", {"a": 2, "b": {"c": 2, "d": 3}}).key


def test_the_input_is_a_copy_as_json_has_it():
    given = {"sizes": (1, 2)}
    order = requests.create("m", given)
    given["sizes"] = (3,)
    assert order.input == {"sizes": [1, 2]}


@pytest.mark.parametrize(
    ("webhook", "events", "sent"),
    [
        (None, None, {}),
        ("https://me.example/hook", None, {"webhook": "https://me.example/hook"}),
        (
            "https://me.example/hook",
            ("completed",),
            {"webhook": "https://me.example/hook", "webhook_events_filter": ["completed"]},
        ),
        (
            {"url": "https://me.example/hook", "events": ["prediction.failed"]},
            None,
            {"webhook": {"url": "https://me.example/hook", "events": ["prediction.failed"]}},
        ),
    ],
)
def test_both_forms_of_a_webhook_are_passed_as_given(webhook, events, sent):
    found = body(requests.create("m", {}, webhook=webhook, events=events))
    assert {k: v for k, v in found.items() if k not in ("model", "input")} == sent


@pytest.mark.parametrize(
    ("webhook", "events", "words"),
    [
        ("me.example", None, "webhook must be a URL"),
        (7, None, "webhook must be a URL"),
        ({"events": ["completed"]}, None, "webhook must be a URL"),
        ({"url": "https://me.example", "events": {1}}, None, "webhook cannot be sent as JSON"),
        (None, ["completed"], "without a webhook"),
        ("https://me.example", {"completed"}, "must be a list of event names"),
        ("https://me.example", "completed", "must be a list of event names"),
        ("https://me.example", [1], "must be a list of event names"),
        ("https://me.example", 7, "must be a list of event names"),
    ],
)
def test_a_webhook_that_cannot_work_is_refused(webhook, events, words):
    with pytest.raises(InvalidInputError, match=f"(?i){words}"):
        requests.create("m", {}, webhook=webhook, events=events)


@pytest.mark.parametrize("identifier", ["", " ", ".", "..", " .. ", None, 7, "a\ud800"])
@pytest.mark.parametrize("ask", [requests.get, requests.cancel, requests.delete, requests.model])
def test_a_name_that_names_nothing_is_refused(ask, identifier):
    with pytest.raises(InvalidInputError, match="Nothing was sent"):
        ask(identifier)


def test_a_number_too_long_to_be_written_is_refused():
    with pytest.raises(InvalidInputError):
        requests.create("m", {"n": 10**5000})
