"""Whatever goes wrong on a real socket, a create is billed as often as it was meant: once, or not at all.

What counts is the sandbox's own bill. All cases run at once, each with a sandbox of its own, because some
of them have to look twice for a lost prediction before they may give an answer.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import skytells_nb as sky
from skytells_nb.exceptions import (
    InsufficientCreditsError,
    NetworkError,
    PredictionError,
    RateLimitError,
    ServerError,
    UncertainCreateError,
)
from skytells_nb.models import Prediction

INPUT = {"prompt": "a red fox in snow"}


@dataclass(frozen=True)
class Case:
    """A fault, what becomes of a create that meets it, and what that costs."""

    fault: str
    ends_in: type
    billed: int
    creates: int
    details: dict[str, Any]
    retries: int = 2


def case(
    fault: str, ends_in: type, *, billed: int, creates: int = 1, retries: int = 2, **details: Any
) -> Case:
    return Case(fault, ends_in, billed, creates, details, retries)


CASES = {
    "a rate limit is waited for": case("rate_limit", Prediction, billed=1, creates=2, retry_after=0.1),
    "a rate limit of 10 minutes is an error": case("rate_limit", RateLimitError, billed=0, retry_after=600),
    "a rate limit without end is an error": case(
        "rate_limit", RateLimitError, billed=0, creates=2, retry_after=0, times=9, retries=1
    ),
    "the API's own 500 is tried again": case("server_error", Prediction, billed=1, creates=2),
    "a 503 is tried again": case("server_error", Prediction, billed=1, creates=2, status=503),
    "a 500 every time is an error": case(
        "server_error", ServerError, billed=0, creates=2, times=9, retries=1, on="create"
    ),
    "a 500 after all is found": case("server_error", Prediction, billed=1, accepted=True),
    "a gateway's page leaves a doubt": case("html_gateway", UncertainCreateError, billed=0),
    "what is behind a gateway's page is found": case("html_gateway", Prediction, billed=1, accepted=True),
    "a drop leaves a doubt": case("drop_before", UncertainCreateError, billed=0),
    "a reset leaves a doubt": case("drop_before", UncertainCreateError, billed=0, reset=True),
    "what was dropped after is found": case("drop_after", Prediction, billed=1),
    "what was reset after is found": case("drop_after", Prediction, billed=1, reset=True),
    "what hangs after is found": case("hang_after", Prediction, billed=1),
    "what failed after is found": case("error_after", Prediction, billed=1),
    "half an answer is enough to look": case("broken_json", Prediction, billed=1, on="create"),
    "an empty answer is enough to look": case("empty_body", Prediction, billed=1, on="create"),
    "status false is queued": case("queued_false", Prediction, billed=1),
    "a failed job is an error": case("failed", PredictionError, billed=0),
    "a job that failed as 502 is an error": case("failed_as_502", PredictionError, billed=0),
    "a slow answer is waited for": case("slow", Prediction, billed=1, on="create", seconds=0.3),
    "no credit is final": case("no_credit", InsufficientCreditsError, billed=0),
    "outputs that are gone are paid for": case("expired", Prediction, billed=1, on="create"),
    "a job hidden for a second is found": case("hidden", Prediction, billed=1, seconds=0.8),
}


@dataclass(frozen=True)
class Ending:
    """How a create ended, and the sandbox's word on what it did."""

    value: object
    billed: int
    creates: int
    log: list[str]


def create_and_see(case: Case, face: str) -> Ending:
    with sky.Sandbox(seconds=0.05) as sandbox:
        sandbox.faults.next(case.fault, **case.details)
        if case.fault == "hidden":
            sandbox.faults.next("drop_after")
        # four seconds are an age on loopback, and short enough for the create that hangs
        client = sandbox.client(timeout=4.0, max_retries=case.retries)
        value: object
        try:
            if face == "Client":
                with client:
                    value = client.predictions.create("truefusion", INPUT)
            else:
                value = asyncio.run(create_awaited(client.as_async()))
        except sky.exceptions.SkytellsError as error:
            value = error
        log = [received.route for received in sandbox.log]
        return Ending(value, sandbox.billed, log.count("create"), log)


