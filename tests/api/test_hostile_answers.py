"""Answers that would fill the memory, or storm the API, are refused in time."""

from __future__ import annotations

import gzip
import itertools
import json
import os

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.api._credentials import make_route
from skytells_nb.api._http import MAX_BODY
from skytells_nb.api._predictions import get_prediction
from skytells_nb.exceptions import InvalidInputError, NetworkError, ServerError

from .api import Api, envelope
from .stage import Stage


@pytest.mark.parametrize(
    ("packed", "why"), [("gzip", "larger than 64 MiB"), ("gzip, gzip", "came as gzip, gzip"), ("br", "as br")]
)
def test_an_answer_that_unpacks_to_more_than_the_cap_is_refused(packed, why):
    bomb = gzip.compress(b" " * (MAX_BODY + 2**20))
    headers = {"content-encoding": packed, "content-type": "application/json"}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, stream=httpx.ByteStream(bomb))
    )
    with (
        sky.Client("sk-test", transport=transport, max_retries=0) as client,
        pytest.raises(NetworkError, match=why),
    ):
        client.models.list()


@pytest.mark.parametrize(
    ("size", "pagination"), [(50, {}), (50, {"total": 10**9}), (1, {"last_page": 10**9})]
)
def test_a_listing_without_an_end_ends(size, pagination):
    numbers = itertools.count()

    def answer(request: httpx.Request) -> httpx.Response:
        data = [{"id": f"p{next(numbers)}", "status": "succeeded"} for _ in range(size)]
        body = {"data": data, "pagination": {"current_page": 1, **pagination}}
        return httpx.Response(200, content=json.dumps(body).encode())

    with (
        sky.Client("sk-test", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(ServerError, match="since="),
    ):
        client.predictions.list(limit=None)


@pytest.mark.parametrize("asked", ["0", "-5", "Mon, 01 Jan 2024 00:00:00 GMT"])
def test_a_retry_after_that_is_not_ahead_makes_no_storm_of_reads(asked):
    api = Api(seconds=60)
    stage = Stage(api)
    api.accept("truefusion", {}, stage.time)
    api.upset = lambda request, now: envelope(429, "RATE_LIMITED", "Slow", **{"retry-after": asked})
    connection = stage.connection()
    part = stage.begin(connection, get_prediction(connection, "p1"))
    stage.play()
    assert part.error is not None
    assert all(pause >= 0.25 - 1e-6 for pause in stage.pauses)


PROXY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("url", "direct", "environment"),
    [
        ("http://127.0.0.1:8000/v1", True, {"HTTP_PROXY": PROXY}),
        ("http://192.168.1.5/v1", True, {"HTTP_PROXY": PROXY}),
        ("https://[::ffff:127.0.0.1]/v1", True, {"HTTPS_PROXY": PROXY}),
        ("https://api.skytells.ai/v1", False, {"HTTPS_PROXY": PROXY}),
        ("https://api.skytells.ai/v1", False, {"HTTPS_PROXY": " 127.0.0.1:9 "}),
        ("https://api.skytells.ai/v1", False, {"ALL_PROXY": PROXY}),
        *(
            (url, direct, {"HTTPS_PROXY": PROXY, "NO_PROXY": rules})
            for rules, url, direct in [
                ("*", "https://api.skytells.ai/v1", True),
                (".ells.ai,.skytells.ai", "https://api.skytells.ai/v1", True),
                ("a skytells.ai:443", "https://api.skytells.ai/v1", True),
                ("skytells.ai:444", "https://api.skytells.ai/v1", False),
                ("https://skytells.ai", "https://api.skytells.ai/v1", True),
                ("ells.ai", "https://api.skytells.ai/v1", False),
                ("fd07::/16", "https://api.skytells.ai/v1", False),
                ("10.0.0.0/8", "https://10.1.2.3/v1", True),
                ("10.*", "https://10.1.2.3/v1", True),
                ("10.1.2.3:443", "https://10.1.2.3/v1", True),
                ("10.1.2.3:444", "https://10.1.2.3/v1", False),
                ("fd07::/16", "https://[fd07:b5::1]/v1", True),
                ("fd07::1", "https://[fd07::1]:8443/v1", True),
                ("[fd07::1]:8443", "https://[fd07::1]:8443/v1", True),
                ("[fd07::1]:8443", "https://[fd07::1]/v1", False),
            ]
        ),
    ],
)
def test_the_environments_proxies_follow_one_rule(monkeypatch, url, direct, environment):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (make_route().proxy_for(url) is None) is direct


@pytest.mark.parametrize(
    ("proxy", "why"),
    [("gopher://127.0.0.1:9", "unknown kind"), ("http://a:99999", "no URL"), ("http:///x", "no URL")],
)
def test_a_proxy_that_cannot_work_is_a_sentence(monkeypatch, proxy, why):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(NetworkError, match=why) as raised:
        make_route().proxy_for("https://api.skytells.ai/v1")
    assert raised.value.charged is False


def test_certificates_that_are_gone_are_a_sentence(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    with pytest.raises(NetworkError, match="SSL_CERT_FILE"):
        make_route().trust("https://api.skytells.ai/v1")
    make_route().trust("http://127.0.0.1/v1")


@pytest.mark.parametrize(
    "options",
    [
        {"verify": 5},
        {"proxy": 5},
        {"headers": {"a": "b\r\nx-api-key: 1"}},
        {"headers": {"X-API-Key": "sk-1"}},
    ],
)
def test_a_route_that_cannot_be_is_refused(options):
    with pytest.raises(InvalidInputError):
        make_route(**options)


def test_headers_of_ones_own_go_to_the_api():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    headers = {"x-team": "foxes"}
    with sky.Client("sk-test", transport=httpx.MockTransport(answer), headers=headers) as client:
        client.models.list()
    assert seen[0].headers["x-team"] == "foxes"


def test_extra_fields_go_into_the_body():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": "p1", "status": "succeeded", "output": ["u"]})

    with sky.Client("sk-test", transport=httpx.MockTransport(answer)) as client:
        client.predictions.create("truefusion", {"prompt": "x"}, extra={"priority": "low"})
        with pytest.raises(InvalidInputError, match="xtra"):
            client.predictions.create("truefusion", {"prompt": "x"}, extra={"a": {1}})  # type: ignore[dict-item]
    assert json.loads(seen[0].content)["priority"] == "low"
    assert [request.method for request in seen].count("POST") == 1
