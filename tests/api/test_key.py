"""The key goes to its own origin in one header, and can be read nowhere else."""

from __future__ import annotations

import asyncio
import base64
import copy
import http.server
import io
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.api import Observer, download
from skytells_nb.exceptions import AuthenticationError, InvalidInputError, SkytellsError, UncertainCreateError
from skytells_nb.models import Prediction

KEY = "sk-b2f1c0ffee5eedbea7deadbeef"
PUBLIC = "https://api.skytells.ai/v1"
INPUT = {"prompt": "a lighthouse"}


def shown(error: BaseException) -> str:
    """All that a traceback can show, locals of every frame included."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False)
    ours = "".join(told.format())
    # the frames of this very file hold the key on purpose
    return "\n".join(block for block in ours.split('  File "') if not block.startswith(__file__))


def test_a_key_in_the_place_of_a_name_is_neither_sent_nor_shown() -> None:
    with sky.Sandbox(transport="inprocess") as sandbox, sandbox.client(archive=False) as client:
        for call in (
            client.predictions.get,
            client.predictions.wait,
            client.predictions.delete,
            client.models.get,
            lambda key: client.predictions.create(key, INPUT),
            lambda key: client.chat.completions.create(key, "hello"),
            lambda key: sky.batch(key, ["a fox"], client=client),
        ):
            with pytest.raises(InvalidInputError, match=r"An API key names no (prediction|model)") as caught:
                call(f" {KEY} ")
            assert KEY not in str(caught.value)


def test_no_refusal_shows_a_key_that_was_given_in_the_wrong_place() -> None:
    with sky.Sandbox(transport="inprocess") as sandbox, sandbox.client(archive=False) as client:
        for call in (
            lambda: client.predictions.list(status=KEY),
            lambda: client.predictions.list(since=KEY),
            lambda: client.predictions.create(
                "truefusion-edge", INPUT, webhook="https://h.example/", webhook_events_filter=[KEY]
            ),
            lambda: sky.Client("sk-" + "b" * 20, verify=KEY).models.list(),
            lambda: sky.Client("sk-" + "b" * 20, base_url=f"https://{KEY}.example/v1"),
            lambda: sky.predictions_frame([{"id": "p1"}], columns=[KEY]),
            lambda: sky.predictions_frame(KEY),
            lambda: sky.read_frame(f"{KEY}.csv"),
            lambda: sky.Archive(f"{KEY}\0"),
            lambda: sky.budget(KEY),
        ):
            with pytest.raises(SkytellsError) as caught:
                call()
            assert KEY[3:] not in f"{caught.value} {caught.value.detail}"


class Ears(http.server.BaseHTTPRequestHandler):
    """Answers what it is told to, and remembers every header it hears."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.heard.append((self.command, self.path, dict(self.headers)))  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, body = self.server.script(self.command, self.path)  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - names of the standard library's
    do_DELETE = do_GET  # noqa: N815
    do_CONNECT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


Script = Callable[[str, str], tuple[int, dict[str, str], bytes]]


