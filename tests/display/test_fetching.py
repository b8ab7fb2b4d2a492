"""Outputs that are not at hand: found in an archive, fetched from a real server, or said to be gone."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from skytells_nb._options import options
from skytells_nb.api import Account
from skytells_nb.archive import Archive
from skytells_nb.display import gallery, mimebundle
from skytells_nb.models import Prediction, PredictionList

from .pictures import encoded, photograph
from .reading import strictly


class Delivery:
    """A server of outputs: what it has, and what was asked of it."""

    def __init__(self) -> None:
        self.has: dict[str, bytes] = {}
        self.asked: list[str] = []
        delivery = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                delivery.asked.append(self.path)
                content = delivery.has.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def delivery() -> Iterator[Delivery]:
    made = Delivery()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def away(make, delivery):
    """Make a prediction whose output is only on the server."""

    def made(name="a.png", **changes):
        found = make(output=[f"{delivery.url}/{name}"], **changes)
        return dataclasses.replace(found, origin=delivery.url + "/v1")

    return made


def drawn(x):
    return strictly(mimebundle(x)["text/html"])


def test_what_is_still_at_its_url_is_fetched_and_embedded(away, delivery):
    delivery.has["/a.png"] = encoded(photograph(size=(80, 60)))
    page = drawn(away())
    assert page.pictures()[0].size == (80, 60)
    assert delivery.asked == ["/a.png"]


def test_what_has_expired_is_said_to_be_gone(away):
    page = drawn(away())
    assert "No longer there" in page.text
    assert page.all("img") == []


def test_what_the_api_says_is_gone_is_not_asked_for(away, delivery):
    assert "No longer there" in drawn(away(data_removed=True)).text
    assert delivery.asked == []


def test_a_private_address_is_not_asked_for_unless_the_api_is_there_too(away, delivery):
    page = drawn(dataclasses.replace(away(), origin="https://api.skytells.ai/v1"))
    assert "Not downloaded" in page.text
    assert delivery.asked == []
    assert page.all("a")[0]["href"] == f"{delivery.url}/a.png"


def test_a_server_that_does_not_answer_is_asked_once_and_its_link_is_left(make):
    listed = PredictionList(
        dataclasses.replace(make(output=[f"http://127.0.0.1:9/{n}.png"]), origin="http://127.0.0.1:9/v1")
        for n in range(30)
    )
    page = drawn(listed)
    assert page.text.count("Not downloaded") == 30
    assert page.text.count("127.0.0.1 does not answer.") > 10
    assert page.all("img") == []


def test_an_output_with_nothing_in_it_is_said_to_be_that():
    html = mimebundle(Prediction.from_api({"id": "p1", "status": "succeeded", "output": ["", "words"]}))
    assert "Empty output." in html["text/html"]


def test_a_web_page_in_the_place_of_a_picture_is_said_to_be_one(away, delivery):
    delivery.has["/a.png"] = b"<!DOCTYPE html><html>Sign in</html>"
    assert "A web page" in drawn(away()).text


def test_a_url_that_was_typed_is_fetched_wherever_it_points(delivery):
    delivery.has["/fox.png?x=1"] = encoded(photograph(size=(80, 60)))
    page = drawn(f"{delivery.url}/fox.png?x=1")
    assert page.all("img")[0]["alt"] == "fox.png"


def kept(archive, prediction):
    """Let an archive see a prediction end, with real downloads."""
    return asyncio.run(archive.ended(Account(prediction.origin, "0123456789ab"), prediction))


def test_a_listed_prediction_shows_what_the_archive_has_kept_of_it(away, delivery, tmp_path):
    delivery.has["/a.png"] = encoded(photograph(size=(80, 60)))
    listed = away(data_removed=False)
    with Archive(tmp_path / "kept") as archive:
        assert kept(archive, listed).files
    delivery.has.clear()
    with options(archive=tmp_path / "kept"):
        page = drawn(PredictionList([listed, listed]))
    assert len(page.all("img")) == 2
    assert "a-red-fox-in-snow" in page.text
    assert "No longer there" in drawn(listed).text


def test_an_archive_is_a_list_of_predictions_too(away, delivery, tmp_path):
    delivery.has["/a.png"] = encoded(photograph(size=(80, 60)))
    with Archive(tmp_path / "kept") as archive:
        kept(archive, away())
        assert len(strictly(gallery(archive).html).all("img")) == 1


def test_a_file_that_was_deleted_is_fetched_again_while_it_lives(away, delivery, tmp_path):
    delivery.has["/a.png"] = encoded(photograph(size=(80, 60)))
    lost = dataclasses.replace(away(), files=(tmp_path / "deleted.png",))
    assert drawn(lost).pictures()[0].size == (80, 60)


def test_a_contact_sheet_fetches_too(away, delivery):
    delivery.has["/a.png"] = encoded(photograph(size=(80, 60)))
    gallery([away()]).to_image()
    assert delivery.asked == ["/a.png"]
