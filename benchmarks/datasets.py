"""How fast ten million predictions are written and summed up; run it with ``python benchmarks/datasets.py``.

The data is made up: twelve months, twelve models, prompts that differ. Each part runs in a process of its
own, with DuckDB where it is installed, and with pyarrow alone. ``ROWS=1000000`` makes it smaller.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

import skytells_nb as sky
from skytells_nb.frames import _dataset_writer, _datasets

ROWS = int(os.environ.get("ROWS", 9_999_996))


def month(number: int, rows: int) -> pa.Table:
    """The predictions of one month."""
    dice = np.random.default_rng(number)
    begin = np.datetime64(f"2026-{number:02d}", "us")
    created = np.sort(begin + dice.integers(0, 28 * 86_400_000_000, rows).astype("timedelta64[us]"))
    seconds = dice.integers(1, 20_000, rows) / 1000
    numbers = np.arange(rows) + number * 10_000_000
    texts = pa.array(numbers).cast(pa.string())
    models = pa.array([f"model-{n}" for n in range(12)])
    cost = np.round(dice.random(rows) * 0.2, 4)
    cost[dice.random(rows) < 0.02] = np.nan
    word = pa.scalar
    columns = {
        "id": pa.compute.binary_join_element_wise(word("00000000-0000-4000-8000-"), texts, ""),
        "model": models.take(pa.array(dice.integers(0, 12, rows))),
        "model_type": pa.repeat("image", rows),
        "status": pa.array(["succeeded", "failed"]).take(pa.array((dice.random(rows) < 0.03).astype(int))),
        "created_at": created,
        "started_at": created + np.timedelta64(1, "s"),
        "completed_at": created + (seconds * 1e6).astype("timedelta64[us]"),
        "queue_s": np.ones(rows),
        "predict_s": seconds,
        "total_s": seconds + 1,
        "cost": pa.array(cost, from_pandas=True),
        "currency": pa.repeat("USD", rows),
        "n_outputs": np.ones(rows, dtype="int64"),
        "output": pa.nulls(rows, pa.list_(pa.string())),
        "error": pa.nulls(rows, pa.string()),
        "prompt": pa.compute.binary_join_element_wise(word("a lighthouse at dusk, number"), texts, " "),
        "source": pa.repeat("api", rows),
        "origin": pa.repeat("https://api.skytells.ai/v1", rows),
        "input": pa.nulls(rows, pa.string()),
        "sandbox": pa.repeat(False, rows),
    }
    schema = _datasets.arrow_schema()
    nothing = {field.name: pa.nulls(rows, field.type) for field in schema if field.name not in columns}
    return pa.table(columns | nothing).select(schema.names).cast(schema)


def write(folder: str) -> None:
    took = 0.0
    for number in range(1, 13):
        table = month(number, ROWS // 12)
        begun = time.perf_counter()
        _dataset_writer.append_table(table, folder)
        took += time.perf_counter() - begun
    size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet")) / 1e6
    print(f"{ROWS:,} written: {took:.1f} s, {ROWS / took:,.0f} a second, {size:,.0f} MB")


def by_model_and_month(folder: str) -> None:
    sky.spend  # noqa: B018 - the import is no part of it
    begun, worked = time.perf_counter(), time.process_time()
    table = sky.spend(folder, by="model", freq="MS", tz="UTC")
    took, cpu = time.perf_counter() - begun, time.process_time() - worked
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"spend by model and month: {took:.2f} s, {cpu:.2f} s of CPU, the process at most {most:.0f} MB")
    assert len(table) == 144
    begun = time.perf_counter()
    frame = sky.predictions_frame(
        folder, columns=["model", "cost"], since="2026-03-01", until="2026-03-02", model="model-1"
    )
    print(f"one model's two days as a frame of {len(frame):,}: {time.perf_counter() - begun:.2f} s")


def without_duckdb(folder: str) -> None:
    _datasets.find_spec = lambda _: None  # type: ignore[assignment]  # as where DuckDB is not installed
    by_model_and_month(folder)


PARTS = {part.__name__: part for part in (write, by_model_and_month, without_duckdb)}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]](sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as place:
            for name in PARTS:
                print(f"{name}:", flush=True)
                subprocess.run([sys.executable, __file__, name, place], check=True)
