"""A dataset of parquet files: written once, read in part, and added up as its frame is."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import localcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from buckets import Bucket
from forks import Forks
from hypothesis import given, settings
from hypothesis import strategies as st

import skytells_nb as sky
from skytells_nb.exceptions import InvalidInputError, SkytellsError
from skytells_nb.frames import _dataset_writer, _datasets, forecast, predictions_frame, spend, total
from skytells_nb.frames._columns import COLUMNS, COUNTED, RATED, read_rows

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def row(
    number: int, cost: Any = 0.02, *, hours: int = 0, currency: str | None = None, **more: Any
) -> dict[str, Any]:
    bill = {} if cost is None else {"credits_used": cost}
    if currency:
        bill["currency"] = currency
    return {
        "id": f"p{number}",
        "status": "succeeded",
        "model": "lumo",
        "input": {"prompt": f"fox {number}", "seed": number, "style": {"name": "oil"}},
        "output": [f"https://files.example/{number}.png"],
        "created_at": (BEGIN + timedelta(hours=hours)).isoformat(),
        "metrics": {"predict_time": 2.0},
        "metadata": {"billing": bill},
        "source": "api",
        **more,
    }


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.concat_tables([_dataset_writer.table_of(pa, chunk) for chunk in read_rows(rows, 0)])


def append(rows: list[dict[str, Any]], path: Any) -> int:
    return _dataset_writer.append_table(table_of(rows), path)


def test_half_a_surrogate_pair_is_written_as_what_a_file_can_hold() -> None:
    written = table_of([row(1, output=["\udfff"], error="\ud800", model="fox")])
    assert (written["output"].to_pylist(), written["model"].to_pylist()) == ([["\ufffd"]], ["fox"])


@pytest.fixture(params=["duckdb", "pyarrow"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add up with each of them."""
    if request.param == "pyarrow":
        monkeypatch.setattr(_datasets, "find_spec", lambda _: None)
    return str(request.param)


def test_an_archive_appends_what_is_new(tmp_path: Path):
    archive, there = sky.Archive(tmp_path / "outputs"), tmp_path / "dataset"
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=archive) as client:
        for number in range(3):
            client.predictions.create("truefusion-edge", {"prompt": "fox", "seed": number, "width": 64})
        assert archive.to_parquet(there) == 3
        assert archive.to_parquet(there) == 0
        client.predictions.create("truefusion-edge", {"prompt": "owl", "width": 64})
        made = client.chat.completions.create("gpt-5", "an owl")
        archive.rate(made.id, 5, tags=["cover"])
        assert archive.to_parquet(there) == 2
    kept, read = predictions_frame(archive), predictions_frame(there)
    assert read["tokens_out"].notna().sum() == 1
    same(lambda source: spend(source, "rating"), there, archive)
    key = {"by": "id", "ignore_index": True}
    pd.testing.assert_frame_equal(
        read.sort_values(**key), kept.sort_values(**key), check_like=True, check_categorical=False
    )
    assert read.attrs["sandbox"]
    assert spend(there).attrs["currency"] == "credits"
    month = f"{datetime.now(UTC):%Y-%m}"
    assert [file.relative_to(there).as_posix() for file in sorted(there.glob("month=*/*"))] == [
        f"month={month}/000001.parquet",
        f"month={month}/000002.parquet",
    ]
    archive.close()


def test_what_is_rated_later_is_brought_and_nothing_else(tmp_path: Path, engine: str):
    there = tmp_path / "dataset"
    folders = [tmp_path / "ann", tmp_path / "ben"]
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client() as client:
        for number in range(3):
            client.predictions.create("truefusion-edge", {"prompt": "fox", "seed": number, "width": 64})
        ann, ben = archives = [sky.Archive(folder) for folder in folders]
        first, second, third = ann.adopt(client)
        ben.adopt(client)
    ben.rate(third, 3)
    ann.rate(second, 4)
    assert [archive.to_parquet(there) for archive in archives] == [3, 0]
    ann.rate(first, 5, tags=["cover"], note="so red")
    ann.rate(second, None)
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(lambda archive: archive.to_parquet(there), archives)] == [0, 0]
    rated = predictions_frame(there).set_index("id").loc[[each.id for each in (first, second, third)]]
    assert rated["rating"].tolist() == [5, pd.NA, 3]
    assert rated["tags"].tolist() == [["cover"], [], []]
    assert rated["note"].iloc[0] == "so red"
    sums = spend(there, "rating").set_index("rating")["count"]
    assert (sums[3], sums[5]) == (1, 1)
    written = sorted(there.rglob("*"))
    assert [ann.to_parquet(there), ben.to_parquet(there)] == [0, 0]
    assert sorted(there.rglob("*")) == written, "what has not changed is not written"
    for archive in archives:
        archive.close()


