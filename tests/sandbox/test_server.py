"""The sandbox on a real socket."""

import gc
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from skytells_nb.sandbox import Server

FOX = {"model": "truefusion", "input": {"prompt": "a fox"}}


@pytest.fixture
def client_of():
    """Make clients that send the sandbox's own key, and close them."""
    clients = []

    def make(server, **options):
        clients.append(httpx.Client(base_url=server.url, headers={"x-api-key": server.api_key}, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def control(server, path):
    return server.url.removesuffix("v1") + "__sandbox__/" + path


def test_it_listens_on_loopback_on_a_free_port(serve):
    one, two = serve(), serve()
    assert one.url.startswith("http://127.0.0.1:")
    assert one.url.endswith("/v1")
    assert one.url != two.url
    assert one.api_key.startswith("sk-sandbox-")
    assert one.api_key != two.api_key


def test_a_port_in_use_is_an_error_of_the_caller(serve):
    port = int(serve().url.split(":")[2].removesuffix("/v1"))
    with pytest.raises(OSError):
        Server(port=port).start()


def test_it_cannot_be_started_twice_at_a_time(serve):
    with pytest.raises(RuntimeError, match="runs already"):
        serve().start()


def test_stopping_leaves_no_thread_no_socket_and_no_warning(painter):
    before = set(threading.enumerate())
    server = Server(media=painter, seconds=0).start()
    with httpx.Client() as client:
        made = client.post(f"{server.url}/predictions", json=FOX, headers={"x-api-key": "sk-a"}).json()
        assert client.get(made["output"][0]).status_code == 200
        server.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)
    server.stop()
    gc.collect()
    assert set(threading.enumerate()) <= before
    assert (server.billed, len(server.log)) == (1, 2)


def test_it_can_come_back_after_an_outage_with_its_predictions(painter, client_of):
    server = Server(media=painter, seconds=0)
    with server:
        made = client_of(server).post("/predictions", json=FOX).json()
        url = server.url
    with server:
        assert server.url == url
        assert client_of(server).get(made["urls"]["get"]).json()["status"] == "succeeded"


def test_one_connection_serves_many_requests(serve):
    server = serve(seconds=0)
    host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        for _ in range(3):
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: sk-a\r\n\r\n")
            with connection.makefile("rb") as answer:
                assert b" 200 " in answer.readline()
                length = next(
                    int(line.split(b":")[1]) for line in answer if line.startswith(b"content-length")
                )
                while answer.readline() != b"\r\n":
                    pass
                assert len(json.loads(answer.read(length))) > 14


def test_an_answer_is_not_held_up_by_nagles_algorithm(serve, client_of):
    client = client_of(serve())
    client.get("/models/truefusion")
    seconds = []
    for _ in range(10):
        begun = time.perf_counter()
        client.get("/models/truefusion")
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.035, "with it each takes 40 ms"


def test_answers_are_json_and_say_date_and_sandbox(serve, client_of):
    answer = client_of(serve()).get("/models")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-skytells-sandbox"] == "1"
    assert answer.headers["date"].endswith("GMT")
    assert answer.headers.get_list("date") == [answer.headers["date"]]


def test_an_awaited_create_is_answered_at_the_jobs_end(serve, client_of):
    done = client_of(serve(seconds=0.15)).post("/predictions", json={**FOX, "await": True}).json()
    assert done["status"] == "succeeded"


def test_an_awaited_create_is_answered_when_another_client_cancels(serve, client_of):
    server = serve(seconds=60)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(lambda: client_of(server).post("/predictions", json={**FOX, "await": True}).json())
        other = client_of(server)
        while not (listed := other.get("/predictions").json()["data"]):
            pass
        other.post(f"/predictions/{listed[0]['id']}/cancel")
        assert held.result(5)["status"] == "cancelled"


def test_a_server_that_stops_lets_go_of_whoever_waits(painter, client_of):
    server = Server(media=painter, seconds=60).start()
    server.faults.next("hang_after", after=1)
    client = client_of(server)
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(client.post, "/predictions", json={**FOX, "await": True})
        while server.billed < 1:
            pass
        hung = pool.submit(client.post, "/predictions", json=FOX)
        while server.billed < 2:
            pass
        begun = time.perf_counter()
        server.stop()
        spent = time.perf_counter() - begun
        for each in (held, hung):
            with pytest.raises(httpx.TransportError):
                each.result(5)
    assert spent < 2


def test_a_file_is_drawn_once_however_many_ask_for_it(serve, client_of, painter):
    server = serve(seconds=0)
    client = client_of(server)
    made = client.post("/predictions", json=FOX).json()
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: httpx.get(made["output"][0]), range(8)))
    assert len(painter.drawn) == 1
    assert {each.content for each in files} == {files[0].content}
    assert files[0].headers["content-type"] == "image/png"
    size = client.get(made["urls"]["get"]).json()["metadata"]["storage"]["files"][0]["size"]
    assert size == len(files[0].content)


