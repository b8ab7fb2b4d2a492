"""A state file outlives the process, and says so plainly when it cannot."""

import json
import os
import signal
import sqlite3
import subprocess
import sys

import httpx
import pytest

from skytells_nb.sandbox import Core, HttpRequest, Options, Server, StateError
from skytells_nb.sandbox._state import State, StateFile

FOX = json.dumps({"model": "truefusion", "input": {"prompt": "a fox"}}).encode()


@pytest.fixture
def reopen(tmp_path, clock, painter):
    """Open the same state file again and again, each time with a new core."""
    states = []

    def open(**options):
        if states:
            states[-1].close()
        states.append(State(StateFile(tmp_path / "sandbox.db")))
        return Core(Options(clock=clock, **options), state=states[-1], media=painter)

    yield open
    states[-1].close()


def ask(core, method, path, body=b""):
    headers = {"x-api-key": core.state.api_key}
    return json.loads(core.answer(HttpRequest(method, path, "", headers, body)).body)


def test_predictions_key_and_bill_survive(reopen, clock):
    first = reopen(seconds=10)
    key, made = first.state.api_key, [ask(first, "POST", "/v1/predictions", FOX) for _ in range(3)]
    ask(first, "POST", f"/v1/predictions/{made[1]['id']}/cancel")
    ask(first, "DELETE", f"/v1/predictions/{made[2]['id']}")
    clock.forward(20)
    second = reopen(seconds=10)
    assert second.state.api_key == key
    assert ask(second, "GET", f"/v1/predictions/{made[0]['id']}")["status"] == "succeeded"
    assert ask(second, "GET", f"/v1/predictions/{made[1]['id']}")["status"] == "cancelled"
    assert (
        ask(second, "GET", f"/v1/predictions/{made[2]['id']}")["error"]["error_id"] == "PREDICTION_NOT_FOUND"
    )
    assert list(second.billed) == [made[0]["id"]]
    assert second.snapshot() == [each for each in second.snapshot() if each["id"] != made[2]["id"]]


def test_an_id_is_never_used_twice_even_after_a_delete(reopen):
    seen = set()
    for _ in range(3):
        core = reopen()
        made = ask(core, "POST", "/v1/predictions", FOX)
        seen.add(made["id"])
        ask(core, "DELETE", f"/v1/predictions/{made['id']}")
    assert len(seen) == 3


def test_everything_about_a_prediction_survives(reopen, clock):
    first = reopen(seconds=10)
    first.faults.next("failed", reason="Too dark.", shape="response")
    body = {
        "model": "sandbox-scribe",
        "input": {"prompt": "\ud800"},
        "webhook": "http://a.test/b",
        "stream": True,
    }
    id = ask(first, "POST", "/v1/predictions", json.dumps(body).encode())["id"]
    before = ask(first, "GET", f"/v1/predictions/{id}")
    assert ask(reopen(seconds=99), "GET", f"/v1/predictions/{id}") == before
    clock.forward(10)
    assert ask(reopen(), "GET", f"/v1/predictions/{id}")["response"] == "Too dark."


def test_a_webhook_that_came_due_while_the_sandbox_was_down_is_delivered_once(reopen, clock):
    body = json.dumps(
        {"model": "truefusion", "input": {"prompt": "a"}, "webhook": "http://a.test/b"}
    ).encode()
    ask(reopen(seconds=10), "POST", "/v1/predictions", body)
    clock.forward(20)
    core = reopen()
    notice = core.due_webhook("http://sandbox.test")
    assert notice is not None
    core.delivered(notice, 200, None)
    assert reopen().due_webhook("http://sandbox.test") is None


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, not a database, and they matter to me " * 50)
    before = path.read_bytes()
    with pytest.raises(StateError, match="cannot be used as a state file"):
        StateFile(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (a)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="another program"):
        StateFile(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_sandbox_is_refused(tmp_path):
    path = tmp_path / "sandbox.db"
    StateFile(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StateError, match="newer sandbox"):
        StateFile(path)


def test_a_damaged_record_is_refused(tmp_path):
    path = tmp_path / "sandbox.db"
    StateFile(path).close()
    with sqlite3.connect(path) as db:
        db.execute("""INSERT INTO predictions VALUES (1, 'a', '{"id": "a"}')""")
    db.close()
    with pytest.raises(StateError, match="cannot be used"):
        State(StateFile(path))


def test_a_file_in_use_is_refused(tmp_path):
    journal = StateFile(tmp_path / "sandbox.db")
    with pytest.raises(StateError, match="in use by another sandbox"):
        StateFile(tmp_path / "sandbox.db")
    journal.close()


def test_a_change_whose_commit_fails_is_taken_back_and_the_next_one_is_made(tmp_path):
    journal = StateFile(tmp_path / "sandbox.db")
    for statement in (
        "PRAGMA foreign_keys = ON",
        "CREATE TABLE one (id INTEGER PRIMARY KEY)",
        "CREATE TABLE two (id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)",
    ):
        journal._db.execute(statement)
    with pytest.raises(sqlite3.IntegrityError):
        journal.write(("INSERT INTO two VALUES (?)", (7,)))  # refused at the commit alone
    journal.write(("INSERT INTO one VALUES (?)", (7,)))
    assert (journal.read("SELECT * FROM one"), journal.read("SELECT * FROM two")) == ([(7,)], [])
    journal.close()


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StateError, match="cannot be used"):
        Server(state=tmp_path / "nowhere" / "sandbox.db").start()


def test_a_server_comes_back_on_its_port_with_its_links(tmp_path, painter):
    path = tmp_path / "sandbox.db"
    with Server(state=path, seconds=0, media=painter) as server:
        headers = {"x-api-key": server.api_key}
        url, made = server.url, httpx.post(f"{server.url}/predictions", content=FOX, headers=headers).json()
    with Server(state=path, media=painter) as server:
        assert server.url == url
        assert (server.billed, str(server.billed_amount)) == (1, "0.030000")
        assert httpx.get(made["urls"]["get"], headers=headers).json()["output"] == made["output"]
        assert httpx.get(made["output"][0]).status_code == 200


def test_a_create_that_was_answered_survives_being_killed(tmp_path):
    path = tmp_path / "sandbox.db"
    command = [sys.executable, "-m", "skytells_nb.sandbox", "--state", str(path), "--with-parent"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        info = json.loads(process.stdout.readline())
        with httpx.Client(headers={"x-api-key": info["api_key"]}, base_url=info["url"]) as client:
            ids = {client.post("/predictions", content=FOX).json()["id"] for _ in range(5)}
        os.kill(process.pid, signal.SIGKILL)
    state = State(StateFile(path))
    assert set(state.jobs) == ids == set(state.ledger)
    assert state.api_key == info["api_key"]
    state.close()


FORK = """
import os, sys
from skytells_nb.sandbox import HttpRequest, Server

server = Server(state=sys.argv[1], seconds=0).start()

def create():
    headers = {"x-api-key": server.api_key}
    body = b'{"model": "truefusion", "input": {"prompt": "a fox"}}'
    assert server.core.answer(HttpRequest("POST", "/v1/predictions", "", headers, body)).status == 200

create()
child = os.fork()
if not child:
    sys.exit(0)  # runs what is registered for the exit, and frees everything
os.waitpid(child, 0)
create()
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_that_ends_takes_no_prediction_with_it(tmp_path):
    path = tmp_path / "sandbox.db"
    subprocess.run([sys.executable, "-c", FORK, str(path)], check=False)
    state = State(StateFile(path))
    assert len(state.jobs) == 2
    state.close()