def test_it_holds_the_documented_columns_with_their_types(tmp_path: Path):
    append([row(1), {"id": "bare"}], tmp_path)
    file = pyarrow.parquet.ParquetFile(tmp_path / "month=2026-01/000001.parquet")
    assert file.schema_arrow.names == [*COLUMNS, *RATED, *COUNTED, "input", "sandbox"]
    assert str(file.schema_arrow.field("created_at").type) == "timestamp[us, tz=UTC]"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    unknown = pyarrow.parquet.read_table(tmp_path / "month=unknown/000001.parquet", partitioning=None)
    assert unknown["cost"].null_count == 1, "a NaN would make every sum one"


def test_only_what_is_asked_for_is_read(tmp_path: Path):
    append([row(n, hours=24 * 31 * n, model="mera" if n % 2 else "lumo") for n in range(4)], tmp_path)
    (tmp_path / "month=2026-01/000001.parquet").write_bytes(b"damaged, and not to be opened")
    frame = predictions_frame(tmp_path, columns=["cost", "input.style.name", "model"], since="2026-02-01")
    assert list(frame.columns) == ["cost", "input.style.name", "model"]
    assert frame["input.style.name"].tolist() == ["oil"] * 3
    assert len(predictions_frame(tmp_path, since="2026-02-01", until="2026-03-05", model="lumo")) == 1
    with pytest.raises(SkytellsError, match=r"000001\.parquet is damaged"):
        predictions_frame(tmp_path)


def test_the_same_is_asked_of_other_sources(tmp_path: Path):
    rows = [row(n, hours=24 * 31 * n) for n in range(4)]
    append(rows, tmp_path)
    asked: dict[str, Any] = {"columns": ["id", "cost"], "since": "2026-02-01", "until": "2026-03-31"}
    pd.testing.assert_frame_equal(predictions_frame(rows, **asked), predictions_frame(tmp_path, **asked))
    assert predictions_frame(rows, columns=["input.none"])["input.none"].isna().all()


SHAPES = ["", "/", "/month=*/*.parquet", "/**/*.parquet", "/month=2026-0[12]", "/month=2026-0?/*1.parquet"]


def test_paths_globs_and_urls_are_alike(tmp_path: Path):
    place = tmp_path / "of [2026]"
    append([row(n, hours=400 * n) for n in range(4)], place)
    place.rename(plain := tmp_path / "plain")
    for shape in SHAPES:
        for where in (f"{plain}{shape}", f"file://{plain}{shape}"):
            if "?" not in where or "://" not in where:  # where it begins what a URL asks for
                assert len(predictions_frame(where, columns="cost")) == 4, where
                assert spend(where)["cost"].tolist() == [0.08]
    assert len(predictions_frame(plain / "month=2026-01/000001.parquet")) == 2
    plain.rename(place)
    assert len(predictions_frame(place)) == 4
    with pytest.raises(InvalidInputError, match="There is nothing at"):
        predictions_frame("")


def test_a_folder_at_home_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    append([row(1)], "~/dataset")
    assert len(predictions_frame("~/dataset")) == len(predictions_frame(tmp_path / "dataset")) == 1


def test_a_bucket_is_appended_to_as_a_folder_is(tmp_path: Path):
    url = f"file://{tmp_path}"
    assert append([row(1)], url) == 1
    assert append([row(1), row(2)], url) == 1
    assert len(predictions_frame(tmp_path)) == 2


def test_those_that_append_at_the_same_time_append_each_once(tmp_path: Path):
    tables = [table_of([row(n, hours=n) for n in range(first, first + 60)]) for first in range(0, 80, 20)]
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda table: _dataset_writer.append_table(table, tmp_path), tables * 2))
    assert sum(new) == 120
    found = pyarrow.parquet.read_table(tmp_path, partitioning=None)["id"].to_pylist()
    assert len(found) == len(set(found)) == 120
    assert list(tmp_path.rglob("*.part")) == []


WRITER = """
    from frames.test_datasets import append, row

    def work(path):
        while True:
            for n in range(0, 4000, 40):
                append([row(m, hours=m) for m in range(n, n + 40)], path)
"""


