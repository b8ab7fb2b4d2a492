"""The receiver over real sockets: the sandbox's signed deliveries, and others'."""

import asyncio
import hashlib
import hmac
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb import exceptions


@pytest.fixture
def sandbox():
    with sky.Sandbox(seconds=0.05) as running:
        yield running


@pytest.fixture
def receiver(sandbox):
    with sky.webhooks.Receiver(sandbox.api_key) as listening:
        yield listening


def deliver(receiver, payload, key, path=None):
    body = json.dumps(payload).encode()
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return httpx.post(path or receiver.url, content=body, headers={"X-Skytells-Signature": signature})


def test_a_signed_delivery_of_the_sandbox_ends_a_wait(sandbox, receiver):
    with sandbox.client() as client:
        made = client.predictions.create("truefusion", {"prompt": "a fox"}, webhook=receiver.url, wait=False)
        got = receiver.wait(made.id, timeout=20)
    assert got.status == "succeeded"
    assert got.output


def test_the_envelope_form_is_received_too():
    with (
        sky.Sandbox(seconds=0.05, webhook_payload="envelope", webhook_secret="whsec-1") as sandbox,
        sky.webhooks.Receiver(["whsec-1"]) as receiver,
        sandbox.client() as client,
    ):
        made = client.predictions.create("truefusion", {"prompt": "a fox"}, webhook=receiver.url, wait=False)
        assert receiver.wait(made, timeout=20).id == made.id


def test_deliveries_are_handed_out_in_turn_to_whoever_awaits(sandbox, receiver):
    async def two():
        asked = asyncio.create_task(receiver.get())
        await asyncio.to_thread(deliver, receiver, {"id": "a", "status": "processing"}, sandbox.api_key)
        await asyncio.to_thread(deliver, receiver, {"id": "b", "status": "succeeded"}, sandbox.api_key)
        return [(await asked).id, (await anext(receiver)).id]

    assert asyncio.run(two()) == ["a", "b"]


def test_a_bad_signature_is_refused_with_401_and_counted(sandbox, receiver):
    assert deliver(receiver, {"id": "a", "status": "succeeded"}, "sk-wrong").status_code == 401
    assert httpx.post(receiver.url, json={"id": "a"}).status_code == 401
    assert receiver.refused == 2
    with pytest.raises(exceptions.WaitTimeoutError, match="get"):
        receiver.wait("a", timeout=0.01)


def test_a_repeated_delivery_is_dropped(sandbox, receiver):
    for _ in range(3):
        assert deliver(receiver, {"id": "a", "status": "succeeded"}, sandbox.api_key).status_code == 200
    assert receiver.duplicates == 2
    assert sky.run(receiver.get()).id == "a"
    assert not receiver._arrived


class Pictures(BaseHTTPRequestHandler):
    """Refuses at first, once told to, and then serves a picture."""

    refused = 1
    may_refuse = threading.Event()

    def do_GET(self):
        assert type(self).may_refuse.wait(10)
        file = io.BytesIO()
        Image.new("RGB", (2, 1)).save(file, "PNG")
        self.send_response(401 if type(self).refused else 200)
        type(self).refused = 0
        self.end_headers()
        self.wfile.write(file.getvalue())

    def log_message(self, *args):
        pass


def test_what_comes_again_during_or_after_a_failure_is_no_duplicate(sandbox, tmp_path):
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server,
        ThreadPoolExecutor(2) as pool,
        sandbox.client(archive=tmp_path) as client,
        sky.webhooks.Receiver(sandbox.api_key, client=client) as receiver,
    ):
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        link = f"http://127.0.0.1:{server.server_address[1]}/fox.png"
        ended = {"id": "a", "status": "succeeded", "output": [link]}
        both = [pool.submit(deliver, receiver, ended, sandbox.api_key) for _ in range(2)]
        while not receiver.duplicates:
            time.sleep(0.005)
        Pictures.may_refuse.set()
        with pytest.warns(sky.SkytellsWarning, match="could not be archived"):
            assert [each.result().status_code for each in both] == [503, 503]
        client.close()  # what ends after that is kept all the same
        assert [deliver(receiver, ended, sandbox.api_key).status_code for _ in range(2)] == [200, 200]
        server.shutdown()
        assert receiver.duplicates == 2
        assert len(receiver.wait("a", timeout=1).files) == 1
        assert (sky.run(receiver.get()).id, len(receiver._arrived)) == ("a", 0)


