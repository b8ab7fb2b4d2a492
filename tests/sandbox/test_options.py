"""Options: those there are, and what is said about those there are not."""

import pytest

from skytells_nb.sandbox import Options, Server


def test_an_unknown_option_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(TypeError) as caught:
        Server(listng="array", seconds=1)
    assert "'listng'" in str(caught.value)
    assert all(name in str(caught.value) for name in ("listing", "retention", "rate_limit", "state", "port"))


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("listing", "cursor", "choose one of 'page', 'array'"),
        ("canceled", "gone", "'cancelled', 'canceled'"),
        ("seconds", -1, "zero or more"),
        ("retention", float("nan"), "zero or more"),
        ("delay", float("inf"), "zero or more"),
        ("speed", 0, "above zero"),
        ("speed", float("nan"), "above zero"),
        ("port", 70_000, "go from 0 to 65535"),
        ("seconds", "1", "zero or more"),
        ("retention", True, "zero or more"),
        ("speed", "fast", "above zero"),
        ("port", "8000", "whole numbers"),
        ("rate_limit", 2.5, "a whole number"),
        ("rate_limit", 0, "at least 1"),
        ("concurrency", -3, "at least 1"),
    ],
)
def test_an_impossible_value_is_refused_in_words(option, value, says):
    with pytest.raises(ValueError) as caught:
        Options.read({option: value})
    assert option in str(caught.value)
    assert says in str(caught.value)


def test_a_server_that_was_never_started_says_what_to_do():
    server = Server()
    for name in ("url", "api_key", "log", "billed", "predictions"):
        with pytest.raises(RuntimeError, match="has not been started"):
            getattr(server, name)
    server.stop()