async def create_awaited(client: sky.AsyncClient) -> Prediction:
    async with client:
        return await client.predictions.create("truefusion", INPUT)


@pytest.fixture(scope="module")
def endings() -> Iterator[dict[tuple[str, str], Future[Ending]]]:
    todo = [(name, face) for face in ("Client", "AsyncClient") for name in CASES]
    with ThreadPoolExecutor(len(todo)) as pool:
        yield {(name, face): pool.submit(create_and_see, CASES[name], face) for name, face in todo}


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
@pytest.mark.parametrize("name", CASES)
def test_a_create_is_billed_as_it_should_be(
    endings: dict[tuple[str, str], Future[Ending]], name: str, face: str
) -> None:
    expected, ending = CASES[name], endings[name, face].result()
    assert type(ending.value) is expected.ends_in, ending
    assert (ending.billed, ending.creates) == (expected.billed, expected.creates), ending
    if isinstance(ending.value, Prediction):
        assert ending.value.status == "succeeded"
        assert ending.value.input == INPUT
    elif isinstance(ending.value, UncertainCreateError):
        assert ending.value.charged is None
    elif isinstance(ending.value, InsufficientCreditsError | RateLimitError):
        assert ending.value.charged is False


def test_twenty_identical_creates_at_once_are_twenty_predictions_whatever_is_lost() -> None:
    with sky.Sandbox(seconds=0.3) as sandbox, sandbox.client() as client:
        sandbox.faults.next("drop_after", times=3)
        sandbox.faults.next("error_after", times=2, after=3)
        sandbox.faults.next("broken_json", times=2, after=6, on="create")

        async def twenty() -> list[Prediction]:
            creates = (client.as_async().predictions.create("truefusion", INPUT) for _ in range(20))
            return await asyncio.gather(*creates)

        made = asyncio.run(twenty())
        assert len({prediction.id for prediction in made}) == 20
        assert sandbox.billed == 20
        assert {prediction.id for prediction in made} == {each["id"] for each in sandbox.predictions}


def test_twenty_identical_creates_from_threads_are_twenty_predictions_whatever_is_lost() -> None:
    with sky.Sandbox(seconds=0.3) as sandbox, sandbox.client() as client:
        sandbox.faults.next("drop_after", times=4, after=2)
        with ThreadPoolExecutor(20) as pool:
            made = list(pool.map(lambda _: client.predictions.create("truefusion", INPUT), range(20)))
        assert len({prediction.id for prediction in made}) == 20
        assert sandbox.billed == 20


def test_two_deliberate_creates_of_the_same_are_two() -> None:
    with sky.Sandbox(seconds=0.02) as sandbox, sandbox.client() as client:
        made = [client.predictions.create("truefusion", INPUT) for _ in range(2)]
        assert made[0].id != made[1].id
        assert sandbox.billed == 2


def test_what_was_left_in_doubt_can_be_looked_for_again() -> None:
    with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client() as client:
        sandbox.faults.next("hidden", seconds=600)
        sandbox.faults.next("drop_after")
        with pytest.raises(UncertainCreateError) as caught:
            client.predictions.create("truefusion", INPUT)
        assert client.predictions.reconcile(caught.value) is None
        [job] = sandbox.core.state.jobs.values()  # what only time or a support team would do
        job.hidden_until = 0
        found = client.predictions.reconcile(caught.value)
        assert found is not None
        assert (found.id, found.status) == (sandbox.predictions[0]["id"], "succeeded")
        assert sandbox.billed == 1