@pytest.fixture(scope="module")
def writers() -> Iterator[Forks]:
    writers = Forks(WRITER)
    yield writers
    writers.close()


def test_one_that_is_killed_leaves_nothing_half_written(writers: Forks, tmp_path: Path):
    there = tmp_path / "dataset"
    dice = random.Random(7)
    for _ in range(4):
        writer = writers.begin(str(there))
        deadline = time.monotonic() + dice.random()
        while time.monotonic() < deadline or not list(there.rglob("*.parquet")):
            os.sched_yield()
        writers.kill(writer)
        frame = predictions_frame(there)
        assert frame.attrs["notes"] == [], "nothing twice"
    rows = [row(n, hours=n) for n in range(4000)]
    assert append(rows, there) == 4000 - len(frame)
    assert len(predictions_frame(there)) == 4000


# The sums of a dataset are those of its frame.

COSTS = st.none() | st.integers(0, 10**6).map(lambda n: n / 10**4) | st.sampled_from([-1.0, 1e12, 1e-9])
ROWS = st.builds(
    lambda cost, model, status, hours, currency, made, time: {
        **row(0, cost, hours=hours, currency=currency, model=model, status=status),
        **({} if time else {"created_at": None}),
        "made": made,
    },
    COSTS,
    st.sampled_from(["lumo", "mera", None]),
    st.sampled_from(["succeeded", "failed", "processing"]),
    st.integers(0, 24 * 400),
    st.sampled_from([None, None, "EUR"]),
    st.sampled_from(["", "", "", "sandbox-"]),
    st.sampled_from([True, True, True, False]),
)
BY = st.lists(
    st.sampled_from(["model", "status", "currency", "source", "input.seed"]), max_size=2, unique=True
)
FREQ = st.sampled_from([None, "D", "W", "MS", "6h", "h", "min"])
ZONE = st.sampled_from(["UTC", "Africa/Cairo", "Asia/Kathmandu", "America/St_Johns"])


@pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
@settings(max_examples=8)
@given(rows=st.lists(ROWS, min_size=1, max_size=8), by=BY, freq=FREQ, zone=ZONE, rated=st.booleans())
def test_sums_are_equal_to_those_of_the_frame(
    rows: list[dict[str, Any]],
    by: list[str],
    freq: str | None,
    zone: str,
    rated: bool,
    tmp_path_factory: pytest.TempPathFactory,
):
    rows = [{**each, "id": f"{each['made']}p{n}"} for n, each in enumerate(rows)]
    path, frame = tmp_path_factory.mktemp("d"), predictions_frame(rows)
    append(rows, path)
    rates = {"EUR": 1.08} if rated else None
    for spec in (_datasets.find_spec, lambda _: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_datasets, "find_spec", spec)
            same(lambda source: spend(source, by, freq, rates=rates, tz=zone), path, frame)
            same(lambda source: total(source, rates=rates, places=2), path, frame)
            same(lambda source: forecast(source, "lumo", 10, rates=rates), path, frame)


def same(ask: Any, path: Path, frame: Any) -> None:
    results = []
    for source in (path, frame):
        try:
            results.append(ask(source))
        except InvalidInputError as error:
            results.append(str(error))
    one, other = results
    if not isinstance(other, pd.DataFrame):
        if hasattr(other, "amount") and other.amount is not None:
            for name in ("amount", "low", "high"):
                assert float(getattr(one, name)) == pytest.approx(float(getattr(other, name)), abs=1e-5)
            assert one.currency == other.currency
            return
        assert one == other
        return
    keys = [name for name in ("period", *other.attrs["by"]) if name in other]
    for table in (one, other):
        for name in keys:
            table[name] = table[name].astype(str)
    kind = {"check_exact": False, "rtol": 1e-9, "atol": 1e-9}
    if keys:
        one, other = (each.sort_values(keys, ignore_index=True) for each in (one, other))
    pd.testing.assert_frame_equal(one, other, **kind)
    assert one.attrs == other.attrs


