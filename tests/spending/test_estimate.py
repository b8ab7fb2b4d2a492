"""A price before anything is sent: from the live list, once read, and from what the archive knows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

import skytells_nb as sky
from skytells_nb._connect import Sandbox
from skytells_nb.api import AsyncClient, Client, Connection
from skytells_nb.exceptions import InvalidInputError, NotFoundError, SkytellsError
from skytells_nb.models import Model
from skytells_nb.spending import estimate
from skytells_nb.spending._estimate import PRICES, PriceList

LISTED = {"namespace": "m", "pricing": {"amount": 0.5, "unit": "prediction", "currency": "USD"}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seconds=0) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    PRICES.forget()
    with sandbox.client() as made:
        yield made


def model_reads(sandbox: Sandbox) -> int:
    return sum(each.route == "model" for each in sandbox.log)


def test_a_slug_is_priced_by_the_live_list(client: Client):
    found = estimate("veo-3.1-fast", {"duration_seconds": 8, "generate_audio": False}, client=client)
    assert str(found) == "1.04 credits: 8 s × 0.13 credits/second, because generate_audio is false"
    assert found.exact
    assert estimate("truefusion", {"number_of_images": 3}, count=2, client=client).amount == Decimal("0.18")


def test_what_the_model_does_not_take_has_no_price(client: Client):
    for seconds in (10, 1, 99_999):
        with pytest.raises(InvalidInputError, match=r"veo-3.1-fast does not take this.*One of 4, 6, 8"):
            estimate("veo-3.1-fast", {"duration_seconds": seconds}, client=client)
    with pytest.raises(InvalidInputError, match="Did you mean 'duration_seconds'"):
        estimate("veo-3.1-fast", {"seconds": 8}, client=client)
    assert estimate("veo-3.1-fast", {}, client=client).known  # what is missing is no fault
    listed = Model.from_api({**LISTED, "input_schema": {"properties": {"n": {"maximum": 4}}}})
    with pytest.raises(InvalidInputError, match="At most 4, not 5"):
        estimate(listed, {"n": 5})


def test_a_minimum_that_was_applied_is_said(client: Client):
    found = estimate("truefusion-video-pro", {"duration_seconds": 3}, client=client)
    assert "5 s instead of 3 s" in found.basis
    assert "at least 5 s are billed" in found.basis


def test_the_list_is_read_once_in_ten_minutes(sandbox: Sandbox, client: Client):
    before = model_reads(sandbox)
    for seed in range(5):
        estimate("truefusion", {"seed": seed}, client=client)
    estimate("truefusion", client=client.as_async())
    assert model_reads(sandbox) == before + 1


def test_without_a_client_the_newest_is_asked(client: Client):
    assert estimate("lumo", {}).amount == Decimal("1.12")


def test_with_none_at_all_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("skytells_nb.spending._estimate.latest", lambda: None)
    with pytest.raises(SkytellsError, match="no client to ask for the price of 'lumo'"):
        estimate("lumo")
    assert estimate(Model.from_api(LISTED)).amount == Decimal("0.5")


def test_a_model_keeps_its_own_price_and_borrows_the_schema(client: Client):
    veo = client.models.list()["veo-3.1-fast"]
    dear = Model.from_api(
        {**veo.raw, "input_schema": None, "pricing": {**veo.raw["pricing"], "criterias": []}}
    )
    assert estimate(dear, client=client).amount == 8 * Decimal("0.18")
    unlisted = replace(dear, id="mine")
    assert estimate(unlisted, {"duration_seconds": 2}, client=client).amount == Decimal("0.36")


def test_what_is_no_model_is_refused(client: Client):
    with pytest.raises(NotFoundError):
        estimate("no-such-model", client=client)
    for odd in ("", None, 3):
        with pytest.raises(InvalidInputError, match="model must be a slug"):
            estimate(odd, client=client)  # type: ignore[arg-type]


def test_a_closed_client_is_not_asked(sandbox: Sandbox):
    with sandbox.client() as client:
        pass
    with pytest.raises(SkytellsError, match="closed"):
        estimate("lumo", client=client)


def test_an_asyncio_transport_is_used_from_blocking_code_too():
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=LISTED))
    client = AsyncClient("sk-" + "t" * 40, base_url="http://only.localhost/v1", transport=transport)
    assert estimate("m", client=client).amount == Decimal("0.5")
    asyncio.run(client.close())


class Rows:
    """What an archive knows, as it gives it."""

    path = "rows"

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def rows(self, origin: str) -> Iterator[dict[str, Any]]:
        return iter(self._rows)


def row(model: str, cost: float | None, seconds: float | None, status: str = "succeeded") -> dict[str, Any]:
    return {"model": model, "cost": cost, "predict_s": seconds, "status": status}


def test_earlier_predictions_sharpen_what_no_list_tells(client: Client):
    client.connection.archive = Rows(
        [row("truefusion-optima", None, seconds) for seconds in (2.0, 3.0, 4.0)]
        + [
            row("TrueFusion Optima", None, 5.0),
            row("truefusion-optima", 9.0, 99.0, "failed"),
            row("lumo", 9, 9),
        ]
    )
    found = estimate("truefusion-optima", client=client)
    assert (found.amount, found.low, found.high) == (Decimal("0.028"), Decimal("0.016"), Decimal("0.04"))
    assert "the median from 4 earlier predictions" in found.basis
    assert not found.exact


def test_but_not_what_the_list_tells_already(client: Client):
    client.connection.archive = Rows([row("lumo", 9.0, 1.0)] * 5)
    assert estimate("lumo", client=client).amount == Decimal("1.12")


def test_a_real_archive_is_read(sandbox: Sandbox, tmp_path: Path):
    archive = pytest.importorskip("skytells_nb.archive").Archive(tmp_path / "kept")
    with Sandbox(speed=200) as quick, quick.client(archive=archive) as client:
        assert estimate("truefusion-optima", client=client).amount is None
        for seed in range(3):
            client.predictions.create("truefusion-optima", {"prompt": "a fox", "seed": seed})
        from skytells_nb.spending import _estimate as history

        history._known.clear()
        found = estimate("truefusion-optima", client=client)
        assert found.low is not None
        assert found.high is not None
        assert "from 3 earlier predictions" in found.basis
    archive.close()


# The price list: one question for all who ask, kept for ten minutes.


class Prices:
    """An API that knows one price, or none, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.known = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if not self.known:
            return httpx.Response(404, json={"error": {"message": "no"}})
        return httpx.Response(200, json={"namespace": "m", "pricing": {"amount": 1, "unit": "prediction"}})

    def connection(self) -> Connection:
        return Client("sk-" + "c" * 40, transport=httpx.MockTransport(self)).connection


