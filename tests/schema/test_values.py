"""Values of numpy, pandas and the standard library are sent as the plain JSON that they mean."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow
import pytest

from skytells_nb.exceptions import InvalidInputError
from skytells_nb.schema import as_record, check, rows_of, to_plain


class Style(enum.Enum):
    NOIR = "noir"


@dataclasses.dataclass
class Size:
    width: int
    style: Style


class Level(enum.IntEnum):
    HIGH = 3


NOON = datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(7), 7),
        (np.uint8(255), 255),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.True_, True),
        (np.str_("a fox"), "a fox"),
        (np.array(3), 3),
        (np.array([1, 2]), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.datetime64("2026-11-26"), "2026-11-26"),
        (np.datetime64("NaT", "ns"), None),
        (np.timedelta64(90, "s"), 90.0),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp(NOON), "2026-11-26T12:00:00+00:00"),
        (pd.Timedelta(seconds=1.5), 1.5),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Index(["a"]), ["a"]),
        (Style.NOIR, "noir"),
        (Size(512, Style.NOIR), {"width": 512, "style": "noir"}),
        (Level.HIGH, 3),
        (Decimal("0.5"), 0.5),
        (Decimal(8), 8),
        (NOON, "2026-11-26T12:00:00+00:00"),
        (NOON.date(), "2026-11-26"),
        (NOON.time(), "12:00:00"),
        (datetime.timedelta(minutes=1), 60.0),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ({1: "a"}.keys(), [1]),
        ({1: "a"}.values(), ["a"]),
        ({Style.NOIR: {np.str_("a"): (np.int8(2),)}}, {"noir": {"a": [2]}}),
        ("a fox", "a fox"),
        (None, None),
    ],
)
def test_a_value_becomes_plain(value: Any, plain: Any):
    found = to_plain(value)
    assert found == plain
    assert type(found) is type(plain)
    assert json.loads(json.dumps(found)) == plain


def test_what_becomes_a_file_is_left_alone():
    picture = np.zeros((4, 4, 3), np.uint8)
    for value in (Path("fox.png"), b"\x89PNG", picture):
        assert to_plain({"image": value})["image"] is value


def test_a_row_of_a_frame_is_a_dict_without_its_empty_cells():
    frame = pd.DataFrame({"prompt": ["a fox"], "seed": [7.0], "style": [None]})
    meant = {"prompt": "a fox", "seed": 7}
    assert as_record(frame.iloc[0]) == as_record(next(frame.itertuples())) == meant
    assert list(rows_of(pyarrow.Table.from_pandas(frame, preserve_index=False))) == [meant]
    prompts = pd.Series(["a fox"])
    assert as_record(prompts) is prompts


def test_a_number_without_an_end_fills_no_memory():
    assert to_plain(Decimal("1E+999")) == float("inf")
    assert to_plain({(1, 2): range(1)}) == {(1, 2): [0]}, "which no list can be a key of"
    assert to_plain(Decimal("NaN")) != to_plain(Decimal("NaN"))


def test_what_holds_itself_or_is_nested_too_deep_is_refused():
    itself: dict[str, Any] = {}
    itself["again"] = [itself]
    deep: Any = "x"
    for _ in range(251):
        deep = {"inner": deep}
    assert to_plain(deep["inner"]) == deep["inner"]
    for value in (itself, deep, itself["again"], {"image": {"of": deep}}):
        with pytest.raises(InvalidInputError, match="holds itself, or is nested more than 250 deep"):
            to_plain(value)


def test_they_are_checked_as_what_they_mean():
    schema = {
        "properties": {"seed": {"type": "integer"}, "tiled": {"type": "boolean"}, "s": {"enum": ["noir"]}}
    }
    assert check({"seed": np.int64(1), "tiled": np.True_, "s": Style.NOIR}, schema) == {}
    assert check({"seed": np.float32(0.5)}, schema) == {"seed": "This takes a whole number, not 0.5."}