def test_a_row_that_is_known_better_later_replaces_the_older_one(tmp_path: Path, engine: str):
    early = [row(1, None, status="processing", output=None), row(2, 0.5), row(3, 0.25, hours=24 * 31)]
    late = [row(1, 0.125), row(2, None), row(3, 0.25, hours=24 * 31), row(4, 1.0)]
    assert [append(rows, tmp_path) for rows in (early, late, early, late)] == [3, 1, 0, 0]
    assert len(list(tmp_path.rglob("*.parquet"))) == 4, "an older reading is no news"
    frame = predictions_frame(tmp_path).set_index("id")
    assert frame["cost"].to_dict() == {"p1": 0.125, "p2": 0.5, "p3": 0.25, "p4": 1.0}
    assert (frame["status"] == "succeeded").all()
    assert frame["n_outputs"].tolist() == [1] * 4
    same(lambda source: spend(source, "model", "MS", tz="UTC"), tmp_path, predictions_frame(tmp_path))
    with localcontext(prec=2):  # what a notebook set for itself
        assert str(total(tmp_path)) == "1.875"
    assert spend(tmp_path, "status")["count"].tolist() == [4]
    assert len(predictions_frame(tmp_path, columns="cost", until="2026-01-31")) == 3


def test_a_row_without_a_time_at_first_counts_once(tmp_path: Path, engine: str):
    undated, dated = [row(1, created_at=None), row(2, created_at=None)], [row(1), row(3)]
    assert [append(rows, tmp_path) for rows in (undated, dated, undated, dated)] == [2, 1, 0, 0]
    assert append([row(1, 0.125)], tmp_path) == 0
    assert len(list(tmp_path.rglob("*.parquet"))) == 4
    assert str(total(tmp_path)) == "0.165"
    assert predictions_frame(tmp_path).set_index("id")["created_at"].isna().to_dict() == {
        "p1": False,
        "p2": True,
        "p3": False,
    }


def test_copied_files_and_datasets_put_together_count_each_prediction_once(tmp_path: Path, engine: str):
    one, other = tmp_path / "a", tmp_path / "b"
    append([row(n, hours=n) for n in range(40)], one)
    append([row(n, None if n < 30 else 0.02, hours=n) for n in range(20, 60)], other)
    month = one / "month=2026-01"
    for copied, costs in ((month / "000007.parquet", "0.80"), (month / "copy.parquet", "0.80")):
        shutil.copy(month / "000001.parquet", copied)
        assert str(total(one)) == costs
        same(spend, one, predictions_frame(one))
        copied.unlink()
    shutil.copy(other / "month=2026-01/000001.parquet", month / "000002.parquet")
    for where in (one, tmp_path / "*"):
        assert len(predictions_frame(where)) == 60
        assert str(total(where)) == "1.20", "where one of two rows has a cost, that counts"
        same(lambda source: forecast(source, "lumo", 10), where, predictions_frame(where))


def test_an_archive_with_two_keys_of_an_account_appends_a_prediction_once(tmp_path: Path):
    assert append([row(1), row(1), row(2)], tmp_path) == 2
    assert len(predictions_frame(tmp_path)) == 2


@pytest.mark.filterwarnings("ignore:1 of 3 rows")
def test_currencies_are_not_added(tmp_path: Path, engine: str):
    append([row(1), row(2, currency="EUR"), row(3, None)], tmp_path)
    one, other = (spend(source, by="currency") for source in (tmp_path, predictions_frame(tmp_path)))
    assert one["currency"].isna().sum() == other["currency"].isna().sum() == 1
    assert one["currency"].dtype == other["currency"].dtype == "category"
    for ask in (spend, total, lambda path: forecast(path, None, 1)):
        with pytest.raises(InvalidInputError, match="costs in EUR and USD"):
            ask(tmp_path)
    assert total(tmp_path, rates={"EUR": 2}) == total([row(1), row(2), row(3)])


def test_ten_costs_of_a_tenth_are_one(tmp_path: Path, engine: str):
    append([row(n, 0.1) for n in range(10)], tmp_path)
    assert str(total(tmp_path)) == "1.00"


# What is no dataset.


def test_types_of_another_tool_are_read_and_what_is_no_number_is_a_typed_error(tmp_path: Path, engine: str):
    table = table_of([row(n) for n in range(3)])
    at = table.schema.get_field_index("cost")
    for name, costs, words in (
        ("texts", ["0.1", "0.2", "0.3"], None),
        ("odd", ["0.1", "a lot", None], "a lot"),
    ):
        (tmp_path / name).mkdir()
        pyarrow.parquet.write_table(
            table.set_column(at, "cost", pa.array(costs)), tmp_path / name / "x.parquet"
        )
        if words is None:
            assert str(total(tmp_path / name)) == "0.60"
        else:
            with pytest.raises(SkytellsError, match=rf"cannot be read: .*{words}"):
                total(tmp_path / name)


