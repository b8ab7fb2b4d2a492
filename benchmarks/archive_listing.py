"""How fast an archive of 10,000 predictions, or more, is listed, read for a frame, searched and made anew.

Run: python benchmarks/archive_listing.py [100000]
Promised: the first 100 in 20 ms, all 10,000 as rows well within the 0.5 s of a frame; of 100,000 an equal
input is found in 5 ms, and all are a frame in 1 s.
"""

from __future__ import annotations

import resource
import shutil
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from skytells_nb.api import Account
from skytells_nb.archive import Archive
from skytells_nb.archive import _index as index
from skytells_nb.models import Prediction

ENTRIES = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
ACCOUNT = Account("https://api.skytells.ai/v1", "0123456789ab")
MODELS = ("truefusion", "truefusion-pro", "flux-2-flex", "beatfusion-2.0")
WORDS = ("fox", "snow", "lighthouse", "dusk", "whale", "copper", "forest", "rain", "market", "dawn")


def prediction(number: int) -> Prediction:
    """Make one as the API answers it."""
    made = datetime(2026, 11, 22, tzinfo=UTC) - timedelta(seconds=37 * number)
    identifier = str(UUID(int=number * 2**80 + 4242))
    stamps = [(made + timedelta(seconds=s)).isoformat() for s in (0, 1, 9)]
    prompt = f"a {WORDS[number % 10]} and a {WORDS[number // 10 % 10]}, number {number}, in soft light"
    url = f"https://delivery.skytells.cloud/us/2026/11/22/{identifier}.png"
    return Prediction.from_api(
        {
            "id": identifier,
            "status": "succeeded",
            "type": "inference",
            "input": {"prompt": prompt, "width": 1024, "height": 1024, "seed": number},
            "output": [url],
            "created_at": stamps[0],
            "started_at": stamps[1],
            "completed_at": stamps[2],
            "source": "api",
            "privacy": "private",
            "model": {"name": MODELS[number % 4], "type": "image"},
            "webhook": {"url": None, "events": []},
            "metrics": {"predict_time": 8.0, "total_time": 9.0, "image_count": 1, "asset_count": 1},
            "metadata": {
                "billing": {"credits_used": 0.03},
                "data_available": True,
                "storage": {"files": [{"name": "o.png", "type": "image/png", "size": 1, "url": url}]},
            },
            "urls": {word: f"{ACCOUNT.origin}/predictions/{identifier}/{word}" for word in ("get", "cancel")},
        },
        origin=ACCOUNT.origin,
    )


def fill(archive: Archive, entries: int) -> None:
    """Write rows as the archive's own flow does, without the files."""

    def write(db: sqlite3.Connection) -> None:
        for number in range(entries):
            made = prediction(number)
            n = index.save_prediction(db, ACCOUNT, made, datetime.now(UTC))
            path = f"2026-11-22/1431-a-fox-{number}.png"
            index.put_output(db, n, index.Stored(0, path, "image/png", 900_000))

    archive.database.writing(write)


def best(function: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of several calls."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Print the figures."""
    folder = Path(tempfile.mkdtemp(prefix="skytells-bench-"))
    try:
        archive = Archive(folder)
        start = time.perf_counter()
        fill(archive, ENTRIES)
        print(f"write {ENTRIES:,} rows in one transaction    {time.perf_counter() - start:8.3f} s")
        archive.close()
        start = time.perf_counter()
        archive.predictions(100)
        print(f"open, and list the first 100               {1e3 * (time.perf_counter() - start):8.1f} ms")
        print(f"list the first 100                         {1e3 * best(archive.predictions):8.1f} ms")
        print(f"find a word (100 of 1,900)                 {1e3 * best(lambda: archive.find('fox')):8.1f} ms")
        print(
            f"find part of a word (scan)                 {1e3 * best(lambda: archive.find('ghthou')):8.1f} ms"
        )
        print(f"one by id                                  {1e3 * best(lambda: archive.get('x')):8.1f} ms")
        made = prediction(ENTRIES // 2)
        file = folder / f"2026-11-22/1431-a-fox-{ENTRIES // 2}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"PNG")

        def reuse() -> None:
            assert next(archive.equal_inputs(ACCOUNT, made.model or "", made.input or {})).id == made.id

        print(f"an equal input, for reuse                  {1e3 * best(reuse):8.1f} ms")
        print(f"all as plain rows                          {best(lambda: list(archive.rows())):8.3f} s")
        print(
            f"all as predictions                         {best(lambda: archive.predictions(None), 2):8.3f} s"
        )
        try:
            archive.to_pandas()
        except ImportError:
            pass
        else:
            print(f"all as a frame                             {best(archive.to_pandas):8.3f} s")
        size = sum(path.stat().st_size for path in folder.glob("index.sqlite*"))
        print(f"index                                      {size / 2**20:8.1f} MiB")
        print(f"peak memory          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:30.0f} MiB")
        archive.close()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
