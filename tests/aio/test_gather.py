"""`gather`: many at once, in order, bounded, and stopped for good when stopped."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError, NetworkError
from skytells_nb.models import Prediction

from .lift import Lift, double, fail, until


def test_results_come_in_the_order_given_however_they_end():
    async def main() -> list[int]:
        first_may_end = asyncio.Event()

        async def first() -> int:
            await first_may_end.wait()
            return 1

        async def second() -> int:
            first_may_end.set()
            return 2

        return await sky.gather(first(), second())

    assert asyncio.run(main()) == [1, 2]


@pytest.mark.parametrize(
    "given",
    [
        lambda: tuple(double(n) for n in range(5)),
        lambda: ([double(n) for n in range(5)],),
        lambda: ((double(n) for n in range(5)),),
        lambda: (map(double, range(5)),),
        lambda: (iter([double(n) for n in range(5)]),),
        lambda: ({n: double(n) for n in range(5)}.values(),),
    ],
    ids=["arguments", "list", "generator", "map", "iterator", "dict values"],
)
@pytest.mark.parametrize("limit", [None, 1, 2, 5, 99])
def test_it_takes_arguments_or_one_iterable_of_any_kind(given, limit: int | None):
    async def main() -> list[int]:
        return await sky.gather(*given(), limit=limit)

    assert asyncio.run(main()) == [0, 2, 4, 6, 8]


def test_nothing_to_do_is_an_empty_list():
    assert asyncio.run(sky.gather()) == []
    assert asyncio.run(sky.gather([])) == []
    assert asyncio.run(sky.gather((n for n in ()), limit=3)) == []


def test_tasks_and_futures_may_be_given_and_given_twice():
    async def main() -> list[Any]:
        task = asyncio.ensure_future(double(1))
        future = asyncio.get_running_loop().create_future()
        future.set_result("ready")
        return await sky.gather(task, future, task, double(4))

    assert asyncio.run(main()) == [2, "ready", 2, 8]


def test_it_works_from_ordinary_code_and_in_a_thread_and_inside_another():
    results: list[list[int]] = []

    def in_a_thread() -> None:
        results.append(asyncio.run(sky.gather(double(1), double(2))))

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert results == [[2, 4]]
    assert sky.run(sky.gather(double(1), double(2))) == [2, 4]
    assert asyncio.run(sky.gather(sky.gather(double(1)), sky.gather(double(2)))) == [[2], [4]]


@pytest.mark.asyncio
async def test_it_works_under_pytest_asyncio():
    assert await sky.gather(*(double(n) for n in range(3)), limit=2) == [0, 2, 4]


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_at_most_limit_are_under_way(limit: int):
    async def main() -> int:
        lift = Lift()
        whole = asyncio.ensure_future(sky.gather((lift.ride(n) for n in range(20)), limit=limit))
        await until(lambda: lift.inside == limit)
        lift.doors.set()
        assert await whole == list(range(20))
        return lift.most

    assert asyncio.run(main()) == limit


def test_a_generator_is_read_only_as_fast_as_there_is_room():
    async def main() -> None:
        lift, made = Lift(), 0

        def work() -> Iterator[Any]:
            nonlocal made
            for n in range(10_000):
                made += 1
                assert lift.entered >= made - 3
                yield lift.ride(n)

        lift.doors.set()
        assert await sky.gather(work(), limit=3) == list(range(10_000))

    asyncio.run(main())


class TestWhenSomethingFails:
    def test_the_first_error_comes_out_with_what_there_is(self):
        error = ValueError("first")

        async def main() -> None:
            await sky.gather(double(1), fail(error), double(3))

        with pytest.raises(ValueError, match="first") as caught:
            asyncio.run(main())
        assert caught.value is error
        assert caught.value.results == [2, error, 6]  # type: ignore[attr-defined]

    def test_nothing_more_is_started_and_what_is_under_way_finishes(self):
        async def main() -> None:
            lift = Lift()
            error = ValueError("first")
            later = [lift.ride(n) for n in (2, 3)]
            whole = asyncio.ensure_future(sky.gather(lift.ride(0), fail(error), *later, limit=2))
            await until(lambda: lift.entered == 1)
            for _ in range(10):
                await asyncio.sleep(0)
            assert not whole.done()
            lift.doors.set()
            with pytest.raises(ValueError, match="first"):
                await whole
            assert error.results == [0, error, None, None]  # type: ignore[attr-defined]
            assert (lift.entered, lift.cancelled) == (1, [])

        asyncio.run(main())

    def test_the_first_by_the_clock_is_the_one_that_comes_out(self):
        async def main() -> None:
            second_may_fail = asyncio.Event()

            async def late() -> None:
                await second_may_fail.wait()
                raise KeyError("late")

            async def early() -> None:
                second_may_fail.set()
                raise ValueError("early")

            await sky.gather(late(), early())

        with pytest.raises(ValueError, match="early") as caught:
            asyncio.run(main())
        late, early = caught.value.results  # type: ignore[attr-defined]
        assert isinstance(late, KeyError)
        assert early is caught.value

    def test_cancel_on_error_cancels_what_is_under_way(self):
        async def main() -> None:
            lift = Lift()
            error = ValueError("first")
            with pytest.raises(ValueError, match="first"):
                await sky.gather(lift.ride(0), fail(error), lift.ride(2), limit=2, cancel_on_error=True)
            assert lift.cancelled == [0]
            assert lift.entered == 1
            cancelled, first, never = error.results  # type: ignore[attr-defined]
            assert isinstance(cancelled, asyncio.CancelledError)
            assert (first, never) == (error, None)

        asyncio.run(main())

    def test_errors_can_be_results(self):
        error = ValueError("kept")

        async def main() -> list[Any]:
            return await sky.gather(
                double(1), fail(error), double(3), limit=1, return_exceptions=True, cancel_on_error=True
            )

        assert asyncio.run(main()) == [2, error, 6]

    def test_a_generator_that_fails_ends_it_like_any_error(self):
        async def main() -> None:
            lift = Lift()
            lift.doors.set()

            def work() -> Iterator[Any]:
                yield lift.ride(0)
                yield lift.ride(1)
                raise LookupError("out of prompts")

            await sky.gather(work(), limit=1)

        with pytest.raises(LookupError, match="out of prompts") as caught:
            asyncio.run(main())
        assert caught.value.results == [0, 1]  # type: ignore[attr-defined]

    def test_a_generator_that_is_not_read_to_its_end_is_closed(self):
        closed: list[str] = []

        def work() -> Iterator[Any]:
            try:
                yield fail(ValueError("first"))
                yield double(1)
            finally:
                closed.append("closed")

        async def main() -> None:
            await sky.gather(work(), limit=1)

        with pytest.raises(ValueError, match="first"):
            asyncio.run(main())
        assert closed == ["closed"]

    def test_an_error_that_carries_itself_can_be_pickled(self):
        async def main() -> None:
            await sky.gather(double(1), fail(NetworkError("no answer", charged=False)))

        with pytest.raises(NetworkError) as caught:
            asyncio.run(main())
        copy = pickle.loads(pickle.dumps(caught.value))
        assert copy.results[0] == 2
        assert copy.results[1] is copy


class TestBadInput:
    @pytest.mark.parametrize("limit", [0, -1, True, False, float("nan"), 2.0, "3", [1]])
    def test_a_limit_that_makes_no_sense_is_refused_before_anything_starts(self, limit: Any):
        work = [double(n) for n in range(3)]
        with pytest.raises(InvalidInputError, match="limit") as caught:
            asyncio.run(sky.gather(*work, limit=limit))
        assert caught.value.charged is False
        for coro in work:
            with pytest.raises(RuntimeError, match="cannot reuse already awaited"):
                coro.send(None)

    def test_a_limit_may_be_any_whole_number_type(self):
        class Five:
            def __index__(self) -> int:
                return 5

        limit: Any = Five()
        assert asyncio.run(sky.gather(double(1), limit=limit)) == [2]

    @pytest.mark.parametrize("wrong", [42, None, double, "prompt", object()])
    def test_what_cannot_be_awaited_is_refused_before_anything_starts(self, wrong: Any):
        async def main() -> None:
            lift = Lift()
            with pytest.raises(InvalidInputError, match="cannot be awaited"):
                await sky.gather(lift.ride(), wrong)
            assert lift.entered == 0

        asyncio.run(main())

    def test_what_cannot_be_awaited_in_a_generator_ends_it(self):
        def work() -> Iterator[Any]:
            yield double(1)
            yield 42

        with pytest.raises(InvalidInputError, match="int") as caught:
            asyncio.run(sky.gather(work()))
        assert caught.value.results == [2]  # type: ignore[attr-defined]

    def test_one_coroutine_given_twice_is_refused(self):
        coro = double(1)
        with pytest.raises(InvalidInputError, match="twice"):
            asyncio.run(sky.gather([coro] * 4))

    def test_a_task_of_another_loop_is_refused(self):
        async def task() -> asyncio.Future[int]:
            return asyncio.ensure_future(double(1))

        foreign = sky.run(task())
        with pytest.raises(InvalidInputError, match="another event loop"):
            asyncio.run(sky.gather(foreign))


def test_nothing_is_left_behind():
    """No task, no coroutine that was never awaited: warnings are errors, and the collector speaks up."""

    async def main() -> int:
        lift = Lift()
        lift.doors.set()
        for options in ({}, {"limit": 2}, {"return_exceptions": True}, {"cancel_on_error": True}):
            work = [lift.ride(), fail(ValueError("first")), *(lift.ride() for _ in range(5))]
            with suppress(ValueError):
                await sky.gather(work, **options)  # type: ignore[call-overload]
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    gc.collect()


class TestWhatABlockingClientHasMadeAlready:
    """``gather(*[client.predictions.create(...) for …])`` with the wrong client: each is paid for by then."""

    made = tuple(Prediction(id=f"p{n}", status="succeeded") for n in range(3))

    def test_it_is_told_apart_and_nothing_is_lost(self):
        started: list[int] = []

        async def never() -> None:
            started.append(1)

        with pytest.raises(InvalidInputError, match=r"p0 and 2 more.*as_async") as raised:
            asyncio.run(sky.gather(never(), *self.made))
        assert raised.value.results == list(self.made)
        assert raised.value.charged is None
        assert "costs nothing" not in raised.value.message
        assert started == []

    def test_a_generator_makes_no_more_of_them(self):
        asked: list[str] = []

        def one_by_one() -> Iterator[Prediction]:
            for each in self.made:
                asked.append(each.id)
                yield each

        with pytest.raises(InvalidInputError, match="p0: a blocking client") as raised:
            asyncio.run(sky.gather(one_by_one(), limit=2))
        assert raised.value.results == [self.made[0]]
        assert asked == ["p0"]


def test_where_no_asyncio_runs_it_says_what_works():
    awaited = sky.gather(asyncio.sleep(0))
    with pytest.raises(sky.SkytellsError, match=r"trio\.to_thread\.run_sync"):
        awaited.send(None)  # as trio does
