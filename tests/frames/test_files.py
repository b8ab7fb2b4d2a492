"""A table as a file, and the same types and values back, whatever the cells hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.exceptions import InvalidInputError
from skytells_nb.frames import predictions_frame, pricing_frame, read_frame, spend, write_frame

ENDINGS = [".parquet", ".csv", ".xlsx"]
ROWS: list[dict[str, Any]] = [
    {
        "id": "0123",
        "status": "succeeded",
        "model": {"name": "true", "type": "image"},
        "input": {
            "prompt": '"quoted", said the fox',
            "n": 1,
            "x": 2.0,
            "flag": True,
            "mix": "1",
            "l": [1, "a"],
        },
        "output": ["https://a.example/1.png", "=1+1"],
        "created_at": "2026-01-01T00:00:00.000001Z",
        "metadata": {"billing": {"credits_used": 0.1}},
        "error": None,
        "source": "api",
    },
    {
        "id": "=1+1",
        "status": "failed",
        "model": "null",
        "input": {"prompt": "", "n": 2**53, "x": 0.25, "flag": False, "mix": 1, "t": " null ", "big": 2**60},
        "output": [],
        "error": 'line\nbreak, "comma"',
        "created_at": "2026-01-01",
    },
    {"id": "only"},
]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, rtol=1e-15, atol=0)  # a workbook keeps 16 digits of a float


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []], ids=["several", "one", "none"])
def test_predictions_come_back_as_they_were(ending: str, rows: Any, tmp_path: Path):
    frame = predictions_frame(rows)
    path = write_frame(frame, tmp_path / f"all{ending}")
    same(read_frame(str(path)), frame)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("criteria", [False, True])
def test_prices_come_back_as_they_were(ending: str, criteria: bool, tmp_path: Path):
    rules = [
        {"field": "hd", "operator": "==", "value": True, "billable_price": 1},
        {"field": "size", "operator": "==", "value": "1", "billable_price": 2},
        {"field": "size", "operator": "==", "value": 1, "billable_price": 2},
    ]
    listed = {"amount": 0.1, "unit": "5 seconds", "currency": "USD", "criterias": rules}
    frame = pricing_frame([{"namespace": "007", "pricing": listed}, {"namespace": "n"}], criteria=criteria)
    same(read_frame(write_frame(frame, tmp_path / f"prices{ending}")), frame)


@pytest.mark.parametrize("ending", ENDINGS)
def test_sums_come_back_as_they_were(ending: str, tmp_path: Path):
    frame = spend(ROWS, ["model", "status"])
    same(read_frame(write_frame(frame, tmp_path / f"spend{ending}")), frame)


@pytest.mark.parametrize("ending", [".parquet", ".xlsx"])
def test_periods_and_attrs_come_back_too(ending: str, tmp_path: Path):
    frame = spend(ROWS, freq="D", tz="Europe/Berlin")
    back = read_frame(write_frame(frame, tmp_path / f"days{ending}"))
    assert back["period"].dropna().tolist() == frame["period"].dropna().tolist()
    assert str(back["period"].dtype) == str(frame["period"].dtype)
    assert back.attrs == frame.attrs


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    [
        "null",
        "1",
        "-0",
        "1e5",
        "true",
        "NaN",
        "Infinity",
        '"',
        '"a"',
        "[1]",
        "{}",
        "[",
        "=1",
        " x ",
        "a\rb\r\n",
        "[1]\r",
        "\ufffe",
        "\ud83d",
        "",
        "nan",
        "None",
    ]
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXTS
    | st.lists(TEXTS, max_size=2)
)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=25, deadline=None)
@given(cells=st.lists(st.tuples(TEXTS, TEXTS, VALUES), max_size=5))
def test_no_text_is_taken_for_something_else(
    ending: str, cells: list[tuple[str, str, Any]], tmp_path_factory: pytest.TempPathFactory
):
    rows = [
        {"id": f"{n}{text}", "model": model, "input": {"v": value, "prompt": text}}
        for n, (text, model, value) in enumerate(cells)
    ]
    frame = predictions_frame(rows)
    same(read_frame(write_frame(frame, tmp_path_factory.mktemp("f") / f"f{ending}")), frame)


def test_a_csv_that_people_wrote_is_read_by_the_same_rules(tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_bytes("\ufeffid,status,cost,predict_s,note\n7,succeeded,1.5,2,hello\n8,failed,,,3\n".encode())
    frame = read_frame(path)
    assert frame["id"].tolist() == ["7", "8"]
    assert frame["cost"].tolist()[0] == 1.5
    assert frame["note"].tolist() == ["hello", 3]
    assert frame.attrs == {"source": str(path)}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "its first row is missing"),
        ("id,cost\na,much\n", "Row 0 of column 'cost' holds 'much', which is no number"),
        ("id,n_outputs\na,1\nb,1.5\n", "Row 1 of column 'n_outputs' holds 1.5"),
        ("id,created_at\na,yesterday\n", "which is no time in ISO 8601"),
        ("id,cost\na\n", "a row has 1 cells where there are 2 columns"),
        ("id,id\na,b\n", "'id' names several columns"),
    ],
)
def test_a_file_that_is_no_table_is_a_clear_error(text: str, why: str, tmp_path: Path):
    path = tmp_path / "odd.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=why):
        read_frame(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_something_else_is_a_clear_error(ending: str, tmp_path: Path):
    path = tmp_path / f"odd{ending}"
    path.write_bytes(b"\xff\xfe no table")
    with pytest.raises(InvalidInputError, match=f"it cannot be read as {ending}"):
        read_frame(path)


def test_empty_lines_are_no_rows(tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_text("id,cost\na,1\n\n")
    assert read_frame(path)["cost"].tolist() == [1.0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_write_that_fails_leaves_the_file_that_was_there(ending: str, tmp_path: Path):
    frame = predictions_frame(ROWS)
    path = write_frame(frame, tmp_path / f"all{ending}")

    class Unwritable:
        def __str__(self) -> str:
            raise OSError(28, "No space left on device")

    broken = frame.assign(output=[[Unwritable()]] * len(frame))
    with pytest.raises(OSError, match="No space left"):
        write_frame(broken, path)
    same(read_frame(path), frame)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_index_that_says_something_is_written_too(ending: str, tmp_path: Path):
    path, frame = tmp_path / f"days{ending}", predictions_frame(ROWS)[["id", "cost"]]
    days = ["mon", "tue", "wed"]
    assert list(read_frame(write_frame(frame.set_axis(days), path))["index"]) == days
    assert list(read_frame(write_frame(frame.set_index(pd.Index(days, name="day")), path))["day"]) == days
    pairs = pd.MultiIndex.from_product([["a"], days], names=["who", None])
    assert list(read_frame(write_frame(frame.set_axis(pairs), path))) == ["who", "index_1", "id", "cost"]
    assert list(read_frame(write_frame(frame[1:], path))) == ["id", "cost"]


def test_a_table_that_no_file_can_hold_is_refused(tmp_path: Path):
    frame = predictions_frame(ROWS)
    for table, why in (
        (pd.concat([frame, frame[["id"]]], axis=1), "'id' more than once"),
        (frame.set_index("id", drop=False), "'id' more than once"),
        (ROWS, "takes a DataFrame, not list"),
    ):
        with pytest.raises(InvalidInputError, match=why):
            write_frame(table, tmp_path / "x.csv")
    with pytest.raises(InvalidInputError, match="There is no folder"):
        write_frame(frame, tmp_path / "no" / "x.csv")


def test_another_ending_is_refused(tmp_path: Path):
    for call in (lambda: write_frame(pd.DataFrame(), tmp_path / "a.json"), lambda: read_frame("a.json")):
        with pytest.raises(InvalidInputError, match=r"ends in none of \.parquet"):
            call()


@pytest.mark.parametrize(
    ("prompt", "why"), [("x" * 40_000, "40000 characters"), ("\x07", "control characters")]
)
def test_a_workbook_that_would_lose_text_is_not_written(prompt: str, why: str, tmp_path: Path):
    frame = predictions_frame([{"id": "a", "input": {"prompt": prompt}}])
    with pytest.raises(InvalidInputError, match=why):
        write_frame(frame, tmp_path / "long.xlsx")
    assert list(tmp_path.iterdir()) == []
    same(read_frame(write_frame(frame, tmp_path / "long.csv")), frame)
