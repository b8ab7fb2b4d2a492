"""An observer of one create alone, such as an item of a batch's journal: two equal creates stay apart."""

from __future__ import annotations

from typing import Any

from skytells_nb.api._create import create

from .api import Api
from .listeners import Scribe
from .stage import Stage

FOX = {"prompt": "a red fox in snow"}


def test_each_of_two_equal_creates_tells_its_own_observer():
    stage = Stage(Api())
    connection = stage.connection()
    scribes = [Scribe("one"), Scribe("two")]
    parts = [
        stage.begin(connection, create(connection, "truefusion", FOX, observers=(scribe,)))
        for scribe in scribes
    ]
    stage.play()
    assert [scribe.told for scribe in scribes] == [
        [("before", "one-1"), ("created", "one-1", parts[0].value.id)],
        [("before", "two-1"), ("created", "two-1", parts[1].value.id)],
    ]


def test_it_is_asked_first_and_told_first():
    told: list[tuple[Any, ...]] = []
    stage = Stage(Api())
    connection = stage.connection(Scribe("budget", told))
    creating = create(connection, "truefusion", FOX, observers=(Scribe("journal", told),))
    made = stage.run(connection, creating)
    assert told == [
        ("before", "journal-1"),
        ("before", "budget-1"),
        ("created", "journal-1", made.id),
        ("created", "budget-1", made.id),
        ("ended", "budget", made.id, "succeeded"),
    ]


def test_it_hears_of_a_refusal_by_another_observer():
    class Budget(Scribe):
        async def before_create(self, *_: Any) -> Any:
            raise ValueError("it would cross the budget")

    journal = Scribe("journal")
    stage = Stage(Api())
    connection = stage.connection(Budget())
    part = stage.begin(connection, create(connection, "truefusion", FOX, observers=(journal,)))
    stage.play()
    assert isinstance(part.error, ValueError)
    assert journal.told == [("before", "journal-1"), ("not_created", "journal-1", "ValueError", False)]