@contextmanager
def ears(script: Script) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """Run a server of a few words; gives its URL and what it heard."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ears) as server:
        server.daemon_threads = True
        server.script, server.heard = script, []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", server.heard  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def saying(body: Any, status: int = 200, **headers: str) -> Script:
    content = json.dumps(body).encode()
    return lambda method, path: (status, {"content-type": "application/json", **headers}, content)


def keys_in(heard: list[tuple[str, str, dict[str, str]]]) -> list[str]:
    return [f"{name}: {value}" for _, _, headers in heard for name, value in headers.items() if KEY in value]


def test_the_key_travels_as_x_api_key_and_in_no_other_way() -> None:
    with ears(saying({"id": "p1", "status": "succeeded", "output": "x"})) as (url, heard):
        with sky.Client(KEY, base_url=url) as client:
            client.predictions.create("truefusion", INPUT)
            client.predictions.get("p1")
        assert keys_in(heard) == [f"x-api-key: {KEY}"] * 2
        assert all(KEY not in path for _, path, _ in heard)
        assert {"authorization", "cookie"}.isdisjoint(name.lower() for _, _, each in heard for name in each)


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
def test_nothing_goes_to_the_foreign_addresses_that_an_answer_names(face: str) -> None:
    """``urls`` may say anything; a redirect may lead anywhere; a cookie may ask to come along."""
    with ears(saying({})) as (elsewhere, overheard):
        foreign = elsewhere.removesuffix("/v1")
        prediction = {
            "id": "p1",
            "status": "processing",
            "urls": {verb: f"{foreign}/v1/predictions/p1/{verb}" for verb in ("get", "cancel", "delete")},
        }

        def script(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
            if path == "/v1/predictions/moved":
                return 302, {"location": f"{foreign}/v1/predictions/moved"}, b""
            told = {**prediction, "status": "canceled"} if path.endswith("cancel") else prediction
            return 200, {"set-cookie": "session=abc; Path=/"}, json.dumps(told).encode()

        with ears(script) as (url, heard):
            client = sky.Client(KEY, base_url=url)
            calls: list[tuple[str, tuple[object, ...], dict[str, object]]] = [
                ("create", ("truefusion", INPUT), {"wait": False}),
                ("get", ("p1",), {}),
                ("cancel", ("p1",), {}),
                ("delete", ("p1",), {}),
            ]
            for name, args, options in calls:
                if face == "Client":
                    getattr(client.predictions, name)(*args, **options)
                else:
                    sky.run(getattr(client.as_async().predictions, name)(*args, **options))
            with pytest.raises(SkytellsError) as caught:
                client.predictions.get("moved")
            assert caught.value.status_code == 302
            client.close()
            assert [path for _, path, _ in heard] == [
                "/v1/predictions",
                "/v1/predictions/p1",
                "/v1/predictions/p1/cancel",
                "/v1/predictions/p1",
                "/v1/predictions/moved",
            ]
            assert not any("cookie" in {name.lower() for name in headers} for _, _, headers in heard)
        assert overheard == []


def test_an_asset_on_another_port_sees_no_key(tmp_path: Path) -> None:
    """Downloads have a client of their own, which never had the key."""
    with ears(saying({"here": "is a picture"})) as (asset, heard), sky.Client(KEY, base_url=asset) as client:
        url = asset.removesuffix("/v1") + "/assets/out.png"

        class Fetching(Observer):
            async def ended(self, account: Any, prediction: Any) -> None:
                await download(url, tmp_path / "out.png", origin=asset)

        client.connection.observers.append(Fetching())
        client.connection.see_end(Prediction(id="p1", status="succeeded"))
        assert (tmp_path / "out.png").is_file()
        assert keys_in(heard) == []


def test_no_proxy_is_asked_on_the_way_to_this_machine(
    sandbox: sky.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ears(saying({}, 500)) as (proxy, overheard):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.removesuffix("/v1"))
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        with sandbox.client() as client:
            assert client.predictions.create("truefusion", INPUT).status == "succeeded"
            assert sky.run(client.as_async().predictions.list())
        assert overheard == []


def test_the_way_out_leads_through_the_proxy_and_the_key_is_not_shown_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To a real API there is a tunnel, or nothing."""
    with ears(saying({}, 403)) as (proxy, overheard):
        monkeypatch.setenv("HTTPS_PROXY", proxy.removesuffix("/v1"))
        client = sky.Client(KEY, base_url="https://api.example/v1", max_retries=0)
        with client, pytest.raises(sky.exceptions.NetworkError):
            client.models.list()
        assert [(method, path) for method, path, _ in overheard] == [("CONNECT", "api.example:443")]
        assert keys_in(overheard) == []