def test_a_part_of_a_file_can_be_had(serve, client_of):
    client = client_of(serve(seconds=0))
    url = client.post("/predictions", json=FOX).json()["output"][0]
    whole = client.get(url).content
    for asked, status, part in [
        ("bytes=0-4", 206, whole[:5]),
        ("bytes=5-", 206, whole[5:]),
        ("bytes=-3", 206, whole[-3:]),
        ("bytes=0-99999", 206, whole),
        ("bytes=99999-", 416, b""),
        ("nonsense", 200, whole),
    ]:
        answer = client.get(url, headers={"range": asked})
        assert (answer.status_code, answer.content) == (status, part)
    head = client.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole)))


def test_a_picture_is_drawn_for_real(client_of):
    with Server(seconds=0) as server:
        edge = {"model": "truefusion-edge", "input": {"prompt": "a fox", "width": 128, "height": 64}}
        file = httpx.get(client_of(server).post("/predictions", json=edge).json()["output"][0])
    assert file.content.startswith(b"\x89PNG")
    assert struct.unpack(">II", file.content[16:24]) == (128, 64)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("name", "billed"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_really_dropped(serve, client_of, name, billed, reset):
    server = serve()
    server.faults.next(name, reset=reset)
    with pytest.raises(httpx.ReadError if reset else httpx.RemoteProtocolError):
        client_of(server).post("/predictions", json=FOX)
    assert server.billed == billed
    assert server.log[-1].status is None
    assert client_of(server).post("/predictions", json=FOX).status_code == 200


def test_a_hanging_create_is_billed_and_says_nothing_until_the_client_gives_up(serve, client_of):
    server = serve()
    server.faults.next("hang_after")
    with pytest.raises(httpx.ReadTimeout):
        client_of(server, timeout=0.2).post("/predictions", json=FOX)
    assert server.billed == 1


def test_a_slow_answer_comes_late_but_was_accepted_at_once(serve, client_of):
    server = serve()
    server.faults.next("slow", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client_of(server, timeout=0.2).post("/predictions", json=FOX)
    assert len(wait_for(lambda: server.core.billed, 1)) == 1


def test_a_file_can_be_cut_short(serve, client_of):
    server = serve(seconds=0)
    url = client_of(server).post("/predictions", json=FOX).json()["output"][0]
    server.faults.next("cut_short")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        httpx.get(url)
    assert httpx.get(url).status_code == 200


def test_the_date_header_can_be_missing(serve, client_of):
    server = serve()
    server.faults.next("missing_date")
    client = client_of(server)
    assert "date" not in client.get("/models").headers
    assert "date" in client.get("/models").headers


def test_broken_json_arrives_with_status_200(serve, client_of):
    server = serve()
    server.faults.next("broken_json")
    answer = client_of(server).get("/models")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_every_answer_can_be_delayed_as_by_a_distant_network(serve, client_of):
    client = client_of(serve(delay=0.1))
    begun = time.perf_counter()
    client.get("/models")
    assert time.perf_counter() - begun >= 0.1


def test_a_mistake_of_the_sandboxs_own_is_answered_and_logged(serve, client_of, painter, caplog):
    server = serve(seconds=0)
    url = client_of(server).post("/predictions", json=FOX).json()["output"][0]
    painter.draw = lambda *_, **__: 1 / 0
    answer = httpx.get(url)
    assert (answer.status_code, answer.json()["error"]["error_id"]) == (500, "INTERNAL_ERROR")
    assert "ZeroDivisionError" in caplog.text


def test_rubbish_on_the_wire_is_a_400_and_harms_nobody(serve, client_of):
    server = serve()
    host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"\x00\x01\x02 rubbish\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert client_of(server).get("/models").status_code == 200


def test_a_body_may_be_large_and_come_in_pieces(serve, client_of):
    ultra = {
        "model": "truefusion-ultra",
        "input": {"prompt": "x", "image": "data:image/png;base64," + "A" * 3_000_000},
    }
    raw = json.dumps(ultra).encode()
    pieces = (raw[start : start + 100_000] for start in range(0, len(raw), 100_000))
    assert client_of(serve()).post("/predictions", content=pieces).json()["input"] == ultra["input"]


def test_a_webhook_is_delivered_signed_and_tried_again(serve, client_of, receiver):
    receiver.statuses = [500, 204]
    server = serve(seconds=0)
    id = client_of(server).post("/predictions", json={**FOX, "webhook": receiver.url}).json()["id"]
    first, second = receiver.next(), receiver.next()
    assert first == second
    assert json.loads(first.body)["id"] == id
    assert first.signature_by(server.api_key) == first.signature
    assert [each.status for each in wait_for(lambda: server.deliveries, 2)] == [500, 204]


def test_a_webhook_to_nobody_is_noted_and_harms_nobody(serve, client_of):
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{placeholder.getsockname()[1]}/"
        server = serve(seconds=0)
        client_of(server).post("/predictions", json={**FOX, "webhook": nobody})
        (tried,) = wait_for(lambda: server.deliveries, 1)
    assert (tried.status, tried.attempt) == (None, 1)
    assert "refused" in tried.error


def test_a_receiver_that_never_answers_holds_up_nobody_else(serve, client_of, receiver):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = serve(seconds=0)
        client = client_of(server)
        for url in (f"http://127.0.0.1:{deaf.getsockname()[1]}/", receiver.url):
            client.post("/predictions", json={**FOX, "webhook": url})
        receiver.next()
        (first,) = wait_for(lambda: server.deliveries, 1)
    assert (first.url, first.status) == (receiver.url, 200)


def test_what_stood_in_line_when_it_stopped_is_delivered_when_it_starts_again(serve, client_of):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(30)
        server = serve(seconds=0)
        hook = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        ids = [
            client_of(server).post("/predictions", json={**FOX, "webhook": hook}).json()["id"] for _ in "12"
        ]
        under_way, _ = deaf.accept()
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        until = time.monotonic() + 5
        while server._thread is not None and time.monotonic() < until:
            pass
        under_way.close()
        stopping.join()
        server.start()
        in_line, _ = deaf.accept()
        with in_line, in_line.makefile("rb") as sent:
            head = iter(sent.readline, b"\r\n")
            size = next(int(line.split()[1]) for line in head if line.lower().startswith(b"content-length"))
            while sent.readline() != b"\r\n":
                pass
            assert json.loads(sent.read(size))["id"] == ids[1]


def wait_for(read, count):
    """Read until there are so many; the deliveries are noted by another thread."""
    limit = time.monotonic() + 5
    while len(found := read()) < count and time.monotonic() < limit:
        pass
    return found


def test_log_bill_and_faults_are_reached_over_http_with_the_sandboxs_own_key(serve, client_of):
    server = serve(seconds=0)
    client = client_of(server)
    told = client.post(control(server, "faults"), json={"name": "no_credit", "times": 2, "on": "create"})
    assert told.json()["waiting"][0]["name"] == "no_credit"
    assert client.post("/predictions", json=FOX).status_code == 402
    assert client.delete(control(server, "faults")).json() == {"waiting": []}
    id = client.post("/predictions", json=FOX).json()["id"]
    assert client.get(control(server, "billing")).json() == {
        "count": 1,
        "amount": "0.030000",
        "currency": "credits",
        "predictions": {id: "0.030000"},
    }
    logged = client.get(control(server, "log")).json()["requests"]
    assert [each["status"] for each in logged if each["route"] == "create"] == [402, 200]
    assert client.get(control(server, "predictions")).json()[0]["id"] == id
    assert client.get(control(server, "deliveries")).json() == {"deliveries": []}


def test_nobody_else_reaches_them(serve):
    server = serve()
    for key in ("", "sk-other", server.api_key.upper()):
        assert httpx.get(control(server, "log"), headers={"x-api-key": key}).status_code == 401


def test_a_bad_order_over_http_is_refused_in_words(serve, client_of):
    server = serve()
    answer = client_of(server).post(control(server, "faults"), json={"name": "nonsense"})
    assert answer.status_code == 422
    assert "there is no fault 'nonsense'" in answer.json()["error"]["details"]
    assert client_of(server).post(control(server, "faults"), json={"name": "slow", "x": 1}).status_code == 422
    assert client_of(server).get(control(server, "nothing")).status_code == 404


def test_it_runs_in_a_process_of_its_own_until_it_is_told_to_stop():
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "skytells_nb.sandbox",
        "--seconds",
        "0",
        "--listing",
        "array",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        info = json.loads(process.stdout.readline())
        with httpx.Client(base_url=info["url"], headers={"x-api-key": info["api_key"]}) as client:
            id = client.post("/predictions", json=FOX).json()["id"]
            assert [each["id"] for each in client.get("/predictions").json()] == [id]
            process.terminate()
            assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_a_process_that_cannot_start_says_why(tmp_path):
    command = [sys.executable, "-m", "skytells_nb.sandbox", "--state", str(tmp_path / "no" / "file")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "did not start" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_importing_it_loads_neither_uvicorn_nor_jsonschema_nor_pillow():
    code = (
        "import sys, skytells_nb.sandbox;"
        "heavy = {'uvicorn', 'h11', 'jsonschema', 'PIL', 'numpy', 'av', 'httpx', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
