"""Files that are drawn by other processes."""

import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from skytells_nb.sandbox import Server, media
from skytells_nb.sandbox._rendering import RenderError, RenderPool, pool_size

SMALL = {"prompt": "a fox \ud800", "seed": 3, "width": 64, "height": 64}


def children():
    """Which processes this one has started and not yet seen end."""
    return {each.pid for each in psutil.Process().children()}


@pytest.fixture(scope="module")
def easels():
    made = RenderPool(media)
    yield made
    made.close()


def test_they_draw_what_the_painter_draws(easels):
    assert easels.draw("image", SMALL) == media.draw("image", SMALL)
    assert easels.draw("image", SMALL, index=1) != media.draw("image", SMALL)
    assert easels.file_type("image") == ("image/png", "png")


def test_they_use_the_input_picture(easels):
    given = media.draw("image", {**SMALL, "prompt": "a red balloon"})[0]
    softer = {
        "kind": "image",
        "input": {**SMALL, "prompt": "softer"},
        "model": "gpt-image-1",
        "picture": given,
    }
    assert easels.draw(**softer) == media.draw(**softer) != media.draw(**{**softer, "picture": None})


def test_what_cannot_be_drawn_is_told_and_harms_nobody(easels):
    with pytest.raises(RenderError, match="ValueError: the sandbox draws image, video"):
        easels.draw("sculpture", SMALL)
    assert easels.draw("image", SMALL)[1] == "image/png"


def test_there_are_only_as_many_as_draw_at_a_time(easels):
    others = children() - {each.pid for each in easels._idle}
    for _ in range(3):
        easels.draw("image", SMALL)
    assert len(children() - others) == 1
    with ThreadPoolExecutor(2) as pool:
        drawn = list(pool.map(lambda seed: easels.draw("image", {**SMALL, "seed": seed}), range(8)))
    assert len(set(drawn)) == 8
    assert len(children() - others) <= 2


def test_one_that_is_killed_is_replaced(easels):
    easels.draw("image", SMALL)
    easel = easels._idle[-1].pid  # the next to draw
    os.kill(easel, signal.SIGKILL)
    assert easels.draw("image", SMALL) == media.draw("image", SMALL)
    assert easel not in children()


def test_closing_ends_them_and_a_module_in_the_folder_one_stands_in_is_not_pythons(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    before, easels = children(), RenderPool(media)
    assert easels.draw("image", SMALL)[1] == "image/png"
    assert len(children() - before) == 1
    easels.close()
    assert children() <= before


def test_they_leave_the_machine_something_to_do():
    assert 1 <= pool_size() <= 4


def test_a_class_has_its_pictures_drawn_by_them_and_leaves_nothing_behind():
    before, threads = children(), set(threading.enumerate())
    edge = {"model": "truefusion-edge", "input": {"prompt": "a fox", "width": 128, "height": 64}}
    with Server(learners=2, gallery=True, seconds=0) as server:
        with httpx.Client(headers={"x-api-key": server.learners[0].key}) as client:
            made = client.post(f"{server.url}/predictions", json=edge).json()
            picture = client.get(made["output"][0])
            page = client.get(server.gallery_url)
            thumbnail = client.get(server.gallery_url.removesuffix("/") + f"/{made['id']}/output_0.png")
        assert len(children() - before) == 1
    assert picture.content.startswith(b"\x89PNG")
    assert (page.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")
    assert thumbnail.content.startswith(b"\xff\xd8")
    assert children() <= before
    assert set(threading.enumerate()) <= threads


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits on a process that is not its own child")
def test_they_end_with_a_server_that_is_killed(tmp_path):
    program = (
        "import sys; from skytells_nb.sandbox._rendering import RenderPool, standard_media;"
        "media = standard_media();"
        "easels = RenderPool(media); easels.draw('image', {'width': 64, 'height': 64});"
        "print(easels._idle[0].pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        easel = os.pidfd_open(int(server.stdout.readline()))
        server.kill()
        assert select.select([easel], [], [], 20)[0]
        os.close(easel)


def test_what_nobody_has_begun_to_draw_is_not_drawn_when_the_server_stops(painter):
    go_on, draw = threading.Event(), painter.draw
    begun = threading.Semaphore(0)

    def slowly(*args, **options):
        begun.release()
        go_on.wait(20)
        return draw(*args, **options)

    painter.draw = slowly
    server = Server(media=painter, seconds=0).start()
    with httpx.Client(headers={"x-api-key": server.api_key}) as client:
        fox = {"model": "truefusion", "input": {"prompt": "a fox"}}
        urls = [client.post(f"{server.url}/predictions", json=fox).json()["output"][0] for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(httpx.get, url, timeout=20) for url in urls]
        assert begun.acquire(timeout=10)
        assert begun.acquire(timeout=10)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        refused = [each.exception(20) or each.result().status_code for each in asked]
        go_on.set()
        stopping.join(15)
    assert not stopping.is_alive()
    assert 200 not in refused
    assert len(painter.drawn) == 2
