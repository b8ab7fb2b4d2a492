"""Few requests are in flight however many wait; who waits enters in order; what is late makes room."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import skytells_nb as sky
from skytells_nb.client.background import Background
from skytells_nb.client.gate import AsyncGate, Gate, RoundTrips


def wide(width: int) -> RoundTrips:
    trips = RoundTrips()
    trips.width = width
    trips.took = lambda seconds: None  # type: ignore[method-assign]
    return trips


def test_the_width_follows_the_quickest_of_the_last_round_trips() -> None:
    trips = RoundTrips()
    assert trips.width == 2
    for seconds in (9.0, 0.1):
        trips.took(seconds)
    assert trips.width == 12
    trips.took(0.001)
    assert trips.width == 2
    for _ in range(16):
        trips.took(0.018)
    assert trips.width == 6


def test_those_who_wait_enter_in_the_order_in_which_they_came() -> None:
    async def main() -> list[int]:
        gate, entered = AsyncGate(wide(2)), []

        async def enter(number: int) -> None:
            async with gate():
                entered.append(number)
                assert gate.young <= 2
                await asyncio.sleep(0)

        await asyncio.gather(*(enter(number) for number in range(20)))
        assert (gate.young, gate.inside) == (0, 0)
        return entered

    assert asyncio.run(main()) == list(range(20))


def test_a_gate_that_grows_lets_those_in_who_wait_already() -> None:
    """It once woke one for each that left, and so stayed as narrow as it began."""

    async def main() -> int:
        trips = wide(2)
        gate, release = AsyncGate(trips), asyncio.Event()
        most = 0

        async def enter() -> None:
            nonlocal most
            async with gate():
                most = max(most, gate.inside)
                await release.wait()

        waiting = [asyncio.ensure_future(enter()) for _ in range(20)]
        await asyncio.sleep(0)
        assert gate.inside == 2
        trips.width = 12
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert gate.inside == 12
        release.set()
        await asyncio.gather(*waiting[1:])
        assert (gate.young, gate.inside) == (0, 0)
        return most

    assert asyncio.run(main()) == 12


def test_what_takes_long_gives_its_place_up_to_the_next() -> None:
    async def main() -> None:
        gate, release = AsyncGate(wide(12)), asyncio.Event()

        async def enter() -> None:
            async with gate():
                await release.wait()

        waiting = [asyncio.ensure_future(enter()) for _ in range(70)]
        while gate.inside < 64:
            await asyncio.sleep(0.01)
        assert gate.young <= 12
        release.set()
        await asyncio.gather(*waiting)
        assert (gate.young, gate.inside) == (0, 0)

    asyncio.run(main())


def test_whoever_is_cancelled_in_line_or_inside_leaves_no_gap() -> None:
    async def main() -> None:
        gate = AsyncGate(wide(1))
        forever = asyncio.Event()

        async def enter() -> None:
            async with gate():
                await forever.wait()

        first, second, third = (asyncio.ensure_future(enter()) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        await asyncio.wait([first, second])
        assert gate.inside == 1, "the third is in"
        fourth = asyncio.ensure_future(enter())
        await asyncio.sleep(0)
        third.cancel()  # leaves, and hands its place over …
        await asyncio.wait([third])
        fourth.cancel()  # … to one that is cancelled before it wakes
        await asyncio.wait([fourth])
        assert (gate.young, gate.inside) == (0, 0)

    asyncio.run(main())


def test_threads_enter_a_few_at_a_time() -> None:
    gate, lock = Gate(wide(3)), threading.Lock()
    inside = most = 0

    def enter(_: int) -> None:
        nonlocal inside, most
        with gate():
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(enter, range(64)))
    assert 1 <= most <= 3


def test_a_thread_that_is_late_makes_room_for_another() -> None:
    gate, release = Gate(wide(1)), threading.Event()

    def late() -> None:
        with gate():
            release.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(late)
        while not gate._inside:
            pass
        with gate():
            assert len(gate._inside) == 2
        release.set()


def test_an_error_inside_gives_the_place_back() -> None:
    gate = Gate(wide(1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate():
            _ = 1 / 0
    assert not gate._inside


def test_errands_run_in_the_background_and_a_mistake_in_one_stops_no_other() -> None:
    background = Background()
    ran: list[int] = []

    def errand(number: int) -> None:
        ran.append(number)
        if number % 3 == 0:
            raise ValueError(f"errand {number}")

    for number in range(40):
        background.run(lambda deadline, number=number: errand(number), 2.0)
    assert background.wait(20)
    assert sorted(ran) == list(range(40))
    assert not [thread for thread in threading.enumerate() if thread.name == "skytells-afterwards"]


def test_what_came_of_many_errands_is_summed_up_once() -> None:
    background, go_on, done = Background(), threading.Event(), []
    summed: list[int] = []

    def sum_up() -> None:
        summed.append(len(done))

    for number in range(51):
        background.run(lambda deadline, n=number: done.append(go_on.wait(20) and n), 2.0, afterwards=sum_up)
    go_on.set()
    assert background.wait(20)
    assert summed == [51]


def test_an_errand_is_run_here_when_no_thread_can_begin_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while the interpreter shuts down."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    background, ran = Background(), []
    background.run(ran.append, 2.0)
    assert len(ran) == 1
    assert background.wait(0)


def test_a_hundred_predictions_are_a_few_requests_at_a_time() -> None:
    with sky.Sandbox(seconds=0.2) as sandbox:

        async def main() -> int:
            async with sandbox.async_client() as client:
                made = await sky.gather(
                    (client.predictions.create("truefusion", {"prompt": str(n)}) for n in range(100)),
                    progress=False,
                )
                return len({prediction.id for prediction in made})

        assert asyncio.run(main()) == 100
        assert sandbox.billed == 100
        assert len(sandbox.log) < 200, "each is created, and all are read together"
