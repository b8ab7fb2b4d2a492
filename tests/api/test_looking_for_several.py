"""Several creates that were left in doubt, such as those of a killed kernel, found in one reading."""

from __future__ import annotations

from typing import Any

from skytells_nb.api import _reconcile as reconciling
from skytells_nb.api._create import create
from skytells_nb.exceptions import UncertainCreateError
from skytells_nb.models import Prediction

from .api import Api
from .stage import Stage

BEGIN = 100.0
FOX, OWL = {"prompt": "a red fox in snow"}, {"prompt": "an owl"}


def lost(stage: Stage, input: dict[str, Any], known: frozenset[str] = frozenset()) -> UncertainCreateError:
    """Give the doubt that another process left behind."""
    since = stage.api.clock(BEGIN)  # type: ignore[attr-defined]
    return UncertainCreateError("?", model="truefusion", input=input, since=since, known=known)


def played(stage: Stage, inputs: list[dict[str, Any]]) -> list[str]:
    """Let another process create."""
    connection = stage.connection()
    return [stage.run(connection, create(connection, "truefusion", each)).id for each in inputs]


def ids(found: list[Any]) -> list[str | None]:
    return [each.id if isinstance(each, Prediction) else each for each in found]


def look(stage: Stage, errors: list[UncertainCreateError]) -> list[Any]:
    connection = stage.connection()
    found: list[Any] = stage.run(connection, reconciling.look_for(connection, errors))
    return found


def test_each_finds_its_own_and_the_listing_is_read_once():
    stage = Stage(Api())
    fox, owl = played(stage, [FOX, OWL])
    stage.log.clear()
    assert ids(look(stage, [lost(stage, OWL), lost(stage, FOX)])) == [owl, fox]
    assert len(stage.log) == 1


def test_two_equal_ones_share_nothing():
    stage = Stage(Api())
    made = played(stage, [FOX, FOX])
    assert ids(look(stage, [lost(stage, FOX), lost(stage, FOX), lost(stage, FOX)])) == [*made, None]


def test_what_somebody_else_is_known_to_own_is_left_alone():
    stage = Stage(Api())
    first, second = played(stage, [FOX, FOX])
    assert ids(look(stage, [lost(stage, FOX, frozenset({first}))])) == [second]


def test_what_the_listing_does_not_say_enough_about_stays_in_doubt():
    stage = Stage(Api())
    played(stage, [FOX])
    stage.api.shows_input = stage.api.shows_input_by_id = False  # type: ignore[attr-defined]
    found = look(stage, [lost(stage, FOX)])
    assert isinstance(found[0], UncertainCreateError)


def test_nothing_lost_is_nothing_read():
    stage = Stage(Api())
    assert look(stage, []) == []
    assert stage.log == []