@pytest.mark.parametrize("make", [sky.Client, sky.AsyncClient])
def test_no_repr_holds_the_key(make: type[sky.Client | sky.AsyncClient]) -> None:
    client = make(f"  {KEY}\n", base_url=PUBLIC)
    connection = client.connection
    for thing in (
        client, connection, connection.key, connection, client.predictions, client.models
    ):  # fmt: skip
        assert KEY not in repr(thing) + str(thing)
        assert KEY not in repr(vars(thing) if hasattr(thing, "__dict__") else ())
    assert connection.key.reveal() == KEY
    assert connection.key.fingerprint not in repr(client), "it looks like a key"
    assert "create, get, wait" in repr(client.predictions)


def test_a_client_is_refused_by_pickle_and_by_copy() -> None:
    client = sky.Client(KEY, base_url=PUBLIC)
    for thing in (client, client.as_async(), client.connection, client.connection.key):
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="never pickled"):
                act(thing)
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(client.predictions)


def test_what_a_client_gives_can_be_pickled_and_holds_no_key(sandbox: sky.Sandbox) -> None:
    with sky.Client(KEY, base_url=sandbox.url) as client:
        prediction = client.predictions.create("truefusion", INPUT)
        sandbox.faults.next("unauthorized")
        with pytest.raises(AuthenticationError) as caught:
            client.predictions.get(prediction.id)
        for thing in (prediction, client.predictions.list(), client.models.list(), caught.value):
            kept = pickle.dumps(thing)
            assert KEY.encode() not in kept
            assert type(pickle.loads(kept)) is type(thing)


FAULTS: dict[str, dict[str, Any]] = {
    "unauthorized": {},
    "forbidden": {},
    "no_credit": {},
    "drop_before": {"reset": True},
    "hang_after": {},
    "server_error": {"times": 9},
    "broken_json": {"times": 9},
    "failed": {},
}


def error_of(fault: str, face: str) -> BaseException:
    with sky.Sandbox(seconds=0.02) as sandbox:
        sandbox.faults.next(fault, **FAULTS[fault])
        if fault == "hang_after":
            sandbox.faults.next("server_error", on="list", times=9)
        client = sky.Client(KEY, base_url=sandbox.url, max_retries=0, timeout=0.5)
        try:
            if face == "Client":
                client.predictions.create("truefusion", INPUT)
            else:
                asyncio.run(client.as_async().predictions.create("truefusion", INPUT))
        except SkytellsError as error:
            return error
        finally:
            client.close()
    raise AssertionError(f"{fault} was no error")


def test_no_error_shows_the_key_not_even_in_the_locals_of_its_frames() -> None:
    cases = [(fault, face) for fault in FAULTS for face in ("Client", "AsyncClient")]
    with ThreadPoolExecutor(len(cases)) as pool:  # all at once: some of them take three seconds
        errors = list(pool.map(error_of, *zip(*cases, strict=True)))
    for (fault, _), error in zip(cases, errors, strict=True):
        told = shown(error)
        assert "skytells_nb" in told
        assert KEY not in told
        assert KEY not in str(error) + repr(error) + repr(vars(error))
        in_doubt = fault in ("drop_before", "hang_after", "server_error", "broken_json")
        assert isinstance(error, UncertainCreateError) == in_doubt


