"""The published SDK (``skytells`` 1.0.0), unmodified, against a sandbox with no options.

It reads only what the wire says: a witness that the sandbox is no mirror of this project's own client.
"""

import asyncio

import pytest
import skytells
from skytells import SkytellsError

from skytells_nb.sandbox import Server


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture
def client(server):
    return skytells.SkytellsClient(server.api_key, base_url=server.url)


def refusal(call):
    with pytest.raises(SkytellsError) as caught:
        call()
    return caught.value.error_id, caught.value.http_status, caught.value.details


def test_models_are_listed(client):
    listed = client.models.list()
    assert {"truefusion", "truefusion-pro", "truefusion-edge"} <= {each["namespace"] for each in listed}
    assert all("input_schema" not in each for each in listed)


def test_a_model_is_read_with_its_schemas(client):
    model = client.models.get("truefusion-pro", fields=["input_schema", "output_schema"])
    assert model["input_schema"]["properties"]["prompt"]["x-order"] == 0
    assert model["output_schema"]["type"] == "array"


def test_run_waits_for_the_picture(client):
    done = client.run("truefusion-edge", input={"prompt": "a fox", "width": 128, "height": 128})
    assert done.status == "succeeded"
    assert done.outputs().startswith("http://127.0.0.1:")


def test_run_with_progress_polls(client):
    seen = []
    made = client.predictions.create({"model": "truefusion-edge", "input": {"prompt": "a fox"}})
    assert made["status"] == "pending"
    done = client.wait(made, {"interval": 50, "max_wait": 5000}, on_progress=seen.append)
    assert done["status"] == seen[-1]["status"] == "succeeded"
    assert client.predictions.get(made["id"])["output"] == done["output"]


def test_predictions_are_listed(client):
    id = client.predictions.create({"model": "truefusion-edge", "input": {"prompt": "a fox"}})["id"]
    page = client.predictions.list(page=1, model="truefusion-edge", since="2020-01-01", until="2100-01-01")
    assert page.data[0]["id"] == id
    assert page.pagination.current_page == 1
    assert page.pagination.total >= 1


def test_a_video_is_slow_enough_to_be_cancelled_and_then_deleted(client):
    film = client.run("truefusion-video-pro", input={"prompt": "the sea", "duration_seconds": 8})
    assert film.status == "pending"
    cancelled = film.cancel()
    assert cancelled["status"] == "cancelled"
    assert client.wait(cancelled, {"interval": 50, "max_wait": 1000})["status"] == "cancelled"
    assert film.delete()["id"] == film.id
    assert refusal(lambda: client.predictions.get(film.id))[:2] == ("PREDICTION_NOT_FOUND", 502)


def test_stream_information_names_the_stream(client):
    made = client.predictions.create({"model": "truefusion-edge", "input": {"prompt": "a fox"}})
    assert client.stream_prediction(made["id"])["urls"]["stream"].endswith("/stream")


def test_a_wrong_key_is_unauthorized(server):
    for key in (None, "nonsense"):
        client = skytells.SkytellsClient(key, base_url=server.url)
        assert refusal(client.models.list)[:2] == ("UNAUTHORIZED", 401)


def test_an_unknown_model_is_model_not_found(client):
    assert refusal(lambda: client.run("nothing", input={"prompt": "x"}))[:2] == ("MODEL_NOT_FOUND", 404)
    assert refusal(lambda: client.models.get("nothing"))[:2] == ("MODEL_NOT_FOUND", 404)


def test_a_missing_field_is_a_validation_error_and_a_bad_one_invalid_input(client):
    assert refusal(lambda: client.predict({"model": "truefusion"}))[:2] == ("VALIDATION_ERROR", 422)
    error_id, status, details = refusal(
        lambda: client.run("truefusion-pro", input={"prompt": "x", "width": 5})
    )
    assert (error_id, status, details) == ("INVALID_INPUT", 422, "width: 5 is less than the minimum of 256")


def test_no_credit_and_too_many_requests_are_told_apart(server, client):
    server.faults.next("rate_limit")
    assert refusal(lambda: client.run("truefusion", input={"prompt": "x"}))[:2] == (
        "RATE_LIMIT_EXCEEDED",
        429,
    )
    poor = skytells.SkytellsClient("sk-no-credit", base_url=server.url)
    assert refusal(lambda: poor.run("truefusion", input={"prompt": "x"}))[:2] == ("INSUFFICIENT_CREDITS", 402)


def test_a_bad_day_in_a_listing_is_named(client):
    assert refusal(lambda: client.predictions.list(since="yesterday"))[:2] == ("INVALID_DATE_FORMAT", 400)
    backwards = {"since": "2026-02-02", "until": "2026-01-01"}
    assert refusal(lambda: client.predictions.list(**backwards))[:2] == ("INVALID_DATE_RANGE", 400)


def test_a_failed_job_raises_with_its_reason(server, client):
    server.faults.next("failed", reason="NSFW content detected.")
    with pytest.raises(SkytellsError, match="NSFW content detected"):
        client.run("truefusion-edge", input={"prompt": "x"})


def test_eight_run_at_once_with_the_asynchronous_client(server):
    client = skytells.AsyncSkytellsClient(server.api_key, base_url=server.url)
    before = server.billed

    async def main():
        inputs = [{"prompt": f"fox {number}"} for number in range(8)]
        return await asyncio.gather(*[client.run("truefusion-edge", input=each) for each in inputs])

    done = asyncio.run(main())
    client._executor.shutdown()
    assert [each.status for each in done] == ["succeeded"] * 8
    assert len({each.id for each in done}) == 8
    assert server.billed - before == 8
