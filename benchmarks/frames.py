"""How fast predictions become a frame, and in how much memory; run it with ``python benchmarks/frames.py``.

Against ``pandas.json_normalize`` on the same list, for a million rows out of an iterator, and for ten
thousand listed over HTTP with 50 ms of latency a page. Each part runs in a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from skytells_nb.frames import predictions_frame, spend

BODY: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000001",
    "status": "succeeded",
    "stream": False,
    "type": "inference",
    "input": {"prompt": "a lighthouse at dusk", "width": 1024, "height": 768, "seed": 7, "num_outputs": 1},
    "output": ["https://delivery.skytells.cloud/us/2026/01/01/out.png"],
    "created_at": "2026-01-01T00:00:00.000000Z",
    "started_at": "2026-01-01T00:00:59+00:00",
    "completed_at": "2026-01-01T00:01:11+00:00",
    "updated_at": "2026-01-01T00:01:11.000000Z",
    "privacy": "private",
    "source": "api",
    "model": {"name": "truefusion", "type": "image"},
    "webhook": {"url": None, "events": []},
    "metrics": {"image_count": 1, "predict_time": 10.5, "total_time": 10.5, "asset_count": 1},
    "metadata": {
        "billing": {"credits_used": 0.02},
        "storage": {"files": [{"name": "out.png", "type": "image/png", "size": 1024, "url": "https://…"}]},
        "data_available": True,
    },
    "urls": {"get": "https://…", "cancel": "https://…", "stream": "https://…", "delete": "https://…"},
}


def raws(number: int) -> Iterator[dict[str, Any]]:
    """Raw objects, each parsed on its own as those of a listing are (skytells-api.md section 6)."""
    for n in range(number):
        body = json.loads(json.dumps(BODY))
        body["id"] = f"{n:08d}-0000-4000-8000-000000000001"
        body["input"]["prompt"] = f"a lighthouse at dusk, number {n}"
        body["input"]["seed"] = n
        body["created_at"] = f"2026-01-{1 + n % 28:02d}T00:00:{n % 60:02d}.000000Z"
        body["started_at"] = f"2026-01-{1 + n % 28:02d}T00:01:00+00:00"
        body["completed_at"] = f"2026-01-{1 + n % 28:02d}T00:01:11+00:00"
        body["model"]["name"] = f"model-{n % 12}"
        yield body


def best(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time in seconds, which other processes disturb least."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def peak(work: Callable[[], object]) -> float:
    """Megabytes that are allocated at most, the result included."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return most


def against_json_normalize() -> None:
    rows = list(raws(100_000))
    predictions_frame(rows[:10])
    pd.json_normalize(rows[:10])
    theirs, ours = best(lambda: pd.json_normalize(rows), 3), best(lambda: predictions_frame(rows), 5)
    print(f"100,000 raw predictions: {ours:.2f} s of CPU, {theirs / ours:.1f} times json_normalize's speed")
    theirs, ours = peak(lambda: pd.json_normalize(rows)), peak(lambda: predictions_frame(rows))
    print(f"  at most {ours:.0f} MB, {100 * ours / theirs:.0f} % of json_normalize's")
    frame = predictions_frame(rows)
    print(f"  spend by model and day: {best(lambda: spend(frame, freq='D'), 3):.2f} s")


def from_an_iterator() -> None:
    begun = time.perf_counter()
    frame = predictions_frame(raws(1_000_000))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    took = time.perf_counter() - begun
    print(f"{len(frame):,} from an iterator, made and read: {took:.0f} s, the process at most {most:.2f} GB")


def over_http() -> None:
    import httpx

    from skytells_nb.api import Client

    rows = list(raws(10_000))
    pages = {"total": len(rows), "per_page": 50, "last_page": len(rows) // 50}
    bodies = [  # written beforehand: what a server does is not the client's time
        json.dumps(
            {"data": rows[50 * n : 50 * n + 50], "pagination": {**pages, "current_page": n + 1}}
        ).encode()
        for n in range(len(rows) // 50)
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        time.sleep(0.05)
        page = int(request.url.params.get("page", 1))
        return httpx.Response(200, content=bodies[page - 1], headers={"content-type": "application/json"})

    url = "http://bench.localhost/v1"
    with Client("sk-" + "b" * 40, base_url=url, transport=httpx.MockTransport(answer)) as client:
        begun = time.perf_counter()
        frame = predictions_frame(client)
        took = time.perf_counter() - begun
    print(f"{len(frame):,} listed at 50 ms a page of 50: {took:.1f} s; one page after another takes 10 s")


PARTS = {part.__name__: part for part in (against_json_normalize, from_an_iterator, over_http)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        if sys.argv[1:]:
            PARTS[name]()
        else:
            subprocess.run([sys.executable, __file__, name], check=True)
