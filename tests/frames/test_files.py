"""A table as a file, and the same types and values back, whatever the cells hold."""

from __future__ import annotations

import csv
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.exceptions import InvalidInputError, SkytellsWarning
from skytells_nb.frames import grid, predictions_frame, pricing_frame, read_frame, spend, write_frame
from skytells_nb.frames._dtypes import TEXT

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


def as_read(frame: pd.DataFrame, read: pd.DataFrame) -> pd.DataFrame:
    """Texts of one's own, which pandas 2 keeps as objects, come back from a csv as ``string``."""
    texts = [name for name in frame if frame[name].dtype == object and read[name].dtype == "string"]
    return frame if TEXT == "str" else frame.astype(dict.fromkeys(texts, TEXT))


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    # a workbook keeps 16 digits of a float
    pd.testing.assert_frame_equal(one, as_read(other, one), rtol=1e-15, atol=0)


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
@settings(max_examples=10)
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
        ("\n<!DOCTYPE html><title>Sign in</title>", "holds no table: it is a web page"),
        ('{"error": "not found"}', "it is JSON"),
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

    class Unwritable(dict[str, Any]):
        def items(self) -> Any:
            raise OSError(28, "No space left on device")

    broken = frame.assign(output=[[Unwritable(a=1)]] * len(frame))
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
    swept = grid(prompt="a {animal}", animal=["fox"], seed=[1, 2])
    assert list(read_frame(write_frame(swept, path))) == ["animal", "prompt", "seed"]


def test_a_table_that_no_file_can_hold_is_refused(tmp_path: Path):
    frame = predictions_frame(ROWS)
    for table, why in (
        (pd.concat([frame, frame[["id"]]], axis=1), "'id' more than once"),
        (frame.set_index("id", drop=False).assign(id="a"), "'id' more than once"),
        (ROWS, "takes a DataFrame, not list"),
    ):
        with pytest.raises(InvalidInputError, match=why):
            write_frame(table, tmp_path / "x.csv")
    with pytest.raises(InvalidInputError, match="There is no folder"):
        write_frame(frame, tmp_path / "no" / "x.csv")