def test_a_file_of_something_else_is_a_typed_error(tmp_path: Path, engine: str):
    (tmp_path / "month=2026-01").mkdir()
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "month=2026-01/a.parquet")
    for ask in (predictions_frame, spend, total):
        with pytest.raises(InvalidInputError, match="has no column cost, created_at, id, status"):
            ask(tmp_path)


@pytest.mark.parametrize("size", [0, 100, 2_000])
def test_half_a_file_is_a_typed_error(size: int, tmp_path: Path, engine: str):
    append([row(n) for n in range(50)], tmp_path)
    file = tmp_path / "month=2026-01/000001.parquet"
    file.write_bytes(file.read_bytes()[:size])
    for ask in (predictions_frame, spend, total):
        with pytest.raises(SkytellsError, match=r"000001\.parquet is damaged"):
            ask(tmp_path)


def test_nothing_there_is_a_typed_error(tmp_path: Path):
    for where in (tmp_path, f"{tmp_path}/*.parquet", f"file://{tmp_path}/no"):
        with pytest.raises(InvalidInputError, match=r"Archive\.to_parquet makes one"):
            spend(where)
    for where in (tmp_path / "no", tmp_path / "spend.csv", "no" * 5_000):
        with pytest.raises(InvalidInputError, match=r"There is nothing at [^$]{0,320}$"):
            predictions_frame(where)
    for ask in (lambda given: predictions_frame([], model=given), lambda given: forecast([], given, 3)):
        with pytest.raises(InvalidInputError, match="model must be a model's slug"):
            ask(["lumo", "mera"])
    with pytest.raises(InvalidInputError, match="Did you mean 'cost'"):
        predictions_frame([], columns=["costs"])
    with pytest.raises(InvalidInputError, match="since must be a"):
        predictions_frame([], since="soon")


def test_a_place_that_cannot_be_written_is_a_typed_error(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="path must be a folder, or a URL"):
        append([row(1)], None)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SkytellsError, match="cannot be written"):
        append([row(1)], tmp_path / "file")


def test_a_bucket_is_appended_to_and_added_up(bucket: Bucket, engine: str):
    rows = [row(n, hours=24 * 31 * n) for n in range(3)]
    assert append(rows[:2], bucket.url) == 2
    assert append(rows, bucket.url) == 1
    files = [f"month=2026-0{n}/000001.parquet" for n in (1, 2, 3)]
    assert sorted(bucket.objects()) == [".skytells_nb/dataset.json", *files]
    assert spend(bucket.url)["cost"].tolist() == [0.06]
    for part, number in (("month=2026-0[12]", 2), ("*/*.parquet", 3), (files[0], 1)):
        assert len(predictions_frame(f"{bucket.url}/{part}")) == number
    bucket.asked.clear()
    assert len(predictions_frame(bucket.url, columns=["id"], since="2026-03-01")) == 1
    assert not any("month=2026-01" in path for method, path in bucket.asked if "list-type" not in path)


def test_a_bucket_keeps_what_two_append_at_the_same_time(bucket: Bucket):
    tables = [table_of([row(n) for n in range(first, first + 6)]) for first in (0, 3, 3, 6)]
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(lambda table: _dataset_writer.append_table(table, bucket.url), tables))
    assert sum(new) == 12
    assert sorted(predictions_frame(bucket.url)["id"]) == sorted(f"p{n}" for n in range(12))


def test_a_writer_killed_in_the_middle_leaves_a_bucket_whole(writers: Forks, bucket: Bucket):
    writing, killed = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> tuple[int, str] | None:
        if method != "PUT" or len(bucket.asked) < 12:
            return None
        writing.set()
        killed.wait(60)
        return 500, "CutShort"

    bucket.refuse = hold
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    writer = writers.begin(bucket.url, **environment)
    assert writing.wait(60)
    writers.kill(writer)
    killed.set()
    bucket.refuse = lambda method, path: None
    before = len(predictions_frame(bucket.url))
    assert before > 0
    assert append([row(n, hours=n) for n in range(4000)], bucket.url) == 4000 - before


@pytest.mark.parametrize(
    ("refused", "words"),
    [((403, "AccessDenied"), "refuses permission"), ((404, "NoSuchBucket"), "no such bucket")],
)
def test_a_bucket_that_refuses_a_dataset_is_a_typed_error(
    refused: tuple[int, str], words: str, bucket: Bucket
):
    bucket.refuse = lambda method, path: refused
    with pytest.raises(SkytellsError, match=f"{bucket.url}.*{words}"):
        append([row(1)], bucket.url)
    with pytest.raises(SkytellsError, match=bucket.url):
        spend(bucket.url)
