"""What `gather` tells its bar."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.aio import Tally, _gather
from skytells_nb.comparison import Cell
from skytells_nb.models import Prediction

from .lift import Lift, double, fail, until


class Drawn:
    """A bar that notes what it was told."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args, self.options, self.told = args, options, {}

    def __enter__(self) -> Drawn:
        return self

    def __exit__(self, *problem: object) -> None:
        self.told["closed"] = True

    def update(self, **told: Any) -> None:
        self.told.update(told)


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Drawn]:
    made: list[Drawn] = []

    def bar(*args: Any, **options: Any) -> Drawn:
        made.append(Drawn(*args, **options))
        return made[-1]

    monkeypatch.setattr(_gather, "bar", bar)
    return made


class TestTheBar:
    def test_it_is_told_how_many_what_failed_and_what_was_spent(self, bars: list[Drawn]):
        async def made(cost: str | None) -> Prediction:
            return Prediction("p", "succeeded", cost=None if cost is None else Decimal(cost))

        async def failed() -> Prediction:
            raise sky.exceptions.PredictionError(prediction=Prediction("p", "failed", cost=Decimal("0.005")))

        asyncio.run(sky.gather(made("0.03"), made("0.02"), made(None), failed(), return_exceptions=True))
        assert bars[0].args[0] == 4
        assert bars[0].told == {
            "running": 0,
            "done": 4,
            "failed": 1,
            "canceled": 0,
            "reused": 0,
            "spent": Decimal("0.055"),
            "sandbox": False,
            "closed": True,
        }

    def test_what_came_from_the_archive_is_counted_and_its_cost_is_not(self, bars: list[Drawn]):
        async def kept() -> Prediction:
            return Prediction("p", "succeeded", cost=Decimal(3), reused=True)

        asyncio.run(sky.gather(kept(), kept()))
        assert bars[0].told["reused"] == 2
        assert bars[0].told["spent"] is None
        assert Tally("foxes", total=2, done=2, reused=2).text == "foxes: 2 of 2 · 2 from the archive"

    def test_what_was_canceled_has_not_failed(self, bars: list[Drawn]):
        async def canceled() -> None:
            raise sky.PredictionError(prediction=Prediction("p", "canceled"))

        async def main() -> None:
            lift = Lift()
            whole = asyncio.ensure_future(sky.gather(canceled(), *(lift.ride(n) for n in range(2))))
            await until(lambda: lift.inside == 2)
            whole.cancel()
            await asyncio.wait([whole])

        with contextlib.suppress(sky.PredictionError):
            asyncio.run(main())
        assert (bars[0].told["failed"], bars[0].told["canceled"], bars[0].told["done"]) == (0, 3, 3)

    def test_it_is_called_what_was_called(self, bars: list[Drawn]):
        asyncio.run(sky.gather(double(1)))
        asyncio.run(sky.gather(double(1), label="portraits"))
        assert [shown.args[1] for shown in bars] == ["gather", "portraits"]

    def test_unknown_costs_are_not_zero(self, bars: list[Drawn]):
        asyncio.run(sky.gather(double(1), double(2)))
        assert bars[0].told["spent"] is None

    def test_what_a_sandbox_bills_is_no_money(self, bars: list[Drawn]):
        async def made() -> Prediction:
            return Prediction("sandbox-1", "succeeded", cost=Decimal("0.03"))

        asyncio.run(sky.gather(made()))
        assert bars[0].told["sandbox"] is True

    def test_nor_is_it_in_the_cells_of_a_comparison(self, bars: list[Drawn]):
        async def filled() -> Cell:
            return Cell("a fox", "truefusion", Prediction("sandbox-1", "succeeded", cost=Decimal("0.03")))

        asyncio.run(sky.gather(filled()))
        assert (bars[0].told["spent"], bars[0].told["sandbox"]) == (Decimal("0.03"), True)

    @pytest.mark.parametrize(
        ("option", "argument", "enabled", "delay"),
        [
            ("auto", None, True, 1.0),
            (True, None, True, 0.0),
            (False, None, False, 1.0),
            (False, True, True, 0.0),
            (True, False, False, 1.0),
        ],
    )
    def test_the_option_decides_unless_the_argument_does(
        self, bars: list[Drawn], option: Any, argument: bool | None, enabled: bool, delay: float
    ):
        from skytells_nb._options import options

        with options(progress=option):
            asyncio.run(sky.gather(double(1), progress=argument))
        assert bars[0].options == {"enabled": enabled, "delay": delay}

    def test_it_is_closed_when_the_work_fails(self, bars: list[Drawn]):
        with pytest.raises(ValueError, match="first"):
            asyncio.run(sky.gather(fail(ValueError("first"))))
        assert bars[0].told["closed"]
