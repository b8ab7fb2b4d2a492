"""What the pure functions of the sandbox return, an example each."""

import pytest

from skytells_nb.sandbox._accounts import retry_after
from skytells_nb.sandbox._app import is_own_name
from skytells_nb.sandbox._jobs import format_time, plan_times
from skytells_nb.sandbox._language import as_base64, count_tokens, embed, example_of, pieces
from skytells_nb.sandbox._messages import HttpResponse
from skytells_nb.sandbox._models import is_file_uri, schema_errors
from skytells_nb.sandbox._options import is_loopback, learner_names
from skytells_nb.sandbox._rendering import serve_file
from skytells_nb.sandbox._webhooks import check_target, is_allowed, sign


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (retry_after, (1.2, "seconds", 0), "2"),
        (retry_after, (1.25, "fraction", 0), "1.25"),
        (is_own_name, ("127.0.0.1:80",), True),
        (is_own_name, ("[::1]:80",), True),
        (is_own_name, ("a.localhost",), True),
        (is_own_name, ("evil.example:80",), False),
        (is_own_name, ("127.0.0.1:80, evil.example",), False),
        (is_own_name, ("localhost:evil",), False),
        (is_own_name, ("",), False),
        (plan_times, (0, 2.0), (200000, 320000, 2000000)),
        (format_time, (1_000_000,), "1970-01-01T00:00:01.000000Z"),
        (format_time, (1_500_000, "offset"), "1970-01-01T00:00:01+00:00"),
        (count_tokens, ("",), 0),
        (count_tokens, ("fox",), 1),
        (count_tokens, ("a red fox",), 3),
        (example_of, ({"properties": {"a": {}, "b": {"minimum": 2}}}, "Brest"), {"a": "Brest", "b": 2}),
        (as_base64, ([0.5, -0.25, 0.125],), "AAAAPwAAgL4AAAA+"),
        (pieces, ("A red fox.",), ["A", " red", " fox."]),
        (is_file_uri, ("https://example.org/fox.png",), True),
        (is_file_uri, ("fox.png",), False),
        (is_loopback, ("127.0.0.1",), True),
        (is_loopback, ("::1",), True),
        (is_loopback, ("localhost",), True),
        (is_loopback, ("0.0.0.0",), False),
        (is_loopback, ("192.168.1.5",), False),
        (is_loopback, ("",), False),
        (learner_names, (2,), ["learner-01", "learner-02"]),
        (learner_names, (["ada", "grace"],), ["ada", "grace"]),
        (is_allowed, ("10.0.0.7", "10.0.0.7"), True),
        (is_allowed, ("10.0.0.8", "10.0.0.7"), False),
        (is_allowed, ("127.0.0.1", "10.0.0.7"), False),
        (is_allowed, ("8.8.8.8", "10.0.0.7"), True),
        (check_target, ("http://192.168.1.20:8000/hook", "192.168.1.20"), None),
    ],
)  # fmt: skip
def test_a_function_returns_what_it_should(function, arguments, expected):
    assert function(*arguments) == expected


def test_what_breaks_a_schema_is_said_in_words():
    schema = {"required": ["prompt"], "properties": {"width": {"minimum": 256}}}
    assert list(schema_errors(schema, {"width": 99})) == [
        (("prompt",), "this field is required"),
        (("width",), "99 is less than the minimum of 256"),
    ]


def test_a_signature_is_the_hmac_of_the_raw_body():
    assert sign(b'{"id":"p1","status":"succeeded"}', "sk-test").startswith("9bd8b63f50664a79")


def test_a_range_of_a_file_is_a_part():
    part = serve_file(HttpResponse(), b"abcdef", "bytes=2-3")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"cd", "bytes 2-3/6")


def test_texts_that_share_parts_of_words_lie_closer():
    fox, foxes, tax = (embed(text, 256) for text in ("a red fox", "red foxes", "income tax law"))
    assert sum(a * b for a, b in zip(fox, foxes, strict=True)) > sum(
        a * b for a, b in zip(fox, tax, strict=True)
    )
