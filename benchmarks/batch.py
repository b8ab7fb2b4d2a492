"""What does a batch cost beside the predictions themselves: time, memory, and being run again?

    python benchmarks/batch.py                 # 10,000 items
    python benchmarks/batch.py 1000 --limit 32

A sandbox that answers at once runs in a process of its own, so what is left is the batch: checking,
journal, requests, archive. Memory is the peak of this process; importing the toolkit is told apart. A
second run of the same batch takes everything from the archive; a million inputs that are only checked
show that inputs are not held.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jsonschema  # noqa: F401 - counted with the imports

import skytells_nb as sky
from skytells_nb.api import Client
from skytells_nb.archive import Archive
from skytells_nb.jobs import batch
from skytells_nb.jobs._inputs import Inputs

MODEL = "sandbox-scribe"


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "skytells_nb.sandbox", "--with-parent", "--seconds", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def peak() -> float:
    """Give the most memory this process has had, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1e6 if sys.platform == "darwin" else size / 1e3


def line(what: str, count: int, begun: float, cpu: float) -> None:
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    print(f"{what:28} {took:8.1f} s {1e3 * used / count:8.2f} ms CPU each   peak {peak():6.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--checked", type=int, default=100_000, help="inputs that are checked only")
    given = parser.parse_args()
    prompts = [f"a red fox in snow, take {number}" for number in range(given.count)]
    print(f"{'imports':28} {'':10} {'':20} peak {peak():6.0f} MB")
    with sandbox() as place, tempfile.TemporaryDirectory() as folder, Archive(folder) as archive:
        client = Client(place["api_key"], base_url=place["url"], archive=archive)
        schema = client.models.get(MODEL).input_schema
        begun, cpu = time.perf_counter(), time.process_time()
        made = batch(MODEL, prompts, limit=given.limit, client=client)
        assert all(prediction.status == "succeeded" for prediction in made)
        line(f"{given.count:,} items", given.count, begun, cpu)
        del made
        begun, cpu = time.perf_counter(), time.process_time()
        again = batch(MODEL, prompts, limit=given.limit, client=client)
        assert len(again) == given.count
        line("run again", given.count, begun, cpu)
        print(sky.PredictionList(again[:3]))
        client.close()
    begun, cpu = time.perf_counter(), time.process_time()
    inputs = Inputs(MODEL, ({"prompt": f"fox {n}"} for n in range(given.checked)), schema, place["url"])
    while inputs.read(1000):
        continue
    inputs.close()
    line(f"{given.checked:,} inputs checked", given.checked, begun, cpu)


if __name__ == "__main__":
    main()