def test_an_output_that_is_not_in_the_delivery_is_read_and_kept(sandbox, tmp_path):
    with (
        sandbox.client() as maker,
        sandbox.client(archive=tmp_path) as client,
        sky.webhooks.Receiver(sandbox.api_key, client=client) as receiver,
    ):
        made = maker.predictions.create("sandbox-scribe", {"prompt": "a fox"})
        deliver(receiver, {"id": made.id, "status": "succeeded"}, sandbox.api_key)
        assert len(receiver.wait(made, timeout=1).files) == 1


def test_another_path_another_method_and_no_prediction_are_told_so(sandbox, receiver):
    base = receiver.url.rsplit("/", 1)[0]
    assert deliver(receiver, {"id": "a"}, sandbox.api_key, base + "/").status_code == 404
    assert httpx.get(receiver.url).status_code == 405
    assert deliver(receiver, {"no": "id"}, sandbox.api_key).status_code == 422


def test_an_attached_receiver_feeds_the_wait_of_its_client(sandbox):
    """The job takes long by the clock that polls follow, and the delivery says that it has ended."""
    with sky.Sandbox(seconds=3600) as slow, slow.client() as client:
        with sky.webhooks.Receiver(slow.api_key, client=client) as receiver:
            made = client.predictions.create("truefusion", {"prompt": "a fox"}, wait=False)
            seen = []

            def tell(prediction):
                if not seen:
                    seen.append(prediction)
                    ended = {**made.raw, "status": "succeeded", "output": ["http://127.0.0.1/x.png"]}
                    deliver(receiver, ended, slow.api_key)

            assert client.predictions.wait(made, on_progress=tell, timeout=30).status == "succeeded"

        async def awaiting():
            async with slow.async_client() as client:
                with sky.webhooks.Receiver(slow.api_key, client=client) as receiver:
                    made = await client.predictions.create("truefusion", {"prompt": "a fox"}, wait=False)
                    ended = {**made.raw, "status": "failed", "error": "NSFW"}
                    told = []

                    async def tell(prediction):
                        if not told:
                            told.append(prediction)
                            await asyncio.to_thread(deliver, receiver, ended, slow.api_key)

                    await client.predictions.wait(made, on_progress=tell, timeout=30)

        with pytest.raises(exceptions.PredictionError, match="NSFW"):
            asyncio.run(awaiting())


def test_a_port_in_use_is_a_clear_error(receiver):
    port = int(receiver.url.split(":")[2].split("/")[0])
    with pytest.raises(exceptions.SkytellsError, match="Cannot listen"):
        sky.webhooks.Receiver("sk-test", port=port)


def test_a_closed_receiver_says_so(sandbox):
    receiver = sky.webhooks.Receiver(sandbox.api_key)
    receiver.close()
    with pytest.raises(exceptions.SkytellsError, match="closed"):
        sky.run(receiver.get())
    with pytest.raises(exceptions.SkytellsError, match="closed"):
        receiver.wait("p1")


def test_a_wait_ends_when_the_receiver_is_closed_and_keeps_what_came_before(sandbox):
    receiver = sky.webhooks.Receiver(sandbox.api_key)
    deliver(receiver, {"id": "came", "status": "succeeded"}, sandbox.api_key)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receiver.wait, "comes-not")
        receiver.close()
        with pytest.raises(exceptions.SkytellsError, match="closed"):
            waiting.result(30)
    assert receiver.wait("came").status == "succeeded"


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), "10", True])
def test_a_time_that_is_none_is_refused(receiver, timeout):
    with pytest.raises(exceptions.InvalidInputError, match="timeout"):
        receiver.wait("p1", timeout=timeout)


@pytest.mark.parametrize("prediction", [None, 5, "", b"p1"])
def test_what_names_no_prediction_is_not_waited_for(receiver, prediction):
    with pytest.raises(exceptions.InvalidInputError, match="prediction"):
        receiver.wait(prediction)


def test_it_listens_on_an_address_of_either_kind(sandbox):
    try:
        receiver = sky.webhooks.Receiver(sandbox.api_key, host="::1")
    except exceptions.SkytellsError:
        pytest.skip("this machine has no IPv6")
    with receiver:
        assert receiver.url.startswith("http://[::1]:")
        assert deliver(receiver, {"id": "a", "status": "succeeded"}, sandbox.api_key).status_code == 200