def test_what_is_found_later_is_paid_by_the_budget_and_kept_by_the_archive(tmp_path: Path) -> None:
    with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client(archive=tmp_path) as client:
        sandbox.faults.next("hidden", seconds=600)
        sandbox.faults.next("drop_after")
        with sky.budget(1) as wall:
            with pytest.raises(UncertainCreateError) as caught:
                client.predictions.create("truefusion", INPUT)
            assert (wall.spent, wall.reserved, wall.estimated) == (0, Decimal("0.03"), Decimal("0.03"))
            [job] = sandbox.core.state.jobs.values()
            job.hidden_until = 0
            with sandbox.client(archive=tmp_path) as another:
                found = another.predictions.reconcile(pickle.loads(pickle.dumps(caught.value)))
            assert found is not None
            assert (wall.spent, wall.reserved, wall.estimated) == (found.cost, 0, 0)
        assert [path.is_file() for path in found.files] == [True]


def test_two_clients_that_lose_the_answers_of_equal_creates_take_one_prediction_each() -> None:
    with sky.Sandbox(seconds=0.3) as sandbox, sandbox.client() as one, sandbox.client() as other:
        sandbox.faults.next("drop_after", times=4)
        with ThreadPoolExecutor(4) as pool:
            creates = [
                pool.submit(client.predictions.create, "truefusion", INPUT) for client in (one, other) * 2
            ]
            made = {each.result().id for each in creates}
        assert made == {each["id"] for each in sandbox.predictions}
        assert (len(made), sandbox.billed) == (4, 4)


@pytest.mark.parametrize("face", ["Client", "AsyncClient"])
def test_an_api_that_is_down_is_a_network_error_and_one_that_is_up_again_simply_works(face: str) -> None:
    sandbox = sky.Sandbox(seconds=0.02)
    with sandbox:
        client = sandbox.client(max_retries=1)

        def create() -> Prediction:
            if face == "Client":
                return client.predictions.create("truefusion", INPUT)
            return asyncio.run(client.as_async().predictions.create("truefusion", INPUT))

        assert create().status == "succeeded"
        sandbox.stop()
        with pytest.raises(NetworkError) as caught:
            create()
        assert caught.value.charged is False
        assert "has ended" in str(caught.value)
        assert sandbox.billed == 1
        sandbox.start()
        assert create().status == "succeeded"
        assert sandbox.billed == 2
        client.close()


def test_creates_that_are_refused_while_the_api_starts_up_are_tried_again() -> None:
    """Nothing was sent, so nothing can have been billed."""
    sandbox = sky.Sandbox(seconds=0.02)
    with sandbox:
        url, key = sandbox.url, sandbox.api_key
    with sky.Client(key, base_url=url, max_retries=20) as client, ThreadPoolExecutor(1) as pool:
        creating = pool.submit(client.predictions.create, "truefusion", INPUT)
        with sandbox:
            assert creating.result(timeout=30).status == "succeeded"
            assert sandbox.billed == 1


def test_a_proxy_that_hangs_up_has_passed_nothing_on() -> None:
    """It was asked to CONNECT, which is written whole, and is no create."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, ThreadPoolExecutor(1) as pool:

        def hang_up() -> None:
            sock, _ = proxy.accept()
            with sock:
                assert sock.recv(4096).startswith(b"CONNECT api.example:443")

        asked = pool.submit(hang_up)
        way = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        with sky.Client("sk-test", base_url="https://api.example/v1", proxy=way, max_retries=0) as client:
            with pytest.raises(NetworkError) as caught:
                client.predictions.create("truefusion", INPUT)
            assert caught.value.charged is False
        asked.result()


def test_what_is_read_is_billed_to_nobody() -> None:
    with sky.Sandbox(seconds=0.02) as sandbox, sandbox.client() as client:
        made = client.predictions.create("truefusion", INPUT)
        for fault in ("server_error", "html_gateway", "rate_limit", "broken_json"):
            details = {"retry_after": 0} if fault == "rate_limit" else {}
            sandbox.faults.next(fault, on=("read", "list", "models", "model"), **details)
            assert client.predictions.get(made.id).status == "succeeded"
        assert Counter(received.route for received in sandbox.log)["create"] == 1
        assert sandbox.billed == 1