@pytest.mark.parametrize("make", [sky.Client, sky.AsyncClient, sky.connect])
@pytest.mark.parametrize(
    ("key", "options"),
    [
        (KEY, {"timeout": -1}),
        (KEY, {"max_retries": True}),
        (KEY, {"base_url": "http://example.com"}),
        (KEY, {"transport": object()}),
        (f"{KEY}\n{KEY}", {}),
        (None, {"base_url": KEY}),
        (None, {"headers": {"authorization": f"Bearer {KEY}\n"}}),
        (None, {"timeout": KEY}),
    ],
)
def test_no_refusal_of_a_client_shows_the_key(
    make: Callable[..., object], key: str | None, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if key is None:
        monkeypatch.setenv("SKYTELLS_API_KEY", "sk-another")
    with pytest.raises(SkytellsError) as caught:
        make(key, **options)
    told = shown(caught.value)
    assert KEY not in told + str(caught.value)
    assert "sk-another" not in told


def test_an_interrupt_in_the_middle_of_an_exchange_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of httpx and h11 hold the header; an interrupt must not carry them along."""

    def interrupted(request: httpx.Request) -> httpx.Response:
        header = request.headers["x-api-key"]
        try:
            raise OSError(header)
        except OSError:
            raise KeyboardInterrupt from None

    client = sky.Client(KEY, base_url=PUBLIC, transport=httpx.MockTransport(interrupted))
    with pytest.raises(KeyboardInterrupt) as caught:
        client.predictions.get("p1")
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
def test_no_log_record_holds_the_key(sandbox: sky.Sandbox, face: str) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with sky.Client(KEY, base_url=sandbox.url) as client:
            if face == "Client":
                client.predictions.create("truefusion", INPUT)
            else:
                asyncio.run(client.as_async().predictions.create("truefusion", INPUT), debug=True)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert "httpcore" in "".join(logging.Logger.manager.loggerDict)
    assert "send_request_headers.started" in lines.getvalue(), "httpcore did log"
    assert KEY not in lines.getvalue()


@pytest.mark.parametrize(
    "echo",
    [
        lambda key: json.dumps(f"No such key: {key}").replace("-", "\\u002d"),
        lambda key: '"' + "".join(f"\\u{ord(letter):04X}" for letter in key) + '"',
        lambda key: json.dumps(f"see /keys/{key.replace('-', '%2D')}"),
        lambda key: json.dumps(f"KEY {key.upper()} IS UNKNOWN"),
        lambda key: json.dumps(key.replace("-", "&#x2D;")),
        lambda key: json.dumps(json.dumps(key).replace("-", "\\u002d")),
        lambda key: json.dumps(key.replace("-", "%252d")),
        lambda key: json.dumps("Basic " + base64.b64encode(f"user:{key}:".encode()).decode()),
        lambda key: json.dumps(base64.urlsafe_b64encode(f"??{key}".encode()).decode()),
        lambda key: json.dumps(base64.b64encode(f"??{key}".encode()).decode()).replace("/", "\\/"),
        lambda key: json.dumps(key.encode().hex().upper()),
        lambda key: json.dumps("\u200e".join(key)),
        lambda key: json.dumps("\ufeff".join(key), ensure_ascii=False),
    ],
    ids=[
        "hyphens escaped",
        "all escaped",
        "percent",
        "capitals",
        "page",
        "quoted",
        "percent twice",
        "base64",
        "base64 for URLs",
        "base64 of PHP",
        "hexadecimal",
        "marks of direction",
        "marks of byte order",
    ],
)
def test_an_echo_in_another_spelling_is_blanked_too(echo: Callable[[str], str]) -> None:
    body = f'{{"error": {{"message": {echo(KEY)}, "error_id": "UNAUTHORIZED"}}}}'.encode()
    answer = lambda method, path: (401, {"content-type": "application/json"}, body)  # noqa: E731
    with ears(answer) as (url, _), sky.Client(KEY, base_url=url) as client:
        with pytest.raises(AuthenticationError) as caught:
            client.predictions.get("p1")
        told = f"{caught.value!r} {caught.value.detail}".replace("%2D", "-").lower()
        assert KEY.lower() not in told
        assert "[key]" in told


def test_an_answer_in_utf_16_is_no_json() -> None:
    body = json.dumps({"id": "p1", "status": "failed", "error": KEY}).encode("utf-16")
    with (
        ears(lambda method, path: (200, {}, body)) as (url, _),
        sky.Client(KEY, base_url=url, max_retries=0) as client,
        pytest.raises(sky.exceptions.ServerError) as caught,
    ):
        client.predictions.get("p1")
    assert KEY not in f"{caught.value!r} {caught.value.detail}"


def test_a_key_in_the_pieces_of_a_stream_is_not_in_what_they_join_to() -> None:
    words = [KEY[:9], KEY[9:], KEY.upper()]
    choices = [{"index": 0, "delta": {"content": word}, "finish_reason": None} for word in words]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = "".join(f"data: {json.dumps({'id': 'c1', 'choices': [each]})}\n\n" for each in choices).encode()
    kind = {"content-type": "text/event-stream"}
    with ears(lambda method, path: (200, kind, events)) as (url, _), sky.Client(KEY, base_url=url) as client:
        stream = client.chat.completions.create("m", "hi", stream=True)
        assert [piece.text for piece in stream][2] == "[key]"
        assert stream.completion.text == "[key][key]"


def test_a_header_that_is_none_and_holds_the_key_is_quoted_without_it() -> None:
    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        return 200, {f"you sent {KEY}": "x"}, b"{}"

    with (
        ears(answer) as (url, _),
        sky.Client(KEY, base_url=url, max_retries=0) as client,
        pytest.raises(sky.NetworkError) as caught,
    ):
        client.predictions.get("p1")
    assert "[key]" in str(caught.value)
    assert KEY not in f"{caught.value!r} {caught.value.detail}"


def test_a_header_that_echoes_the_key_is_in_no_record_of_any_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = saying({"id": "p1", "status": "succeeded", "output": "x"}, **{"x-you-sent": KEY})
    with ears(echo) as (url, _), sky.Client(KEY, base_url=url) as client:
        client.predictions.get("p1")
    assert "x-you-sent" in caplog.text.lower(), "httpcore did log it"
    assert KEY not in caplog.text


def test_every_client_trusts_by_the_same_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the trust store takes some 50 ms."""
    contexts = set()
    for make in (sky.Client, sky.AsyncClient, sky.Client):
        connection = make(KEY, base_url="HTTPS://API.skytells.ai/v1/").connection
        assert connection.origin == PUBLIC
        contexts.add(id(connection.route.trust(connection.origin)))
    assert len(contexts) == 1


def test_a_key_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYTELLS_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("SKYTELLS_BASE_URL", "http://127.0.0.1:1/v1/")
    assert sky.Client().connection.key.reveal() == KEY
    assert sky.Client().base_url == "http://127.0.0.1:1/v1"
    assert sky.Client("sk-given", base_url=PUBLIC).connection.key.reveal() == "sk-given"
    assert sky.Client(base_url=PUBLIC).base_url == PUBLIC
    monkeypatch.setenv("SKYTELLS_BASE_URL", "")
    assert sky.Client().base_url == PUBLIC


def test_colab_s_secret_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    colab = ModuleType("google.colab")
    colab.userdata = {"SKYTELLS_API_KEY": KEY}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert sky.Client().connection.key.reveal() == KEY
    colab.userdata = {"SKYTELLS_API_KEY": None}  # type: ignore[attr-defined]
    with pytest.raises(AuthenticationError):
        sky.Client()
    del colab.userdata
    with pytest.raises(AuthenticationError):
        sky.Client()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "http://8.8.8.8/v1",
        "http://0x08080808/v1",
        "http://134744072/v1",
        "http://localhost.example.com",
    ],
)
def test_plain_http_is_refused_beyond_one_s_own_network(url: str) -> None:
    with pytest.raises(InvalidInputError, match="use https"):
        sky.Client(KEY, base_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000",
        "http://127.0.0.1/v1",
        "http://[::1]:9/v1",
        "http://10.1.2.3/v1",
        "http://sandbox:80",
    ],
)
def test_plain_http_is_fine_at_home(url: str) -> None:
    assert sky.Client(KEY, base_url=url).base_url == url
