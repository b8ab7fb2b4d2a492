"""Downloads: what is refused, what is followed, what is left on disk. Over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.api import Observer, download_bytes
from skytells_nb.api._download import Download, Downloader, check_url, download, downloader, kind_of_address
from skytells_nb.exceptions import NetworkError, OutputExpiredError, SkytellsError
from skytells_nb.models import Prediction

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 1000
PUBLIC = "https://api.skytells.ai/v1"


@dataclass
class Site:
    """A small asset server on loopback that writes down what it was asked."""

    url: str
    seen: list[dict[str, str]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.url + "/v1"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            here.seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            name, _, value = self.path.lstrip("/").partition("/")
            if name == "status":
                return self.answer(int(value), b"sorry")
            if name == "hop":
                left = int(value)
                return self.answer(302, b"", Location=f"/hop/{left - 1}" if left else "/fox.png")
            if name == "to":
                return self.answer(302, b"", Location=value.replace("~", "/"))
            if name == "huge":
                return self.answer(200, b"", announce=600 * 2**20)
            if name == "endless":
                self.send_response(200)
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(b"x" * 65536)
                except OSError:
                    return None
            if name == "part":  # though nobody asked for one
                first, last = value.split("-")
                return self.answer(206, PNG, **{"Content-Range": f"bytes {first}-{last}/{len(PNG)}"})
            if name == "broken":
                return self.answer(200, PNG[:100], announce=len(PNG))
            return self.answer(200, b"" if name == "empty" else PNG)

        def answer(self, status: int, body: bytes, announce: int | None = None, **headers: str) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Set-Cookie", "track=me")
            self.send_header("Content-Length", str(len(body) if announce is None else announce))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield here
    server.shutdown()
    thread.join()
    server.server_close()


Get = Callable[..., Download]


@pytest.fixture
def get(tmp_path: Path) -> Get:
    """Download into a file, as an observer of a connection does."""

    def run(url: str, origin: str | None = PUBLIC, limit: int = 2**29) -> Download:
        return asyncio.run(download(url, tmp_path / "got", origin=origin, limit=limit))

    return run


def through(transport: httpx.AsyncBaseTransport | None, url: str, path: Path, **options: Any) -> Download:
    """Download through a transport of the user's."""

    async def main() -> Download:
        downloader.set(Downloader(transport=transport))
        return await download(url, path, **options)

    return asyncio.run(main())


def test_an_output_is_streamed_to_disk_and_known_by_its_bytes(get: Get, site: Site, tmp_path: Path) -> None:
    assert get(site.url + "/fox.html", site.origin) == Download(size=len(PNG), media_type="image/png")
    assert (tmp_path / "got").read_bytes() == PNG


def test_a_206_that_nobody_asked_for_is_kept_where_it_is_of_the_whole(get: Get, site: Site) -> None:
    assert get(f"{site.url}/part/1-{len(PNG) - 1}", site.origin).withheld
    assert get(f"{site.url}/part/0-{len(PNG) - 2}", site.origin).withheld
    assert get(f"{site.url}/part/0-{len(PNG) - 1}", site.origin).size == len(PNG)


def test_an_existing_file_is_never_written_to(get: Get, site: Site, tmp_path: Path) -> None:
    (tmp_path / "got").write_bytes(b"mine")
    result = get(site.url + "/fox.png", site.origin)
    assert result.final
    assert "File exists" in str(result.problem)
    assert (tmp_path / "got").read_bytes() == b"mine"


def test_the_private_network_is_closed_to_an_api_on_the_internet(
    get: Get, site: Site, tmp_path: Path
) -> None:
    before = len(site.seen)
    result = get(site.url + "/fox.png", "https://8.8.8.8/v1")
    assert result.final
    assert result.problem == "its host is at the loopback address 127.0.0.1"
    assert len(site.seen) == before
    assert not (tmp_path / "got").exists()


