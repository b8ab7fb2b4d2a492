"""A budget is a wall: for threads and tasks, on every client of the process, and never in silence."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

import skytells_nb as sky
from skytells_nb._connect import Sandbox
from skytells_nb.api import Client
from skytells_nb.api import _observers as observers
from skytells_nb.exceptions import (
    BudgetExceeded,
    ContentPolicyError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    PredictionError,
    SkytellsError,
    SkytellsWarning,
    UncertainCreateError,
)
from skytells_nb.models import Prediction
from skytells_nb.spending import Budget, budget, estimate

FOX = {"prompt": "a red fox in snow"}
CENT = "truefusion-edge"  # 0.01 a prediction
BY_TIME = "truefusion-optima"  # by the second of computing


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seconds=0) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with sandbox.client() as made:
        yield made


def test_what_fits_is_sent_and_the_rest_is_not(sandbox: Sandbox, client: Client):
    before = sandbox.billed
    with budget("0.03") as b:
        for _ in range(3):
            client.predictions.create(CENT, FOX)
        assert (b.spent, b.reserved, b.remaining) == (Decimal("0.03"), 0, 0)
        with pytest.raises(BudgetExceeded) as caught:
            client.predictions.create(CENT, FOX)
    assert sandbox.billed == before + 3
    error = caught.value
    assert error.charged is False
    assert error.remaining == 0
    assert error.estimate.high == Decimal("0.01")
    assert error.message == (
        "A create of 'truefusion-edge' would cost 0.01 credits (1 prediction × 0.01 credits), and the budget "
        "of 0.03 credits has 0 credits left: 0.03 credits is spent, 0 credits reserved. Nothing was sent: "
        "raise the budget, or ask for less."
    )
    client.predictions.create(CENT, FOX)
    assert b.spent == Decimal("0.03")


def test_its_sums_are_not_rounded_to_what_a_notebook_set_for_itself(client: Client):
    with localcontext(prec=2), budget("123.456") as b:
        for _ in range(3):
            client.predictions.create(CENT, FOX)
        assert (b.spent, b.remaining) == (Decimal("0.03"), Decimal("123.426"))
    assert repr(Budget("1e28")).endswith(("000.00 left>", "000 credits left>"))


def test_two_hundred_threads_cannot_slip_past(sandbox: Sandbox, client: Client):
    before, gate = sandbox.billed, threading.Barrier(200)

    def create(_: int) -> bool:
        gate.wait(30)
        try:
            client.predictions.create(CENT, FOX, wait=False)
        except BudgetExceeded:
            return False
        return True

    with budget(0.5) as b, ThreadPoolExecutor(200) as pool:
        made = sum(pool.map(create, range(200)))
    assert made == sandbox.billed - before == 50
    assert b.remaining == 0


def test_nor_can_two_hundred_tasks(sandbox: Sandbox):
    before = sandbox.billed

    async def main() -> list[Any]:
        async with sandbox.async_client() as client:
            creates = (client.predictions.create(CENT, FOX) for _ in range(200))
            return await asyncio.gather(*creates, return_exceptions=True)

    with budget(0.5) as b:
        results = asyncio.run(main())
    refused = [each for each in results if isinstance(each, BudgetExceeded)]
    assert len(refused) == 150
    assert sandbox.billed - before == 50
    assert (b.spent, b.reserved) == (Decimal("0.50"), 0)


def test_one_price_is_read_for_all_of_them(sandbox: Sandbox):
    reads = sum(each.route == "model" for each in sandbox.log)
    with Client("sk-" + "q" * 40, base_url=sandbox.url) as other, budget(1), ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: other.predictions.create(CENT, FOX), range(40)))
    assert sum(each.route == "model" for each in sandbox.log) == reads + 1


def test_a_range_reserves_its_high_end_and_settles_for_the_truth():
    with Sandbox(seconds=0.3) as slow, slow.client() as client, budget(1) as b:
        made = client.predictions.create("sandbox-scribe", {"prompt": "tell me of foxes"}, wait=False)
        reserved = b.reserved
        assert reserved > Decimal("0.001")
        client.predictions.wait(made)
        assert 0 < b.spent < reserved
        assert (b.reserved, b.estimated) == (0, 0)


def test_a_price_that_was_raised_is_read_anew_and_once():
    price, reads = ["0.1"], []

    def answer(request: httpx.Request) -> httpx.Response:
        reads.append(request.url.path)
        listed = {"namespace": "m", "pricing": {"amount": price[0], "unit": "prediction", "currency": "USD"}}
        return httpx.Response(200, json=listed)

    with (
        Client(
            "sk-" + "y" * 40, base_url="http://dearer.localhost/v1", transport=httpx.MockTransport(answer)
        ) as client,
        budget(10) as b,
    ):
        account = client.connection.account

        def pay(number: int, cost: str) -> Decimal:
            ticket = sky.run(b.before_create(account, "m", {}))
            reserved = b.reserved
            made = Prediction(f"p{number}", "succeeded", cost=Decimal(cost))
            _through(b.created(account, ticket, made))
            _through(b.ended(account, made))
            return reserved

        price[0] = "0.4"
        assert pay(0, "0.4") == Decimal("0.40")
        price[0] = "0.6"
        assert [pay(n, "0.6") for n in (1, 2)] == [Decimal("0.40"), Decimal("0.60")]
        assert [pay(n, "0.7") for n in (3, 4)] == [Decimal("0.60")] * 2
        assert len(reads) == 2, "what costs more than is listed is not asked for each time"


def test_what_the_api_refuses_gives_its_reservation_back(sandbox: Sandbox, client: Client):
    sandbox.faults.next("content_policy")
    with budget(1) as b, pytest.raises(ContentPolicyError):
        client.predictions.create(CENT, FOX)
    assert (b.spent, b.reserved, b.remaining) == (0, 0, 1)


def test_what_was_certainly_not_sent_gives_it_back():
    with Sandbox(seconds=0) as gone:
        client = Client(gone.api_key, base_url=gone.url, max_retries=0, archive=False)
        estimate(CENT, FOX, client=client)
    with client, budget(1) as b, pytest.raises(NetworkError) as caught:
        client.predictions.create(CENT, FOX)
    assert caught.value.charged is False
    assert (b.spent, b.reserved, b.remaining) == (0, 0, 1)


def test_what_may_have_been_made_keeps_it(sandbox: Sandbox, client: Client):
    sandbox.faults.next("drop_before", times=1)
    sandbox.faults.next("forbidden", on="list", times=10)
    with budget(1) as b, pytest.raises(UncertainCreateError):
        client.predictions.create(CENT, FOX)
    sandbox.faults.clear()
    assert (b.spent, b.reserved, b.estimated) == (0, Decimal("0.01"), Decimal("0.01"))
    assert "0.01 credits of that estimated" in repr(b)


def test_what_fails_costs_what_the_api_says(sandbox: Sandbox, client: Client):
    sandbox.faults.next("failed")
    with budget(1) as b, pytest.raises(PredictionError):
        client.predictions.create(CENT, FOX)
    assert (b.spent, b.reserved) == (0, 0)


def test_an_end_without_a_cost_keeps_the_reservation_as_an_estimate():
    b, account = Budget(1), observers.Account("https://a.example/v1", "0" * 12)
    entry = b._reserve(account, "m", _flat("0.40"))
    _through(b.created(account, entry, Prediction(id="p1", status="queued")))
    _through(b.ended(account, Prediction(id="p1", status="failed")))
    assert (b.spent, b.reserved, b.estimated, b.remaining) == (
        0,
        Decimal("0.40"),
        Decimal("0.40"),
        Decimal("0.60"),
    )
    _through(b.ended(account, Prediction(id="p1", status="failed", cost=Decimal("0.1"))))
    assert (b.spent, b.reserved, b.estimated) == (Decimal("0.10"), 0, 0)


@pytest.mark.parametrize("billing", [{"currency": "EUR"}, {}])
@pytest.mark.parametrize("cost", [Decimal(-1), Decimal(10**9)])
def test_a_cost_that_can_be_none_is_not_believed(billing: dict[str, Any], cost: Decimal):
    b, account = Budget(1), observers.Account("https://a.example/v1", "0" * 12)
    entry = b._reserve(account, "m", _flat("0.40"))
    _through(b.created(account, entry, Prediction(id="p1", status="queued")))
    _through(b.ended(account, Prediction(id="p1", status="succeeded", cost=cost)))
    assert b.estimated == Decimal("0.40")


def test_what_still_runs_when_it_closes_stays_reserved():
    with Sandbox(seconds=60) as slow, slow.client() as client:
        with budget(1) as b:
            made = client.predictions.create(CENT, FOX, wait=False)
        client.predictions.cancel(made.id)
    assert (b.spent, b.reserved) == (0, Decimal("0.01"))
    assert not b.is_open


def test_an_unknown_price_is_refused_unless_allowed(sandbox: Sandbox, client: Client):
    before = sandbox.billed
    with (
        budget(1),
        pytest.raises(BudgetExceeded, match=r"is unknown.*by the time it computes.*allow_unknown"),
    ):
        client.predictions.create(BY_TIME, FOX)
    assert sandbox.billed == before
    with budget(1, allow_unknown=True) as b:
        made = client.predictions.create(BY_TIME, FOX, wait=False)
        client.predictions.wait(made)
        assert b.spent == client.predictions.get(made.id).cost
    assert sandbox.billed == before + 1


def test_a_model_that_is_not_there_is_the_api_s_own_error(client: Client):
    with budget(1) as b, pytest.raises(NotFoundError):
        client.predictions.create("no-such-model", FOX)
    assert b.reserved == 0


def test_a_price_that_cannot_be_read_is_unknown(sandbox: Sandbox):
    with Client("sk-" + "u" * 40, base_url=sandbox.url, max_retries=0) as other, budget(1):
        sandbox.faults.next("server_error", on="model", times=5)
        with pytest.raises(BudgetExceeded, match="its price could not be read"):
            other.predictions.create(CENT, FOX)
        sandbox.faults.clear()


def test_the_tightest_of_several_wins(sandbox: Sandbox, client: Client):
    before = sandbox.billed
    with budget(1) as wide, budget("0.01") as tight, budget(2) as widest:
        client.predictions.create(CENT, FOX)
        with pytest.raises(BudgetExceeded) as caught:
            client.predictions.create(CENT, FOX)
    assert caught.value.remaining == 0
    assert "budget of 0.01 credits" in caught.value.message
    assert [each.spent for each in (wide, tight, widest)] == [Decimal("0.01")] * 3
    assert [each.reserved for each in (wide, tight, widest)] == [0, 0, 0]
    assert sandbox.billed == before + 1


def test_every_client_counts_also_one_that_heard_nothing_yet(sandbox: Sandbox, client: Client):
    client.models.list()
    with budget("0.02") as b:
        client.predictions.create(CENT, FOX)
        with sandbox.client() as another:
            another.predictions.create(CENT, FOX)
            with pytest.raises(BudgetExceeded):
                another.predictions.create(CENT, FOX)
    assert b.sandbox
    assert b.spent == Decimal("0.02")


def test_a_rehearsal_leaves_the_money_alone(client: Client):
    real = observers.Account("https://api.example/v1", "0" * 12)
    with budget(1) as b:
        client.predictions.create(CENT, FOX)
        assert b.sandbox
        b._reserve(real, "m", _flat("1.00"))
        assert (b.spent, b.reserved, b.sandbox) == (0, 1, False)
        assert repr(b) == "<budget of $1.00: $0.00 spent, $1.00 reserved, $0.00 left>"


def test_other_currencies_are_unknown_to_a_budget():
    listed = {"namespace": "m", "pricing": {"amount": 1, "unit": "prediction", "currency": "EUR"}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=listed))
    with (
        Client("sk-" + "e" * 40, base_url="http://euro.localhost/v1", transport=transport) as client,
        budget(5),
        pytest.raises(BudgetExceeded, match="priced in EUR, and budgets are in US dollars"),
    ):
        client.predictions.create("m", {})


def test_a_client_that_brings_its_own_asyncio_transport_is_asked_through_it():
    def answer(request: httpx.Request) -> httpx.Response:
        body = {"namespace": "m", "pricing": {"amount": 9, "unit": "prediction", "currency": "USD"}}
        return httpx.Response(200, json=body)

    async def main() -> None:
        from skytells_nb.api import AsyncClient

        async with AsyncClient(
            "sk-" + "a" * 40, base_url="http://own.localhost/v1", transport=httpx.MockTransport(answer)
        ) as client:
            await client.predictions.create("m", {})

    with budget(5), pytest.raises(BudgetExceeded, match=r"would cost \$9\.00"):
        asyncio.run(main())


@pytest.mark.parametrize("amount", [-1, "much", float("nan"), float("inf"), None, True])
def test_a_budget_must_be_an_amount(amount: Any):
    with pytest.raises(InvalidInputError, match="amount must be an amount of 0 or more"):
        budget(amount)


def test_and_its_period_a_day():
    with pytest.raises(InvalidInputError, match="per must be 'day' or None"):
        budget(1, per="week")  # type: ignore[arg-type]


def test_it_is_put_up_once_and_always_taken_down():
    b = budget(1)
    with b:
        assert b.is_open
        with pytest.raises(SkytellsError, match="open already"):
            b.open()
    assert not b.is_open
    with pytest.raises(ZeroDivisionError), b:
        1 / 0  # noqa: B018
    assert not b.is_open
    assert b not in observers.global_observers
    b.close()


# Per day: what the archive knows counts.


class Kept:
    """Rows as an archive gives them, newest first; real archives are in the last test."""

    path = "kept"

    def __init__(self, *rows: tuple[str, datetime, str | None]) -> None:
        self._rows = [
            {"id": id, "created_at": made, "completed_at": None, "cost": cost, "status": "succeeded"}
            for id, made, cost in rows
        ]

    def rows(self, origin: str) -> Iterator[dict[str, Any]]:
        return iter(self._rows)


class Observed(Kept, observers.Observer):
    """Such rows, as a client takes them."""


NOON = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2)))


def daily(amount: str) -> Budget:
    return Budget(amount, per="day", now=lambda: NOON)


def test_a_day_s_budget_counts_what_was_spent_since_local_midnight(sandbox: Sandbox):
    kept = Observed(
        ("late", datetime(2026, 11, 22, 9, tzinfo=UTC), "0.05"),
        ("early", datetime(2026, 11, 21, 22, 30, tzinfo=UTC), "0.02"),
        ("nobody knows", datetime(2026, 11, 21, 22, 15, tzinfo=UTC), None),
        ("yesterday", datetime(2026, 11, 21, 21, 30, tzinfo=UTC), "9.00"),
    )
    with sandbox.client(archive=kept) as client, daily("0.08") as b:
        client.predictions.create(CENT, FOX)
        assert b.spent == Decimal("0.08")
        with pytest.raises(BudgetExceeded, match=r"since midnight, 2026-11-22 00:00 \+0200"):
            client.predictions.create(CENT, FOX)
    assert "1 of unknown cost not counted" in repr(b)


@pytest.mark.parametrize(
    ("now", "midnight"),
    [("2026-03-29T12:00", "2026-03-28T23:00"), ("2026-10-25T12:00", "2026-10-24T22:00")],
)
def test_the_day_of_a_clock_change_begins_at_its_own_midnight(sandbox: Sandbox, now: str, midnight: str):
    begun = datetime.fromisoformat(midnight).replace(tzinfo=UTC)
    second = timedelta(seconds=1)
    kept = Observed(("today", begun, "0.05"), ("yesterday", begun - second, "9.00"))
    noon = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    with sandbox.client(archive=kept) as client, Budget(1, per="day", now=lambda: noon) as b:
        client.predictions.create(CENT, FOX)
        assert b.spent == Decimal("0.06")


def test_what_ends_while_the_day_is_counted_is_counted_once(sandbox: Sandbox):
    class Busy(Observed):
        def rows(self, origin: str) -> Iterator[dict[str, Any]]:
            account = observers.Account(origin, "0" * 12, sandbox=True)
            entry = b._reserve(account, "m", _flat("0.01"))
            _through(b.created(account, entry, Prediction(id="meanwhile", status="queued")))
            _through(b.ended(account, Prediction(id="meanwhile", status="succeeded", cost=Decimal("0.01"))))
            return super().rows(origin)

    kept = Busy(("meanwhile", datetime(2026, 11, 22, 9, tzinfo=UTC), "0.01"))
    with sandbox.client(archive=kept) as client, daily("0.02") as b:
        client.predictions.create(CENT, FOX)
        assert b.spent == Decimal("0.02")


def test_an_absurd_cost_in_an_archive_is_not_believed(sandbox: Sandbox):
    kept = Observed(("odd", datetime(2026, 11, 22, 9, tzinfo=UTC), "1e9"))
    with sandbox.client(archive=kept) as client, daily("0.02") as b:
        client.predictions.create(CENT, FOX)
        assert b.spent == Decimal("0.01")
    assert "1 of unknown cost not counted" in repr(b)


def test_without_an_archive_a_day_cannot_be_counted(client: Client):
    with budget(1, per="day"), pytest.raises(InvalidInputError, match="this client has none"):
        client.predictions.create(CENT, FOX)
    with budget(1, per="day", allow_unknown=True) as b:
        client.predictions.create(CENT, FOX)
        assert b.spent == Decimal("0.01")


def test_a_real_archive_is_counted_once(sandbox: Sandbox, tmp_path: Path):
    archive = pytest.importorskip("skytells_nb.archive").Archive(tmp_path / "kept")
    with sandbox.client(archive=archive) as client:
        client.predictions.create(CENT, FOX)
        with budget(1, per="day") as b:
            client.predictions.create(CENT, FOX)
            b._read.clear()
            client.predictions.create(CENT, FOX)
            assert b.spent == Decimal("0.03")
    archive.close()


def _flat(amount: str) -> Any:
    from skytells_nb.pricing import Estimate

    return Estimate(Decimal(amount), Decimal(amount), Decimal(amount), "USD", "flat", exact=True)


def _through(telling: Any) -> None:
    sky.run(telling)


# Several processes.

MAKE = """
import multiprocessing, sys
import skytells_nb as sky