def test_whoever_comes_second_waits_for_the_first():
    api, prices = Prices(), PriceList()
    connection = api.connection()

    async def both() -> list[Model]:
        return await asyncio.gather(prices.model(connection, "m"), prices.model(connection, "m"))

    first, second = sky.run(both())
    assert first is second
    assert api.asked == 1


def test_when_the_first_gives_up_the_second_reads():
    api, prices = Prices(), PriceList()
    connection = api.connection()

    async def both() -> Model:
        first = asyncio.ensure_future(prices.model(connection, "m"))
        second = asyncio.ensure_future(prices.model(connection, "m"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert sky.run(both()).id == "m"


def test_a_failure_is_told_to_all_for_a_moment_and_a_price_kept_for_ten_minutes():
    moment = [0.0]
    api, prices = Prices(), PriceList(lambda: moment[0])
    connection = api.connection()

    def ask() -> tuple[Any, bool]:
        before = api.asked
        try:
            found: Any = sky.run(prices.model(connection, "m"))
        except SkytellsError as error:
            found = error
        return found, api.asked > before

    api.known = False
    error, asked = ask()
    assert isinstance(error, NotFoundError)
    assert asked
    api.known = True
    again, asked = ask()
    assert isinstance(again, NotFoundError)
    assert again is not error
    assert not asked
    moment[0] = 3.0
    assert ask()[1]
    moment[0] = 600.0
    assert not ask()[1]
    moment[0] = 604.0
    assert ask()[1]
