"""Pictures are drawn while their prediction runs, a few at a time, and not for a class."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from skytells_nb.sandbox._messages import Asset
from skytells_nb.sandbox._rendering import AHEAD, RenderCache


class Painter:
    def __init__(self):
        self.drawn = []

    def draw(self, kind, input, **_):
        self.drawn.append(input["n"])
        if input["n"] < 0:
            raise ValueError("cannot be drawn")
        return b"x", "image/png"


def file(n):
    return Asset(f"p{n}", "a.png", "image/png", "image", {"n": n}, 0)


async def drawn_ahead(numbers, fetch=()):
    painter = Painter()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(2) as threads:
        cache = RenderCache(painter, lambda *_: None, partial(loop.run_in_executor, threads))
        cache.draw_ahead(file(n) for n in numbers)
        await asyncio.gather(*(cache.find(file(n)) for n in fetch))
        while cache._ahead:
            await asyncio.sleep(0)
    return painter.drawn


def test_a_file_drawn_ahead_is_drawn_once():
    assert asyncio.run(drawn_ahead([1, 2], fetch=[1, 2, 1])) in ([1, 2], [2, 1])


def test_only_a_few_files_are_drawn_ahead():
    assert len(asyncio.run(drawn_ahead(range(20)))) == AHEAD


def test_a_file_that_cannot_be_drawn_ahead_harms_nobody():
    assert asyncio.run(drawn_ahead([-1, 3])) in ([-1, 3], [3, -1])


def test_what_runs_for_long_enough_is_drawn_ahead(talk):
    api = talk()
    made = api.create().json["id"]
    assert [asset.index for asset in api.core.files_ahead(made)] == [0]


def test_what_has_ended_or_is_no_picture_is_not(talk, clock):
    api = talk()
    made, told = api.create().json["id"], api.create("sandbox-scribe").json["id"]
    clock.forward(60)
    assert api.core.files_ahead(made) == api.core.files_ahead(told) == api.core.files_ahead("nobody's") == []
