"""Many creates at once, alike and unlike, some answers lost: every job belongs to exactly one of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from skytells_nb.api import _reconcile as reconciling
from skytells_nb.api._create import create
from skytells_nb.api._predictions import reconcile
from skytells_nb.api._requests import Request
from skytells_nb.api._responses import Reply
from skytells_nb.exceptions import SkytellsError, UncertainCreateError

from .api import LOST, Api
from .stage import Part, Stage

FOX = {"prompt": "a red fox in snow"}
INPUTS: list[dict[str, Any]] = [
    FOX,
    {**FOX, "seed": 1},
    {**FOX, "n": 1},
    {**FOX, "seed": 1, "n": 1},
    {**FOX, "seed": 2},
    {"prompt": "a lighthouse"},
]
FAULTS = ["ok", "refused", "limited", *(f"{kind}_{when}" for kind in LOST for when in ("before", "after"))]
LONGEST_HIDING = sum(reconciling.LOOKS) - 0.5


class Hiding(Api):
    """An API that answers late, and shows a job in its listing only some seconds after it took it."""

    def __init__(self, dice: random.Random, faults: list[str]) -> None:
        super().__init__(faults)
        self.dice = dice

    def accept(self, model: str, input: dict[str, Any], now: float) -> Any:
        self.hidden = self.dice.choice([0.0, 0.0, self.dice.uniform(0, LONGEST_HIDING)])
        return super().accept(model, input, now)

    def handle(self, request: Request, now: float) -> tuple[Reply, float]:
        reply, seconds = super().handle(request, now)
        late = self.dice.choice([0.0, self.dice.uniform(0, 6)]) if request.body else 0.0
        return reply, seconds + late


def play(seed: int, inputs: list[dict[str, Any]]) -> tuple[Stage, Hiding, list[Part]]:
    dice = random.Random(seed)
    count = dice.randint(2, 7)
    lossy = dice.uniform(0.4, 1.0)
    faults = [dice.choice(FAULTS) if dice.random() < lossy else "ok" for _ in range(count * 3)]
    api = Hiding(dice, faults)
    api.defaults = dice.choice([{}, {"seed": 1}, {"seed": 1, "n": 1}])
    api.listing = dice.choice(["pages", "array"])
    api.whole_seconds = dice.random() < 0.3
    api.skew = dice.choice([0.0, -3600.0, 3600.0])
    stage = Stage(api, seed=seed, latency=dice.choice([0.01, 0.1, 0.5]))
    connection = stage.connection()
    parts = [
        stage.begin(
            connection,
            create(connection, "truefusion", dice.choice(inputs), wait=dice.random() < 0.5),
            after=dice.choice([0.0, dice.uniform(0, 5)]),
        )
        for _ in range(count)
    ]
    stage.play()
    return stage, api, parts


def check(seed: int, inputs: list[dict[str, Any]]) -> None:
    stage, api, parts = play(seed, inputs)
    mine: list[str] = []
    for part in parts:
        assert part.done
        if part.error is None:
            mine.append(part.value.id)
        elif isinstance(part.error, UncertainCreateError):
            found = stage.run(part.connection, reconcile(part.connection, part.error))
            mine += [found.id] if found is not None else []
        else:
            assert isinstance(part.error, SkytellsError)
            assert part.error.charged is not True
    assert len(mine) == len(set(mine)), "an id went to two creates"
    assert sorted(mine) == sorted(api.billed), "what was billed belongs to one create each"
    for part in parts:
        if part.error is None:
            asked = part.value.input
            carried = api.jobs[part.value.id].input
            assert all(carried[key] == value for key, value in asked.items())


@pytest.mark.parametrize("block", range(3))
def test_identical_creates_share_nothing_and_lose_nothing(block):
    for seed in range(block * 40, block * 40 + 40):
        check(seed, [FOX])


@pytest.mark.parametrize("block", range(3))
def test_creates_that_could_be_mistaken_for_each_other_share_nothing_and_lose_nothing(block):
    for seed in range(10_000 + block * 60, 10_000 + block * 60 + 60):
        check(seed, INPUTS)


def test_eight_identical_creates_all_of_whose_answers_are_lost_find_their_eight_jobs():
    api = Api(["drop_after"] * 8)
    stage = Stage(api)
    connection = stage.connection()
    parts = [stage.begin(connection, create(connection, "truefusion", FOX)) for _ in range(8)]
    stage.play()
    assert sorted(part.result.id for part in parts) == sorted(api.billed)
    assert len(api.billed) == 8


def test_while_one_is_on_the_wire_an_identical_one_does_not_take_a_guess():
    api = Api(["drop_before", "timeout_after"])
    stage = Stage(api)
    connection = stage.connection()
    lost = stage.begin(connection, create(connection, "truefusion", FOX))
    slow = stage.begin(connection, create(connection, "truefusion", FOX), after=0.01)
    stage.play(until=stage.time + 59)
    assert not lost.done
    assert not slow.done
    stage.play()
    taken = [part.value.id for part in (lost, slow) if part.error is None]
    assert taken == ["p1"]
    assert sum(isinstance(part.error, UncertainCreateError) for part in (lost, slow)) == 1


@pytest.mark.parametrize("block", range(2))
def test_what_is_canceled_after_an_interrupt_is_never_what_somebody_else_was_given(block):
    for seed in range(20_000 + block * 40, 20_000 + block * 40 + 40):
        dice = random.Random(seed)
        faults = [dice.choice(FAULTS) if dice.random() < 0.6 else "ok" for _ in range(30)]
        api = Hiding(dice, faults)
        api.seconds = lambda n: 100.0
        stage = Stage(api, seed=seed, latency=dice.choice([0.01, 0.1, 0.5]))
        connection = stage.connection()
        inputs = dice.choice([[FOX], INPUTS])
        parts = []
        for _ in range(dice.randint(2, 6)):
            after = dice.uniform(0, 4)
            flow = create(connection, "truefusion", dice.choice(inputs), wait=False)
            parts.append(stage.begin(connection, flow, after=after))
            if dice.random() < 0.5:
                stage.interrupt_at(parts[-1], stage.time + after + dice.uniform(0, 4))
        stage.play()
        given = [part.value.id for part in parts if part.error is None]
        assert len(given) == len(set(given))
        assert not set(given) & set(api.canceled)
        assert len(api.billed) <= len(parts)
