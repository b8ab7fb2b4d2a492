"""What does it cost to import the toolkit, and to make the first client?

    python benchmarks/import_time.py

Each figure is of many fresh interpreters: their median, and the quickest of them, which is what a machine
that has nothing else to do needs. Those to compare take turns, so that one that gets busy slows all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HOUSE = Path(__file__).parents[1]

BARE = "pass"
IMPORT = "import skytells_nb"

LOADED = """
import sys
before = set(sys.modules)
import skytells_nb
print(*sorted(set(sys.modules) - before))
"""

CLIENTS = """
import json, time
import httpx
begun = time.perf_counter()
import skytells_nb
skytells_nb.Client
loaded = time.perf_counter()
client = skytells_nb.Client("sk-test", base_url={url!r})
made = time.perf_counter()
client.connection.blocking
first = time.perf_counter()
for _ in range(20):
    skytells_nb.Client("sk-test", base_url={url!r}).connection.blocking
after = (time.perf_counter() - first) / 20
print(json.dumps({{"load": loaded - begun, "make": first - loaded, "all": first - begun, "after": after}}))
"""


def python(code: str, *flags: str) -> str:
    command = [sys.executable, *flags, "-c", f"import sys; sys.path.insert(0, {str(HOUSE)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def interpreter_seconds(code: str) -> float:
    begun = time.perf_counter()
    python(code, "-I")
    return time.perf_counter() - begun


class Cost(NamedTuple):
    """Seconds: the median of the runs, and the quickest."""

    median: float
    quickest: float

    @classmethod
    def of(cls, seconds: list[float]) -> Cost:
        return cls(statistics.median(seconds), min(seconds))


def import_cost(runs: int) -> tuple[Cost, Cost]:
    """Cost of a bare interpreter, and how much more the import is."""
    bare, more = [], []
    for _ in range(runs):
        bare.append(interpreter_seconds(BARE))
        more.append(interpreter_seconds(IMPORT))
    one, other = Cost.of(bare), Cost.of(more)
    return one, Cost(other.median - one.median, other.quickest - one.quickest)


def client_cost(url: str, runs: int) -> dict[str, Cost]:
    """Cost of loading the clients' modules, of making the first client, of both, and of each one after it."""
    told = [json.loads(python(CLIENTS.format(url=url))) for _ in range(runs)]
    return {name: Cost.of([each[name] for each in told]) for name in told[0]}


def line(what: str, cost: Cost, goal: float | None = None) -> None:
    verdict = "" if goal is None else f"{goal:8.0f}   {'yes' if cost.quickest * 1e3 <= goal else 'NO'}"
    print(f"{what:52} {cost.median * 1e3:9.2f} {cost.quickest * 1e3:9.2f} {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    bare, more = import_cost(runs)
    https = client_cost("https://api.skytells.ai/v1", max(runs // 2, 5))
    http = client_cost("http://127.0.0.1:9/v1", max(runs // 2, 5))
    print(f"\n{'milliseconds':52} {'median':>9} {'quickest':>9} {'goal':>8}   met")
    line("a bare interpreter", bare)
    line("import skytells_nb, on top of that", more, 10)
    line("once httpx is imported: the clients' modules", https["load"])
    line("  and the first Client(), with its trust store", https["make"], 55)
    line("  both together", https["all"])
    line("  each Client() after it", https["after"], 1)
    line("the first Client() of a sandbox", http["make"], 55)
    line("  each Client() after it", http["after"], 1)
    print(f"\nModules that the bare import loads: {python(LOADED, '-I', '-S')}")


if __name__ == "__main__":
    main()