def test_columns_that_pandas_cannot_bring_back_are_kept_in_a_type_that_it_can(tmp_path: Path):
    parts = pd.Series([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    table = pd.DataFrame({"bin": pd.cut([1, 2], [0, 1, 2]), "parts": parts, "dense": [0, 3]})
    with pytest.warns(SkytellsWarning, match=r"place for the type of bin \(of interval"):
        back = read_frame(write_frame(table.astype({"dense": "Sparse[int]"}), tmp_path / "a.parquet"))
    assert list(back["bin"]) == ["(0, 1]", "(1, 2]"]
    assert back["bin"].cat.ordered
    assert [list(back["parts"][0]), back["parts"][1], list(back["dense"])] == [[1, 2], None, [0, 3]]
    table[["parts"]].to_parquet(tmp_path / "theirs.parquet")
    assert list(read_frame(tmp_path / "theirs.parquet")["parts"][0]) == [1, 2]


def test_a_table_s_place_may_be_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_frame(write_frame(pd.DataFrame({"a": [1]}), "~/a.csv"))["a"].item() == 1
    with pytest.raises(InvalidInputError, match="path must be a path"):
        write_frame("a.csv", pd.DataFrame())


def test_another_ending_is_refused(tmp_path: Path):
    for call in (lambda: write_frame(pd.DataFrame(), tmp_path / "a.json"), lambda: read_frame("a.json")):
        with pytest.raises(InvalidInputError, match=r"ends in none of \.parquet"):
            call()


def test_a_workbook_that_would_lose_text_is_not_written(tmp_path: Path):
    frame = predictions_frame([{"id": "a"}])
    frame["prompt"] = frame["prompt"].fillna("x" * 40_000)
    with pytest.raises(InvalidInputError, match="40000 characters"):
        write_frame(frame, tmp_path / "long.xlsx")
    assert list(tmp_path.iterdir()) == []
    same(read_frame(write_frame(frame, tmp_path / "long.csv")), frame)


# Columns of one's own.


def own(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": ["a", "b"], **columns})


KEPT = {  # by every kind of file
    "whole": [1, 2],
    "whole_with_gaps": pd.array([1, None], dtype="Int64"),
    "float": [0.1, np.nan],
    "truth": [True, False],
    "text": ["2026-01-01", "TRUE"],
    "more_text": ["True", "False"],
    "control\x01": ["a\x00\x0b\x1b[0m", "\r\n\t"],
    "day": pd.to_datetime(["2026-01-01T00:00:00", "2026-01-02T03:04:05.000006"], format="ISO8601").as_unit(
        "us"
    ),
    "moment": pd.to_datetime(["2026-01-01T00:00:00.123456Z", None], utc=True).as_unit("us"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", KEPT)
def test_columns_of_one_s_own_keep_their_type(ending: str, name: str, tmp_path: Path):
    frame = own(**{name: KEPT[name]})
    back = read_frame(write_frame(frame, tmp_path / f"own{ending}"))
    pd.testing.assert_series_equal(back[name], as_read(frame, back)[name])


@pytest.mark.parametrize(
    ("values", "kept_by_xlsx"),
    [
        (pd.Categorical(pd.array(["x", "y"], dtype=TEXT)), True),
        (pd.Categorical([2, 1]), True),
        (pd.to_timedelta([1, 90], unit="s"), True),
        (np.array([1, 2], dtype="int8"), True),
        (pd.date_range("2026-03-29", periods=2, tz="Europe/Berlin").as_unit("us"), True),
        ([Decimal("1.10"), Decimal("2.20")], False),
        ([date(2026, 1, 1), date(2026, 1, 2)], False),
    ],
    ids=["category", "numbers", "duration", "int8", "zone", "decimal", "date"],
)
def test_parquet_keeps_what_text_cannot_and_text_says_so(values: Any, kept_by_xlsx: bool, tmp_path: Path):
    frame = own(mine=values)
    back = read_frame(write_frame(frame, tmp_path / "own.parquet"))
    pd.testing.assert_series_equal(back["mine"], frame["mine"])
    with pytest.warns(SkytellsWarning, match=r"\.csv has no place for the type of mine"):
        write_frame(frame, tmp_path / "own.csv")
    if kept_by_xlsx:
        back = read_frame(write_frame(frame, tmp_path / "own.xlsx"))
        pd.testing.assert_series_equal(back["mine"], frame["mine"], check_freq=False)
    else:
        with pytest.warns(SkytellsWarning, match=r"\.xlsx has no place for the type of mine"):
            write_frame(frame, tmp_path / "own.xlsx")


def test_nanoseconds_are_kept_also_by_csv(tmp_path: Path):
    frame = own(moment=pd.to_datetime(["2026-01-01T00:00:00.123456789", None]))
    back = read_frame(write_frame(frame, tmp_path / "own.csv"))
    assert back["moment"].tolist() == frame["moment"].tolist()


def test_what_json_has_only_text_for_is_said_of_parquet_too(tmp_path: Path):
    for value in (UUID(int=1), Enum("Light", ["SNOW"])(1)):
        kind = rf"no place for the type of mine \({type(value).__name__}\)"
        with pytest.warns(SkytellsWarning, match=kind):
            write_frame(own(mine=[value, value]), tmp_path / "own.parquet")


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_without_a_value_stay_rows(ending: str, tmp_path: Path):
    frame = pd.DataFrame({"mine": ["a", None, "b", None, None]})
    same(read_frame(write_frame(frame, tmp_path / f"gaps{ending}")), frame)


def test_bytes_are_parquet_s_alone(tmp_path: Path):
    frame = own(thumb=[b"\x89PNG", None])
    back = read_frame(write_frame(frame, tmp_path / "own.parquet"))
    assert back["thumb"].tolist() == [b"\x89PNG", None]
    for ending in (".csv", ".xlsx"):
        with pytest.raises(InvalidInputError, match=r"'thumb' holds a value of type bytes.*\.parquet"):
            write_frame(frame, tmp_path / f"own{ending}")
    with pytest.raises(InvalidInputError, match="'thumb' holds a value of type bytes among others"):
        write_frame(own(thumb=[{"inner": b""}, None]), tmp_path / "own.parquet")


@pytest.mark.parametrize("ending", ENDINGS)
def test_nested_values_keep_their_numbers(ending: str, tmp_path: Path):
    nested = [{"n": np.int64(3), "list": [np.float32(0.5), {"deep": (1, None)}], "b": np.True_}, None]
    back = read_frame(write_frame(own(mine=nested), tmp_path / f"own{ending}"))
    assert back["mine"].tolist() == [{"n": 3, "list": [0.5, {"deep": [1, None]}], "b": True}, None]


def test_an_array_comes_back_from_parquet_as_one(tmp_path: Path):
    arrays = [np.arange(3, dtype="float32"), None]
    back = read_frame(write_frame(own(mine=arrays), tmp_path / "own.parquet"))
    assert back["mine"][0].dtype == np.float32
    assert back["mine"][0].tolist() == [0, 1, 2]
    assert back["mine"][1] is None


def test_a_frame_of_arrow_or_polars_is_written_as_it_is(tmp_path: Path):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"id": ["a"], "cost": [0.5]})
    assert read_frame(write_frame(table, tmp_path / "a.csv"))["cost"].tolist() == [0.5]


# Spreadsheets.

FORMULAS = [
    "=1+1",
    "+1",
    "-1+1|x",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    "a;=cmd()",
    "a\n=cmd()",
    "a; @x",
    "\ufeff\u200b=1",
]


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula(ending: str, text: str, tmp_path: Path):
    raw = {"id": "a", "model": text, "input": {"prompt": text, "n": [text]}, "output": [text]}
    frame = predictions_frame([raw]).assign(**{text: text})
    path = write_frame(frame, tmp_path / f"f{ending}")
    same(read_frame(path), frame)
    if ending == ".csv":
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        with path.open(newline="") as file:
            cells += [cell for row in csv.reader(file, delimiter=";") for cell in row]
        cells = [cell.lstrip("\ufeff\u200b\t\r\n ") for cell in cells]
        assert [cell for cell in cells if cell[:1] in tuple("=+@\uff1d") and cell.strip()] == []
    else:
        with zipfile.ZipFile(path) as book:
            assert not any(b"<f>" in book.read(name) for name in book.namelist())


def test_a_number_below_zero_is_no_formula(tmp_path: Path):
    path = write_frame(own(change=[-0.5, 1.0]), tmp_path / "f.csv")
    assert path.read_text().splitlines()[1] == "a,-0.5"


@pytest.mark.parametrize(
    "text",
    [
        "id;cost;created_at;n_outputs;note\na;0,02;28.04.2026 05:00;1;1,5\nb;1.234,50;2026-04-29;;2\n",
        "sep=;\r\nid;cost;created_at;n_outputs;note\r\na;0,02;28.04.2026 5:00;1,0;1,5\r\n"
        "b;1.234,50;29.04.2026;;2\r\n",
        "id\tcost\tcreated_at\tn_outputs\tnote\na\t0.02\t2026-04-28 05:00\t1\t1.5\n"
        "b\t1234.5\t2026-04-29\t\t2\n",
    ],
    ids=["semicolons", "sep", "tabs"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_csv_of_other_countries_is_read(text: str, encoding: str, tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_bytes(text.encode(encoding))
    frame = read_frame(path)
    assert frame["cost"].tolist() == [0.02, 1234.5]
    assert frame["created_at"].tolist() == [
        datetime(2026, 4, 28, 5, tzinfo=UTC),
        datetime(2026, 4, 29, tzinfo=UTC),
    ]
    assert frame["note"].tolist() == [1.5, 2]
    assert frame["n_outputs"].tolist() == [1, pd.NA]


def test_a_csv_of_windows_and_bars_is_read_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "mine.csv").write_bytes("id|prompt\na|Füchse\n".encode("cp1252"))
    assert read_frame(tmp_path / "mine.csv")["prompt"].tolist() == ["Füchse"]
    assert "cp1252" in caplog.text


def test_a_workbook_has_real_dates_and_a_header_that_stays(tmp_path: Path):
    frame = predictions_frame(ROWS)
    path = write_frame(frame, tmp_path / "all.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    column = list(frame.columns).index("created_at") + 1
    assert sheet.freeze_panes == "A2"
    assert sheet.cell(3, column).value == datetime(2026, 1, 1)  # noqa: DTZ001 - a workbook has no zones
    assert sheet.cell(3, column).number_format == "yyyy-mm-dd hh:mm:ss"
    assert read_frame(path)["created_at"].tolist()[0].microsecond == 1


@settings(max_examples=10)
@given(
    times=st.lists(
        st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        min_size=1,
        max_size=30,
    )
)
def test_a_workbook_keeps_every_microsecond(times: list[datetime], tmp_path_factory: pytest.TempPathFactory):
    frame = predictions_frame(
        [{"id": str(n), "created_at": each.isoformat()} for n, each in enumerate(times)]
    )
    same(read_frame(write_frame(frame, tmp_path_factory.mktemp("f") / "f.xlsx")), frame)


def test_an_hour_that_comes_twice_stays_two(tmp_path: Path):
    hours = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    frame = spend([{"id": each, "created_at": each} for each in hours], [], "h", tz="Europe/Berlin")
    back = read_frame(write_frame(frame, tmp_path / "hours.xlsx"))
    assert back["period"].tolist() == frame["period"].tolist()


# Damaged and hostile files.


@cache
def file_of(ending: str, folder: Path) -> bytes:
    return write_frame(predictions_frame(ROWS), folder / f"f{ending}").read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=15)
@given(data=st.data())
def test_a_damaged_file_is_read_or_a_typed_error(
    ending: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(file_of(ending, folder))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    path = folder / f"damaged{ending}"
    path.write_bytes(bytes(content))
    with suppress(InvalidInputError):
        read_frame(path)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=12)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_a_typed_error(
    ending: str, content: bytes, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.mktemp("f") / f"f{ending}"
    path.write_bytes(content)
    with suppress(InvalidInputError):
        read_frame(path)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path: Path):
    path = write_frame(predictions_frame(ROWS), tmp_path / "f.xlsx")
    with zipfile.ZipFile(path, "a") as book:
        book.writestr("xl/more.xml", "")
        book.getinfo("xl/more.xml").file_size = 1_120_000_000  # as 70 times 16 MB of zeros would have it
    with pytest.raises(InvalidInputError, match="it unpacks to 1 GB"):
        read_frame(path)


def test_a_workbook_that_claims_a_million_rows_has_those_it_has(tmp_path: Path):
    path = tmp_path / "far.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["id", "cost"])
    book.active.cell(1_000_000, 1).value = "far"
    book.save(path)
    assert read_frame(path)["id"].tolist() == ["far"]


def test_a_workbook_that_people_left_columns_free_in_is_read(tmp_path: Path):
    path, book = tmp_path / "free.xlsx", openpyxl.Workbook()
    for row in (["id", None, "note"], [None] * 3, ["a", None, "x"]):
        book.active.append(row)
    book.save(path)
    assert read_frame(path).to_dict("list") == {"id": ["a"], "note": ["x"]}
    book.active.cell(3, 2).value = 1
    book.save(path)
    with pytest.raises(InvalidInputError, match="a column has values and no name"):
        read_frame(path)


def test_numbers_too_large_for_their_column_are_a_typed_error(tmp_path: Path):
    path = tmp_path / "large.csv"
    path.write_text(f"id,n_outputs\na,{10**30}\n")
    with pytest.raises(InvalidInputError, match="Row 0 of column 'n_outputs'"):
        read_frame(path)
    path.write_text(f"id,cost\na,{10**400}\n")
    with pytest.raises(InvalidInputError, match="Row 0 of column 'cost'"):
        read_frame(path)


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="There is no file"):
        read_frame(tmp_path / "no.csv")