def make(number):
    try:
        client.predictions.create("truefusion-edge", {"prompt": "a fox"})
    except sky.BudgetExceeded:
        return 0
    return 1

def start(url, name):
    global client, b
    client = sky.Client("sk-sandbox-1", base_url=url, archive=False)
    b = sky.budget("0.03", shared=name).open() if name else None

if __name__ == "__main__":
    how, url, name = sys.argv[1], sys.argv[2], sys.argv[3] or None
    client = sky.Client("sk-sandbox-1", base_url=url, archive=False)
    context = multiprocessing.get_context(how)
    with context.Pool(2, start, (url, None)) as pool:
        pool.map(abs, range(2))
        with sky.budget("0.03", shared=name) as b:
            made = make(0) + sum(pool.map(make, range(1)))
            with context.Pool(2, start, (url, name)) as late:
                made += sum(late.map(make, range(6), chunksize=1))
            print(made + make(0), b.spent, b.remaining)
        assert pool.map(make, range(1)) == [1], "the wall is gone, for those who knew it, too"
"""


@pytest.mark.parametrize(("how", "name"), [("fork", ""), ("spawn", "n")])
def test_processes_share_the_wall(sandbox: Sandbox, tmp_path: Path, how: str, name: str):
    """Workers that were there before it, and those that are started under it; opened by its name, too."""
    script = tmp_path / "make.py"
    script.write_text(MAKE)
    shared = f"{name}-{tmp_path}" if name else ""
    done = subprocess.run(
        [sys.executable, str(script), how, sandbox.url, shared],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.split() == ["3", "0.03", "0.00"], done.stderr


def test_two_of_one_name_in_one_process_count_a_create_once(client: Client, tmp_path: Path):
    name = str(tmp_path)
    with budget(1, shared=name) as outer, budget("0.02", shared=name) as inner:
        for _ in range(2):
            client.predictions.create(CENT, FOX)
        with pytest.raises(BudgetExceeded):
            client.predictions.create(CENT, FOX)
        assert (outer.spent, inner.spent, outer.reserved) == (Decimal("0.02"), Decimal("0.02"), 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc says who started whom")
def test_a_child_s_child_looks_for_the_budgets_of_all_it_comes_from():
    script = "sleep 60 & echo $!; read _; kill $!"
    with subprocess.Popen(["sh", "-c", script], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdin
        assert child.stdout
        below = int(child.stdout.readline())
        heads = [observers.announced_as(pid) for pid in (below, child.pid, os.getpid())]
        assert observers._heads(below)[:3] == tuple(heads)
        child.stdin.close()


def test_a_name_stands_in_its_repr():
    with budget(1, shared="thesis") as b:
        assert repr(b).startswith("<budget of $1.00 shared as 'thesis': $0.00 spent")
    with pytest.raises(InvalidInputError, match="shared must be a name"):
        budget(1, shared=" ")


# What limits nothing says so.


def test_a_budget_that_nobody_keeps_says_that_it_limits_nothing():
    with pytest.warns(
        SkytellsWarning, match=r"sky.budget\(2\) limits nothing yet. Write `with sky.budget\(2\):`"
    ):
        budget(2)


def test_one_that_is_kept_and_not_opened_says_so_at_the_first_create(client: Client):
    b = budget("0.01")
    assert repr(b).startswith("<budget of 0.01 credits: 0 credits spent"), "it is for what is connected to"
    assert repr(b).endswith("it limits nothing yet: use it in a with block>")
    with pytest.warns(SkytellsWarning, match="limits nothing yet"):
        client.predictions.create(CENT, FOX)
    client.predictions.create(CENT, FOX)  # said once
    with b:
        assert repr(b).endswith("0.01 credits left>")
    del b


def test_a_server_that_begins_to_call_itself_a_sandbox_opens_no_second_wall():
    listed = {"namespace": "m", "pricing": {"amount": "0.4", "unit": "prediction", "currency": "USD"}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=listed))
    with (
        Client("sk-" + "z" * 40, base_url="http://turns.localhost/v1", transport=transport) as client,
        budget(1) as b,
    ):
        real = client.connection.account
        _through(b.before_create(real, "m", {}))
        pretend = replace(real, sandbox=True)
        _through(b.before_create(pretend, "m", {}))
        assert not b.sandbox
        assert b.remaining == Decimal("0.20")
        with pytest.raises(BudgetExceeded):
            _through(b.before_create(pretend, "m", {}))