def test_a_redirect_into_the_private_network_is_not_followed(get: Get, site: Site) -> None:
    result = get(f"{site.url}/to/http:~~169.254.169.254~latest", site.origin)
    assert result == Download(problem="its host is at the link-local address 169.254.169.254", final=True)
    assert (
        get(f"{site.url}/to/file:~~~etc~passwd", site.origin).problem == "its address is file: and not http"
    )


def test_five_redirects_are_followed_and_no_sixth(get: Get, site: Site) -> None:
    assert get(site.url + "/hop/4", site.origin).problem is None
    result = get(site.url + "/hop/5", site.origin)
    assert result == Download(problem="it redirects more than 5 times", final=True)


@pytest.mark.parametrize(
    ("status", "final", "expired"),
    [
        *((404, True, True), (410, True, True), (403, True, False)),
        *((429, False, False), (503, False, False), (202, False, False)),
    ],
)
def test_a_refusal_says_whether_trying_again_can_help(
    get: Get, site: Site, tmp_path: Path, status: int, final: bool, expired: bool
) -> None:
    result = get(f"{site.url}/status/{status}", site.origin)
    assert (result.final, result.expired) == (final, expired)
    assert str(status) in str(result.problem)
    assert not (tmp_path / "got").exists()


def test_too_large_a_file_is_refused_before_and_while_it_comes(get: Get, site: Site, tmp_path: Path) -> None:
    assert "600 MiB" in str(get(site.url + "/huge", site.origin).problem)
    endless = get(site.url + "/endless", site.origin, limit=100_000)
    assert endless.final
    assert "larger than announced" in str(endless.problem)
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("path", ["/broken", "/empty"])
def test_a_download_that_breaks_off_leaves_nothing_and_may_be_tried_again(
    get: Get, site: Site, tmp_path: Path, path: str
) -> None:
    result = get(site.url + path, site.origin)
    assert result.problem
    assert not result.final
    assert not (tmp_path / "got").exists()


def test_nobody_listening_is_no_answer_and_not_final(get: Get) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = get(f"http://127.0.0.1:{taken.getsockname()[1]}/a", "http://127.0.0.1/v1")
    assert "connection failed" in str(result.problem)
    assert not result.final


def test_an_unwritable_place_is_said_and_final(site: Site, tmp_path: Path) -> None:
    result = through(None, site.url + "/a", tmp_path / "nowhere" / "got", origin=site.origin)
    assert result.final
    assert "could not be written" in str(result.problem)


def test_no_key_cookie_or_credential_of_the_client_goes_out(site: Site, tmp_path: Path) -> None:
    with sky.Client(
        "sk-secret", base_url=site.origin, headers={"Authorization": "Bearer sk-secret"}
    ) as client:
        for name in "12":

            class Fetching(Observer):
                async def ended(self, account: Any, prediction: Any, name: str = name) -> None:
                    await download(site.url + "/keyless", tmp_path / name, origin=site.origin)

            client.connection.observers.append(Fetching())
        client.connection.see_end(Prediction(id="p1", status="succeeded"))
    asked = [seen for seen in site.seen if seen["path"] == "/keyless"]
    assert len(asked) == 2
    for request in asked:
        assert set(request) == {"path", "host", "user-agent", "accept", "accept-encoding", "connection"}


def test_a_name_is_looked_up_once_and_the_checked_address_is_used(
    get: Get, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.1", "10.0.0.1"])
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, port: int, *args: object, **kwargs: object) -> object:
        if host != "assets.example":
            return real(host, port, *args, **kwargs)
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr("socket.getaddrinfo", rebinding)
    port = site.url.rpartition(":")[2]
    assert get(f"http://assets.example:{port}/pinned", site.origin).problem is None
    assert looked_up == ["assets.example"]
    assert next(s for s in reversed(site.seen) if s["path"] == "/pinned")["host"] == f"assets.example:{port}"


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(host: str, port: int, *args: object, **kwargs: object) -> object:
        found = ["93.184.216.34", "192.168.1.1"] if host == "mixed.example" else ["93.184.216.34"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("socket.getaddrinfo", mixed)
    assert get("https://mixed.example/a").problem == "its host is at the private address 192.168.1.1"


def test_https_to_a_checked_address_still_asks_for_the_certificate_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=PNG)

    def lookup(host: str, port: int, *args: object, **kwargs: object) -> object:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:2800:220:1::1", port, 0, 0))]

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", lambda **_: httpx.MockTransport(answer))
    url = "https://cdn.skytells.ai/a.png?sig=1#x"
    assert asyncio.run(download(url, tmp_path / "a", origin=PUBLIC)).problem is None
    assert str(sent[0].url) == "https://[2606:2800:220:1::1]/a.png?sig=1"
    assert sent[0].headers["host"] == "cdn.skytells.ai"
    assert sent[0].extensions["sni_hostname"] == "cdn.skytells.ai"


