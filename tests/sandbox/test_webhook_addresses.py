"""From a sandbox that others can reach, webhooks go to who asked and to the internet, and nowhere inside."""

import json
import socket

import httpx
import pytest

from skytells_nb.sandbox import Core, HttpRequest, Options, Server
from skytells_nb.sandbox import _webhooks as webhooks
from skytells_nb.sandbox._webhooks import post

LEARNER = "192.168.1.20"


@pytest.fixture
def room(painter):
    """Make a sandbox that the room can reach, and create as somebody in it."""

    def make(**options):
        given = {"host": "0.0.0.0", "learners": 1, "seconds": 0, **options}
        core = Core(Options(**given), media=painter)

        def create(webhook, asker=LEARNER, host="sandbox.test"):
            key = core.state.learners[0].key if core.state.learners else core.state.api_key
            body = {"model": "truefusion", "input": {"prompt": "a fox"}, "webhook": webhook}
            content = json.dumps(body).encode()
            headers = {"x-api-key": key}
            request = HttpRequest(
                "POST", "/v1/predictions", "", headers, content, origin=f"http://{host}", asker=asker
            )
            answer = core.answer(request)
            return answer.status, json.loads(answer.body)

        core.create = create
        return core

    return make


@pytest.fixture
def listener():
    """Listen on loopback, as a program of the teacher's does."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setblocking(False)
        yield made


INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "localhost",
    "LOCALHOST.",
    "printer.localhost",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.21",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[2002:a00:1::]",
]


@pytest.mark.parametrize("options", [{}, {"learners": None}], ids=["a class", "no class"])
@pytest.mark.parametrize("host", INSIDE)
def test_a_webhook_into_the_teachers_machine_or_network_is_refused_and_nothing_is_billed(room, host, options):
    core = room(**options)
    status, body = core.create(f"http://{host}:9/hook")
    assert (status, body["error"]["error_id"]) == (422, "VALIDATION_ERROR")
    assert f"your own address, {LEARNER}, or to one on the internet" in body["error"]["details"]
    assert core.billed == {}


@pytest.mark.parametrize("host", [LEARNER, f"[::ffff:{LEARNER}]", "8.8.8.8", "[2606:4700::1111]", "a.test"])
def test_a_webhook_to_ones_own_machine_or_to_the_internet_is_taken(room, host):
    core = room()
    assert core.create(f"http://{host}:9/hook")[0] == 200
    assert core.due_webhook("http://sandbox.test").asker == LEARNER


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "0.0.0.0"])
def test_who_sits_at_the_sandboxs_own_machine_may_name_it(room, host):
    assert room().create(f"http://{host}:9/hook", asker="127.0.0.1")[0] == 200
    assert room().create(f"http://{host}:9/hook", asker="")[0] == 422


def test_where_only_its_own_machine_reaches_it_a_webhook_goes_anywhere(room):
    core = room(host="127.0.0.1")
    assert core.create("http://10.0.0.1/hook")[0] == 200
    assert core.due_webhook("http://sandbox.test").asker is None


@pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f000001", "localhost"])
def test_a_name_that_leads_inside_is_not_connected_to(name, listener):
    with pytest.raises(webhooks.NotAllowedError, match="sandbox's machine or network"):
        webhooks.connect_target(name, listener.getsockname()[1], LEARNER, timeout=5)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_notice_to_such_a_name_is_noted_as_not_delivered(room, listener):
    core = room()
    tried = []
    for scheme in ("http", "https"):
        assert core.create(f"{scheme}://127.1:{listener.getsockname()[1]}/hook")[0] == 200
        notice = core.due_webhook("http://sandbox.test")
        tried.append(post(notice))
    assert [status for status, _ in tried] == [None, None]
    assert all("sandbox's machine or network" in error for _, error in tried)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_who_asked_and_where_is_kept_over_a_restart(tmp_path, painter, clock):
    from skytells_nb.sandbox._state import State, StateFile

    notices = []
    for _ in range(2):
        state = State(StateFile(tmp_path / "class.db"))
        core = Core(Options(host="0.0.0.0", learners=1, seconds=10, clock=clock), state=state, media=painter)
        if not state.jobs:
            body = {"model": "truefusion", "input": {"prompt": "a"}, "webhook": f"http://{LEARNER}/hook"}
            headers = {"x-api-key": state.learners[0].key}
            content, origin = json.dumps(body).encode(), "http://10.1.1.1:8000"
            core.answer(HttpRequest("POST", "/v1/predictions", "", headers, content, origin, LEARNER))
        else:
            clock.forward(20)
            notices.append(core.due_webhook(""))
        state.close()
    (notice,) = notices
    assert notice.asker == LEARNER
    assert json.loads(notice.body)["output"][0].startswith("http://10.1.1.1:8000/assets/")


def test_over_a_socket_a_notice_arrives_and_its_links_are_those_its_reader_can_follow(painter, receiver):
    with Server(media=painter, learners=1, host="0.0.0.0", seconds=0) as server:
        port = server.url.split(":")[2].removesuffix("/v1")
        body = {"model": "truefusion", "input": {"prompt": "a fox"}, "webhook": receiver.url}
        with httpx.Client(trust_env=False, headers={"x-api-key": server.learners[0].key}) as client:
            made = client.post(f"http://localhost:{port}/v1/predictions", json=body)
            assert made.status_code == 200
            link = json.loads(receiver.next().body)["output"][0]
            assert link.startswith(f"http://localhost:{port}/assets/")
            assert client.get(link).status_code == 200
