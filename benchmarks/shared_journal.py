"""How many items a second go through a shared journal: claimed, sent, running, succeeded?

    python benchmarks/shared_journal.py               # 100,000 items, 4 workers
    python benchmarks/shared_journal.py 20000 2

PostgreSQL runs on this machine, on the disk and with ``fsync``, as `tests/postgres.py` starts it. Each
worker is a process that claims 500 at a time and writes each step of all of them in one transaction. At the
end every item was claimed once. The CPU that it took tells more on a machine that is busy.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
import psycopg
from postgres import Server

from skytells_nb.api import Account
from skytells_nb.jobs._inputs import Inputs
from skytells_nb.jobs._postgres import Address
from skytells_nb.jobs._shared_journal import SharedJournal
from skytells_nb.models import Prediction

CLAIMS = 500


def opened(url: str, inputs: Inputs | None = None) -> SharedJournal:
    account = Account("https://api.example/v1", "0123456789ab")
    journal = SharedJournal(
        Address(url), account, timeout=60.0, claims=CLAIMS, reports=False, name="night", model="m"
    )
    journal.open(inputs)
    return journal


def work(url: str) -> None:
    journal, done, claiming = opened(url), 0, 0.0
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    while True:
        at = time.perf_counter()
        items = journal.take(more=True)
        claiming += time.perf_counter() - at
        if not items:
            break
        now = datetime.now(UTC)
        steps = [
            [journal._put("sent", item.key, since=1_800_000_000_000_000, reserved=None) for item in items],
            [journal.running(item.key, f"{now:%f}-{item.position}") for item in items],
            [
                journal.ended(
                    item.key,
                    Prediction(id=f"{now:%f}-{item.position}", status="succeeded", cost=Decimal("0.01")),
                )
                for item in items
            ],
        ]
        for step in steps:
            journal.flush(step[-1])
        assert not any(write.refused for write in steps[0])
        done += len(items)
    took = time.perf_counter() - begun
    journal.release()
    print(f"  a worker: {done:,} in {took:.1f} s, {1e3 * claiming * CLAIMS / max(done, 1):.0f} ms a claim")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("workers", nargs="?", type=int, default=4)
    given = parser.parse_args()
    server = Server(durable=True)
    server.start()
    try:
        url = server.new_schema()
        children = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        inputs = Inputs("m", [f"a red fox in snow, take {n}" for n in range(given.count)], None, "")
        while inputs.read(10_000):
            continue
        begun = time.perf_counter()
        opened(url, inputs).release()
        took = time.perf_counter() - begun
        print(f"{given.count:,} listed: {took:.1f} s, {given.count / took:,.0f} a second")
        listing = server.cpu()
        command, pipe = [sys.executable, __file__, "--work", url], subprocess.PIPE
        workers = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(given.workers)
        ]
        for worker in workers:  # their start is no part of it
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        before = [psutil.Process(worker.pid).cpu_times() for worker in workers]
        begun = time.perf_counter()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        said = [worker.communicate()[0] for worker in workers]
        took = time.perf_counter() - begun
        assert not any(worker.returncode for worker in workers)
        print(*said, sep="", end="")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = sum(each.user + each.system for each in before)
        cpu = 1e3 * (used.ru_utime + used.ru_stime - children - started) / given.count
        there = 1e3 * (server.cpu() - listing) / given.count
        print(f"  CPU: {cpu:.2f} ms an item in the workers, {there:.2f} ms in PostgreSQL")
        print(f"{given.count:,} by {given.workers} workers: {took:.1f} s, {given.count / took:,.0f} a second")
        with psycopg.connect(url) as db:
            query = (
                "SELECT count(*), count(DISTINCT id), (SELECT paid FROM jobs_batches), "
                "pg_total_relation_size('jobs_items') / 1e6 FROM jobs_items WHERE state = 'succeeded'"
            )
            succeeded, ids, paid, size = db.execute(query).fetchone() or (0, 0, 0, 0)
        assert succeeded == ids == given.count
        assert paid == Decimal(given.count) / 100
        print(f"each once; {size:,.0f} MB")
    finally:
        server.remove()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
    else:
        main()