def test_https_never_falls_back_to_http(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://cdn.skytells.ai/a.png"})

    result = through(httpx.MockTransport(answer), "https://cdn.skytells.ai/a", tmp_path / "a", origin=PUBLIC)
    assert result == Download(problem="it redirects from https to http", final=True)


def test_a_server_that_trickles_is_given_up_by_the_clock(site: Site, tmp_path: Path) -> None:
    clock = iter([0.0, 5.0, 2000.0]).__next__
    result = through(None, site.url + "/endless", tmp_path / "a", origin=site.origin, clock=clock)
    assert result == Download(problem="it came too slowly", final=True)
    assert not (tmp_path / "a").exists()


def test_an_interrupted_download_leaves_no_file(site: Site, tmp_path: Path) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(download(site.url + "/endless", tmp_path / "a", origin=site.origin))
        while not (tmp_path / "a").exists():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not (tmp_path / "a").exists()


def test_one_call_downloads_into_memory_or_says_what_is_so(site: Site) -> None:
    assert download_bytes(site.url + "/fox.png", site.origin) == PNG
    with pytest.raises(OutputExpiredError, match="5 minutes"):
        download_bytes(site.url + "/status/404", site.origin)
    with pytest.raises(NetworkError, match="Try again"):
        download_bytes(site.url + "/status/503", site.origin)
    with pytest.raises(SkytellsError, match="loopback"):
        download_bytes(site.url + "/fox.png", "https://8.8.8.8/v1")


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", None),
        ("2606:2800:220:1::1", None),
        ("64:ff9b::5db8:d822", None),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("2002:0a00:0001::1", "private"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::1", "private"),
        ("::10.1.2.3", "private"),
        ("fe80::1%eth0", "link-local"),
        ("fd00::1", "private"),
        ("fec0::1", "private"),
        ("172.31.255.255", "private"),
        ("100.64.0.1", "shared"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("192.0.2.1", "reserved"),
        ("nonsense", "reserved"),
    ],
)
def test_every_spelling_of_an_address_is_known_for_what_it_is(address: str, kind: str | None) -> None:
    assert kind_of_address(address) == kind


@pytest.mark.parametrize(
    "url",
    [
        "ftp://cdn.skytells.ai/a",
        "data:image/png;base64,AA",
        "https://user:pw@cdn.skytells.ai/a",
        "https:///a",
        "https://cdn.skytells.ai\\@evil.example/a",
        "https://cdn.skytells.ai/a\r\nx-api-key: 1",
        "http://[::ffff:127.0.0.1]/a",
        "http://localhost/a",
        "http://cdn.skytells.ai:99999/a",
        "",
    ],
)
def test_urls_that_are_no_web_address_of_an_output_are_refused(url: str) -> None:
    assert check_url(url, (), PUBLIC)


def test_an_api_on_a_private_network_may_name_outputs_on_the_same_kind_of_network_only() -> None:
    lan = ("http://api.lan/v1", ["192.168.1.10"])
    assert check_url("http://files.lan/a", ["192.168.1.11"], *lan) is None
    assert check_url("http://files.lan/a", ["127.0.0.1"], *lan)
    assert check_url("http://169.254.169.254/a", [], *lan)
    assert check_url("http://0.0.0.0/a", [], "http://0.0.0.0/v1")
