"""How a batch slows down, and gets faster again, in time that nobody has to wait for."""

from __future__ import annotations

import asyncio

from skytells_nb.jobs._rate_limiter import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_no_more_than_the_limit_are_let_in():
    async def main() -> None:
        limiter = RateLimiter(2, Clock())
        await limiter.enter()
        await limiter.enter()
        third = asyncio.ensure_future(limiter.enter())
        await asyncio.sleep(0)
        assert not third.done()
        limiter.leave()
        await third
        assert limiter.running == 2

    asyncio.run(main())


def test_a_rate_limit_halves_it_and_refusals_that_come_together_count_once():
    clock = Clock()
    limiter = RateLimiter(8, clock)
    for _ in range(5):
        limiter.limited(2.0)
    assert limiter.room == 4
    clock.time += 2.5
    limiter.limited(2.0)
    assert limiter.room == 2


def test_it_never_falls_below_one():
    clock = Clock()
    limiter = RateLimiter(8, clock)
    for _ in range(20):
        limiter.limited(1.0)
        clock.time += 1.5
    assert limiter.room == 1


def test_it_comes_back_one_a_round_and_never_above_the_limit():
    limiter = RateLimiter(8, Clock())
    limiter.limited(0.0)
    for _ in range(4 + 5 + 1):
        limiter.went_well()
    assert limiter.room == 6
    for _ in range(100):
        limiter.went_well()
    assert limiter.room == 8


def test_nobody_is_let_in_before_the_api_allows_it():
    async def main() -> None:
        clock = Clock()
        limiter = RateLimiter(8, clock)
        limiter.limited(0.01)
        waiting = asyncio.ensure_future(limiter.enter())
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.time += 0.02
        await waiting

    asyncio.run(main())


def test_an_api_that_cannot_be_reached_is_tried_for_two_minutes():
    clock = Clock()
    limiter = RateLimiter(8, clock)
    tries = 0
    while limiter.unreachable():
        tries += 1
        clock.time += 10
    assert clock.time - 100 > 120
    assert tries == 13


def test_an_outage_that_ends_is_forgotten():
    clock = Clock()
    limiter = RateLimiter(8, clock)
    for _ in range(50):
        assert limiter.unreachable()
        clock.time += 60
        limiter.went_well()
