"""What cannot work is a typed error with a sentence that helps, before anything is sent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.exceptions import AuthenticationError, InvalidInputError, NotFoundError, SkytellsError

KEY = "sk-test"


@pytest.mark.parametrize("make", [sky.Client, sky.AsyncClient])
@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "set SKYTELLS_API_KEY"),
        ("", "SKYTELLS_API_KEY"),
        ("  \n ", "SKYTELLS_API_KEY"),
        ("sk-one\nsk-two", "a line break"),
        ("sk-one two", "contains whitespace"),
        ("sk-ключ", "non-ASCII character"),
        (b"sk-bytes", "must be a string, not bytes"),
        (5, "must be a string, not int"),
        (False, "must be a string, not bool"),
    ],
)
def test_what_can_be_no_key_is_refused(make: Callable[..., object], key: object, words: str) -> None:
    with pytest.raises(AuthenticationError, match=words) as caught:
        make(key)
    assert caught.value.charged is False
    assert caught.value.charged is False


@pytest.mark.parametrize("make", [sky.Client, sky.AsyncClient])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "api.skytells.ai/v1"}, "must start with https://"),
        ({"base_url": "localhost:8000"}, "must start with https://"),
        ({"base_url": "ftp://api.skytells.ai"}, "must start with https://"),
        ({"base_url": "https://"}, "name a host"),
        ({"base_url": ""}, "must start with https://"),
        ({"base_url": "https://user:pw@api.skytells.ai"}, "without user"),
        ({"base_url": "https://api.skytells.ai/v1?a=b"}, "without user"),
        ({"base_url": "https://api.skytells.ai:port"}, "cannot be used"),
        ({"base_url": "https://[::1"}, "cannot be used"),
        ({"base_url": "https://sk-0123456789abcdef0123"}, "holds a key"),
        ({"base_url": "https://api.skytells.ai/\x07"}, "character that no URL has"),
        ({"base_url": 5}, "must be a string"),
        ({"timeout": -1}, "seconds, more than 0"),
        ({"timeout": 0}, "seconds, more than 0"),
        ({"timeout": math.nan}, "seconds, more than 0"),
        ({"timeout": math.inf}, "seconds, more than 0"),
        ({"timeout": True}, "seconds, more than 0"),
        ({"timeout": "60"}, "seconds, more than 0"),
        ({"max_retries": -1}, "0 or more"),
        ({"max_retries": 1.5}, "whole number"),
        ({"max_retries": True}, "whole number"),
        ({"max_retries": None}, "whole number"),
        ({"transport": object()}, "must be an httpx transport"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    make: Callable[..., object], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        make(KEY, **options)
    assert caught.value.charged is False
    assert caught.value.charged is False


def test_a_password_in_a_base_url_is_not_repeated() -> None:
    for url in ("https://user:hunter2@api.skytells.ai", "ftp://user:hunter2@api.skytells.ai"):
        with pytest.raises(InvalidInputError) as caught:
            sky.Client(KEY, base_url=url)
        assert "hunter2" not in str(caught.value)


def test_a_timeout_of_years_is_a_long_one() -> None:
    assert sky.Client(KEY, timeout=1e30).connection.timeout == 86_400
    assert sky.Client(KEY, timeout=None).connection.timeout == 60  # type: ignore[arg-type]


CYCLE: dict[str, Any] = {}
CYCLE["again"] = CYCLE

UNSENDABLE: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("create", ("", {}), {}),
    ("create", (None, {}), {}),
    ("create", ("truefusion", None), {}),
    ("create", ("truefusion", "a red fox"), {}),
    ("create", ("truefusion", [("prompt", "a red fox")]), {}),
    ("create", ("truefusion", {1: "a red fox"}), {}),
    ("create", ("truefusion", {"seed": math.nan}), {}),
    ("create", ("truefusion", {"image": object()}), {}),
    ("create", ("truefusion", {"image": CYCLE}), {}),
    ("create", ("truefusion", {"prompt": "x"}), {"timeout": -1}),
    ("create", ("truefusion", {"prompt": "x"}), {"timeout": True}),
    ("create", ("truefusion", {"prompt": "x"}), {"on_progress": 5}),
    ("create", ("truefusion", {"prompt": "x"}), {"webhook": "ftp://x"}),
    ("create", ("truefusion", {"prompt": "x"}), {"webhook_events_filter": ["completed"]}),
    ("get", ("",), {}),
    ("get", (None,), {}),
    ("get", ("..",), {}),
    ("wait", (5,), {}),
    ("wait", ("p1",), {"timeout": math.nan}),
    ("wait", ("p1",), {"on_progress": "print"}),
    ("cancel", ("",), {}),
    ("delete", (b"p1",), {}),
    ("list", (-1,), {}),
    ("list", (1.5,), {}),
    ("list", (True,), {}),
    ("list", (), {"since": "yesterday"}),
    ("list", (), {"since": "2026-11-22", "until": "2026-11-21"}),
    ("list", (), {"status": 5}),
    ("list", (), {"status": "suceeded"}),
    ("reconcile", (ValueError("x"),), {}),
]


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
def test_what_cannot_be_sent_is_refused_and_nothing_is_sent(sandbox: sky.Sandbox, face: str) -> None:
    with sandbox.client() as client:
        for name, args, options in UNSENDABLE:
            call = getattr((client if face == "Client" else client.as_async()).predictions, name)
            with pytest.raises(InvalidInputError) as caught:
                call(*args, **options) if face == "Client" else sky.run(call(*args, **options))
            assert caught.value.charged is False, (name, args, options)
            assert caught.value.charged is False
        for slug in ("", None, 5):
            with pytest.raises(InvalidInputError):
                client.models.get(slug)  # type: ignore[arg-type]
    assert {received.route for received in sandbox.log} <= {"model"}, "whose schema says what a file becomes"
    assert sandbox.billed == 0


def test_an_unknown_model_is_the_api_s_to_refuse_and_costs_nothing(sandbox: sky.Sandbox) -> None:
    with sandbox.client() as client:
        with pytest.raises(NotFoundError, match="no-such-model") as caught:
            client.predictions.create("no-such-model", {"prompt": "x"})
        assert caught.value.error_id == "MODEL_NOT_FOUND"
        with pytest.raises(NotFoundError):
            client.models.get("no-such-model")
        with pytest.raises(InvalidInputError) as refused:
            client.predictions.create("truefusion", {})
        assert refused.value.detail
        with pytest.raises(NotFoundError):
            client.predictions.get("no-such-prediction")
    assert sandbox.billed == 0
    refusals = [received.status for received in sandbox.log if received.route != "models"]
    assert refusals == [404, 404, 422, 502]  # beside them, the list was read for what was meant


def test_a_wrong_key_is_refused_by_the_api(sandbox: sky.Sandbox) -> None:
    with sky.Client("not-a-skytells-key", base_url=sandbox.url) as client:
        with pytest.raises(AuthenticationError) as caught:
            client.predictions.create("truefusion", {"prompt": "x"})
        assert caught.value.status_code == 401
        assert caught.value.charged is False
    assert len(sandbox.log) == 1


@pytest.mark.parametrize("closed_by", ["Client", "AsyncClient"])
def test_a_closed_client_says_so_and_sends_nothing(sandbox: sky.Sandbox, closed_by: str) -> None:
    client = sandbox.client()
    if closed_by == "Client":
        client.close()
        client.close()
    else:
        asyncio.run(client.as_async().close())
    assert client.closed
    assert client.as_async().closed
    assert "closed" in repr(client)
    assert "closed" in repr(client.connection)
    calls = [
        lambda: client.predictions.create("truefusion", {"prompt": "x"}),
        lambda: client.models.list(),
        lambda: asyncio.run(client.as_async().predictions.get("p1")),
        lambda: client.__enter__(),
        lambda: asyncio.run(client.as_async().__aenter__()),
    ]
    for call in calls:
        with pytest.raises(SkytellsError, match="Client is closed") as caught:
            call()
        assert caught.value.charged is False
    assert sandbox.log == []


class OnlyAsync(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[])


class OnlyBlocking(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[])


@pytest.mark.parametrize("kind", [OnlyAsync, OnlyBlocking])
def test_a_transport_of_either_kind_serves_both_clients(kind: type[Any]) -> None:
    client = sky.Client(KEY, transport=kind())
    assert client.models.list() == []
    assert asyncio.run(client.as_async().models.list()) == []


def test_a_flag_that_is_text_is_refused_and_nothing_is_sent() -> None:
    def twice(**flags: Any) -> Any:
        return sky.batch("truefusion", ["a fox"], client=client, progress=False, **flags)

    async def nothing() -> None:
        raise AssertionError("begun")

    with sky.Sandbox(transport="inprocess") as sandbox, sandbox.client(archive=False) as client:
        for asked in (
            lambda: client.predictions.create("truefusion", {"prompt": "a fox"}, wait="False"),  # type: ignore[arg-type]
            lambda: client.chat.completions.create("gpt-5", "a fox", stream="no"),  # type: ignore[call-overload]
            lambda: twice(retry_uncertain="False"),
            lambda: twice(retry_failed="no"),
            lambda: sky.budget(1, allow_unknown="no"),  # type: ignore[arg-type]
            lambda: sky.run(sky.gather(nothing(), return_exceptions="no")),  # type: ignore[call-overload]
        ):
            with pytest.raises(InvalidInputError, match="must be True or False"):
                asked()
        assert not any("create" in entry.route or "chat" in entry.route for entry in sandbox.log)


def test_what_holds_itself_is_refused_wherever_it_is_given() -> None:
    batch = [{"prompt": "x", "image": CYCLE}]
    messages = [{"role": "user", "content": "x", "name": CYCLE}]
    with sky.Sandbox(transport="inprocess") as sandbox, sandbox.client(archive=False) as client:
        form = sky.PromptForm("truefusion", client=client)
        for asked in (
            lambda: sky.estimate("truefusion", CYCLE, client=client),
            lambda: sky.batch("truefusion", batch, client=client, progress=False),
            lambda: sky.compare(["truefusion"], prompt="x", inputs={"image": CYCLE}, client=client),
            lambda: setattr(form, "value", batch[0]),
            lambda: client.chat.completions.create("gpt-5", messages),
            lambda: client.chat.completions.create("gpt-5", "x", response_format=CYCLE),
            lambda: client.embeddings.create("text-embedding-3-small", "x", user=CYCLE),
        ):
            with pytest.raises(InvalidInputError):
                asked()
    assert sandbox.billed == 0
