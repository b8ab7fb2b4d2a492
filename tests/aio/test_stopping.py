"""`gather` when it is stopped: everything is cancelled, nothing more begins, and nobody waits for long."""

from __future__ import annotations

import asyncio
import gc
import queue
import signal
import threading
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.aio import _gather

from .lift import Lift, double, until


def test_everything_under_way_is_cancelled_and_nothing_more_begins():
    async def main() -> None:
        lift = Lift()
        work = [lift.ride(n) for n in range(9)]
        whole = asyncio.ensure_future(sky.gather(work, limit=3))
        await until(lambda: lift.inside == 3)
        whole.cancel()
        with pytest.raises(asyncio.CancelledError):
            await whole
        assert sorted(lift.cancelled) == [0, 1, 2]
        assert lift.entered == 3

    asyncio.run(main())


def test_the_cancellation_carries_what_there_is():
    carried: list[Any] = []

    async def main() -> None:
        lift = Lift()

        async def watched() -> None:
            try:
                await sky.gather(double(1), lift.ride(1), lift.ride(2), limit=2)
            except asyncio.CancelledError as stopped:
                carried.extend(stopped.results)  # type: ignore[attr-defined]
                raise

        whole = asyncio.ensure_future(watched())
        await until(lambda: lift.inside == 2)
        whole.cancel()
        with pytest.raises(asyncio.CancelledError):
            await whole

    asyncio.run(main())
    assert carried[0] == 2
    assert [type(result) for result in carried[1:]] == [asyncio.CancelledError] * 2


def test_tasks_that_run_by_themselves_are_cancelled_too():
    async def main() -> None:
        lift = Lift()
        own = [asyncio.ensure_future(lift.ride(n)) for n in range(3)]
        whole = asyncio.ensure_future(sky.gather(own, limit=1))
        await until(lambda: lift.inside == 3)
        whole.cancel()
        await asyncio.wait([whole, *own])
        assert sorted(lift.cancelled) == [0, 1, 2]

    asyncio.run(main())


def test_it_does_not_wait_for_what_ignores_the_cancellation():
    async def main() -> None:
        release, over = asyncio.Event(), asyncio.Event()

        async def stubborn() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            over.set()

        whole = asyncio.ensure_future(sky.gather(stubborn()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        whole.cancel()
        with pytest.raises(asyncio.CancelledError):
            await whole
        assert not over.is_set()
        gc.collect()
        release.set()
        await over.wait()
        await until(lambda: not _gather._unresponsive)

    asyncio.run(main())


def test_what_cleans_up_after_itself_is_not_disturbed_a_second_time():
    async def main() -> None:
        lift = Lift()
        cleaned: list[str] = []

        async def tidy() -> None:
            try:
                await lift.ride()
            finally:
                for _ in range(5):
                    await asyncio.sleep(0)
                cleaned.append("cleaned")

        whole = asyncio.ensure_future(sky.gather(tidy(), tidy(), cancel_on_error=True))
        await until(lambda: lift.inside == 2)
        whole.cancel()
        with pytest.raises(asyncio.CancelledError):
            await whole
        assert cleaned == ["cleaned", "cleaned"]

    asyncio.run(main())


@pytest.mark.parametrize("start", [sky.run, asyncio.run])
def test_an_interrupt_of_the_main_thread_stops_it(start):
    stopped: queue.Queue[int] = queue.Queue()

    async def quiet(n: int) -> None:
        if n == 2:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.put(n)
            raise

    with pytest.raises(KeyboardInterrupt):
        start(sky.gather((quiet(n) for n in range(99)), limit=3))
    assert sorted(stopped.get(timeout=10) for _ in range(3)) == [0, 1, 2]
    assert stopped.empty()


def test_the_loop_wakes_often_enough_for_an_interrupt_to_land(monkeypatch: pytest.MonkeyPatch):
    """A kernel's interrupt waits until the loop wakes, so a quiet gather must wake it."""
    monkeypatch.setattr(_gather, "HEARTBEAT", 0.001)

    async def main() -> int:
        lift, beats = Lift(), 0
        loop = asyncio.get_running_loop()
        call_later = loop.call_later

        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal beats
            beats += 1
            if beats == 5:
                lift.doors.set()
            return call_later(*args, **kwargs)

        loop.call_later = counted  # type: ignore[method-assign]
        await sky.gather(lift.ride())
        assert beats >= 5
        return sum(not handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]

    assert asyncio.run(main()) == 0  # and the heart stops when the work is done
