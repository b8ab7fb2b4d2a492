"""A class, as a teacher types it: keys for everybody, and a switch for what goes wrong."""

import csv
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

import skytells_nb as sky
from skytells_nb.cli import main
from skytells_nb.sandbox import Server, _server
from skytells_nb.sandbox.__main__ import main as serve
from skytells_nb.sandbox.__main__ import parser
from skytells_nb.sandbox._accounts import write_private
from skytells_nb.sandbox._options import choices

FOX = {"model": "truefusion", "input": {"prompt": "a fox"}}


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Stand in an empty folder, with no key, and where no sandbox was started."""
    for variable in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL", "SKYTELLS_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.chdir(tmp_path)


class Room:
    """A class that a teacher started in another process, and what was told at the start."""

    def __init__(self, process):
        self.process, self.told = process, ""
        for line in process.stdout:
            self.told += line
            if line.startswith("Stop with"):
                break
        self.url = self.fact("base URL")
        self.teacher = self.fact("teacher's key")
        self.keys = dict(re.findall(r"^  (\S+) +(sk-sandbox-\S+)$", self.told, re.MULTILINE))

    def fact(self, name):
        return re.search(rf"^  {name} +(\S+)$", self.told, re.MULTILINE)[1]

    def create(self, key):
        answer = httpx.post(f"{self.url}/predictions", json=FOX, headers={"x-api-key": key}, trust_env=False)
        return answer.status_code

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def room():
    """Start classes that end with the test."""
    with ExitStack() as stack:

        def start(*words):
            command = [sys.executable, "-W", "error", "-m", "skytells_nb", "sandbox", *words]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.terminate)
            return Room(process)

        yield start


@pytest.fixture
def running():
    """Run a sandbox here, as one that was started from the command line."""
    with ExitStack() as stack:

        def start(**options):
            server = stack.enter_context(Server(seconds=0, **options))
            stack.enter_context(_server.registered(server.url, server.api_key))
            return server

        yield start


def says(capsys):
    """What was told, without the padding of tables."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def refuses(words, capsys, code=1):
    """What a command says when it refuses: one sentence or two, and no traceback."""
    try:
        status = main(words)
    except SystemExit as ended:
        status = ended.code
    told = capsys.readouterr().err
    assert status == code
    assert "Traceback" not in told
    return told.splitlines()[-1]


def test_a_class_is_told_where_it_is_who_has_which_key_and_what_to_be_careful_about(room):
    started = room("--class", "3", "--budget", "0.05", "--seconds", "0", "--gallery")
    assert started.told.startswith(
        "Sandbox for a class of 3: nothing here is real, and nothing costs money.\n"
    )
    assert [*started.keys] == ["learner-01", "learner-02", "learner-03"]
    assert "Only this computer can reach it." in started.told
    assert "0.05 credits, 240 requests a minute" in started.told
    assert [started.create(started.keys["learner-01"]) for _ in range(2)] == [200, 402]
    assert [started.create(key) for key in ("sk-anyone", started.keys["learner-02"])] == [401, 200]
    assert httpx.get(started.fact("gallery"), trust_env=False).status_code == 200
    assert started.stop() == 0


def test_keys_budgets_and_predictions_are_kept_in_the_state_file(room, tmp_path):
    words = ("--class", "2", "--seconds", "0", "--state", str(tmp_path / "class.db"))
    first = room(*words, "--budget", "0.05")
    learner = first.keys["learner-01"]
    assert first.create(learner) == 200
    assert first.stop() == 0
    again = room(*words)
    assert (again.url, again.teacher, again.keys) == (first.url, first.teacher, first.keys)
    assert again.create(learner) == 402
    client = sky.Client(learner, base_url=again.url)
    assert len(client.predictions.list()) == 1
    client.close()


def test_keys_can_go_to_a_file_that_only_the_teacher_can_read(room, tmp_path):
    for _ in range(2):  # the second time over the first one's file
        started = room("--class", "ada,grace", "--keys", "keys.csv")
        with open("keys.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["learner"] for row in rows] == ["ada", "grace"]
        assert rows[0]["api_key"].startswith("sk-sandbox-ada-")
        assert rows[0]["base_url"] == started.url
        assert (rows[0]["budget"], rows[0]["requests_per_minute"]) == ("10", "240")
        assert rows[0]["api_key"] not in started.told
        assert os.name == "nt" or stat.S_IMODE(Path("keys.csv").stat().st_mode) == 0o600
        assert started.stop() == 0


def test_a_room_is_let_in_with_generated_keys_only_and_told_that_traffic_is_plain(room):
    started = room("--class", "1", "--host", "0.0.0.0")
    assert "Traffic is plain HTTP" in started.told
    assert "http://127.0.0.1:" in started.told
    port = started.url.split(":")[2]
    started.url = f"http://127.0.0.1:{port}"
    assert [started.create(key) for key in ("sk-anyone", started.keys["learner-01"])] == [401, 200]


def test_without_a_class_a_network_gets_the_generated_key_alone():
    command = [sys.executable, "-m", "skytells_nb", "sandbox", "--host", "0.0.0.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        started = json.loads(process.stdout.readline())
        models = f"{started['url']}/models"
        statuses = [
            httpx.get(models, headers={"x-api-key": key}, trust_env=False).status_code
            for key in ("sk-anyone", started["api_key"])
        ]
        process.terminate()
        assert "Traffic is plain HTTP" in process.stderr.read()
    assert statuses == [401, 200]


def test_a_fault_is_switched_on_listed_and_switched_off(running, capsys):
    server = running(learners=2)
    assert main(["faults"]) == 0
    assert says(capsys)[0].startswith(f"No faults are active at {server.url}. There are: broken_json,")
    assert main(["faults", "rate_limit", "--for", "60", "--on", "create", "--learner", "learner-02"]) == 0
    assert main(["faults", "slow", "--times", "3", "--set", "seconds=0.5"]) == 0
    capsys.readouterr()
    assert main(["faults"]) == 0
    assert says(capsys) == [
        f"Active at {server.url}:",
        "fault on for until details",
        "rate_limit create learner-02 60 s retry_after=1",
        "slow any everybody 3 times seconds=0.5",
    ]
    statuses = [
        httpx.post(f"{server.url}/predictions", json=FOX, headers={"x-api-key": each.key}).status_code
        for each in server.learners
    ]
    assert statuses == [200, 429]
    assert main(["faults", "slow", "--clear"]) == 0
    assert [each["name"] for each in server.faults.waiting] == ["rate_limit"]
    assert main(["faults", "--clear"]) == 0
    assert server.faults.waiting == []


def test_without_an_end_a_fault_stays_until_it_is_cleared(running, capsys):
    server = running()
    assert main(["faults", "server_error", "--on", "any"]) == 0
    assert says(capsys)[-1] == "server_error any everybody cleared status=500, accepted=False"
    assert server.faults.waiting[0]["times"] is None


def test_the_last_sandbox_that_still_runs_is_found(running, capsys, tmp_path):
    first, last = running(), running()
    assert [place.url for place in _server.find_running()] == [last.url, first.url]
    dead = _server.RunningSandbox("http://127.0.0.1:1/v1", "sk-sandbox-dead", 9e9)
    folder = _server.folder()
    write_private(folder / "sandbox-1.json", json.dumps(dead._asdict()))
    (folder / "sandbox-2.json").write_text("{ damaged")
    assert main(["faults"]) == 0
    assert last.url in capsys.readouterr().out
    assert main(["faults", "--url", first.url, "--key", first.api_key]) == 0
    assert first.url in capsys.readouterr().out


def test_a_sandbox_is_found_by_the_environment(running, monkeypatch, capsys):
    with Server() as elsewhere:
        running()
        monkeypatch.setenv("SKYTELLS_BASE_URL", elsewhere.url)
        monkeypatch.setenv("SKYTELLS_API_KEY", elsewhere.api_key)
        assert main(["faults"]) == 0
        assert elsewhere.url in capsys.readouterr().out


def test_a_real_key_in_the_environment_is_never_sent(running, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as real:
        server = running()
        monkeypatch.setenv("SKYTELLS_BASE_URL", f"http://127.0.0.1:{real.getsockname()[1]}/v1")
        monkeypatch.setenv("SKYTELLS_API_KEY", "sk-real")
        assert main(["faults"]) == 0
        assert server.url in capsys.readouterr().out
        told = refuses(["faults", "--url", "https://api.skytells.ai/v1", "--key", "sk-real"], capsys)
    assert "It was not sent." in told
    assert "sk-real" not in told


def test_where_sandboxes_run_is_known_to_their_user_alone_and_forgotten_when_they_stop(running):
    with ExitStack() as stack:
        stack.enter_context(_server.registered("http://127.0.0.1:1/v1", "sk-sandbox-a"))
        (file,) = _server.folder().iterdir()
        assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.name == "nt" or stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(_server.folder().iterdir()) == []


def test_without_a_runtime_folder_it_is_the_state_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert _server.folder() == tmp_path / "state" / "skytells-nb"


def test_a_place_that_cannot_be_noted_keeps_no_sandbox_from_running(monkeypatch, tmp_path):
    (tmp_path / "runtime" / "skytells-nb").write_text("in the way")
    with _server.registered("http://127.0.0.1:1/v1", "sk-sandbox-a") as noted:
        assert not noted
    assert _server.find_running() == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--class", "0"], 2, "argument --class: a class has 1 to 500 learners, not 0"),
        (["--class", "-3"], 2, "a class has 1 to 500 learners, not -3"),
        (["--class", "ada,../x"], 2, "'../x' cannot be a learner's name"),
        (["--class", "3", "--budget", "-1"], 2, "a budget is a number of credits, zero or more, not '-1'"),
        (["--class", "3", "--budget", "lots"], 2, "zero or more, not 'lots'"),
        (["--budget", "3"], 2, "--budget belongs to a class; say how large it is with --class"),
        (["--gallery"], 2, "--gallery belongs to a class"),
        (["--class", "3", "--rate-limit", "0"], 1, "at least 1"),
        (["--class", "3", "--keys", "nowhere/keys.csv"], 1, "the keys cannot be written to nowhere"),
        (["--class", "3", "--keys", "notes.txt"], 1, "holds no keys of a class. Nothing was changed"),
        (["--keys", "keys.csv"], 1, "--keys is for a class"),
        (["--class", "3", "--state", "notes.txt"], 1, "cannot be used as a state file"),
        (["--class", "3", "--state", "nowhere/class.db"], 1, "cannot be used as a state file"),
        (["--class", "3", "--host", "0.0.0.0", "--seed", "1"], 1, "Leave one of the two out"),
        (["--host", "203.0.113.7"], 1, "this machine has no address '203.0.113.7'"),
        (["--host", "no such host"], 1, "this machine has no address"),
    ],
)
def test_a_class_that_cannot_be_is_refused_in_a_sentence(words, code, told, capsys, tmp_path):
    (tmp_path / "notes.txt").write_text("these are my notes, and they matter to me\n" * 50)
    assert told in refuses(["sandbox", *words], capsys, code)
    assert (tmp_path / "notes.txt").read_text().startswith("these are my notes")


def test_a_port_in_use_is_said_so(running, capsys):
    port = running().url.split(":")[2].removesuffix("/v1")
    told = refuses(["sandbox", "--class", "3", "--port", port], capsys)
    assert told.startswith(
        f"The sandbox did not start: port {port} of 127.0.0.1 is in use by another program."
    )
    assert "[Errno" not in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nonsense"], "There is no fault 'nonsense'; there are broken_json"),
        (["slow", "--for", "0"], "seconds, more than zero, are needed"),
        (["slow", "--times", "0"], "a fault happens at least once"),
        (["slow", "--on", "nowhere"], "cannot happen on nowhere"),
        (["slow", "--set", "colour=red"], "has no setting colour"),
        (["slow", "--set", "seconds"], "names no value"),
        (["slow", "--learner", "nobody"], "there is no learner 'nobody'; there is no class"),
        (["--for", "3"], "needs a fault's name"),
        (["slow", "--clear", "--times", "3"], "needs a fault's name"),
        (["--url", "http://127.0.0.1:1/v1"], "--key is needed too"),
        (["--key", "sk-sandbox-other"], "--url is needed too"),
        (["--url", "ftp://somewhere", "--key", "sk-sandbox-a"], "is no URL"),
        (["--url", "http://127.0.0.1:1/v1", "--key", "sk-sandbox-a"], "No sandbox answers at"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_in_a_sentence_and_nothing_is_changed(words, told, running, capsys):
    server = running()
    assert told in refuses(["faults", *words], capsys)
    assert server.faults.waiting == []


def test_a_learners_key_switches_nothing(running, capsys):
    server = running(learners=1)
    words = ["faults", "slow", "--url", server.url, "--key", server.learners[0].key]
    assert "wants its own key for this; in a class, the teacher's" in refuses(words, capsys)


def test_a_server_that_is_no_sandbox_is_said_so(capsys):
    with Server() as server:
        url = server.url.replace("/v1", "/elsewhere")
        assert "refused" in refuses(["faults", "--url", url, "--key", server.api_key], capsys)


def test_when_no_sandbox_runs_it_says_how_to_start_one(capsys):
    assert "Start one with: skytells-nb sandbox --class 30" in refuses(["faults"], capsys)


def test_a_sandbox_that_serves_another_program_is_not_the_last_one_started(capfd):
    command = [sys.executable, "-m", "skytells_nb", "sandbox", "--with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        assert _server.find_running() == []
        process.terminate()


def test_the_command_is_the_modules_own(capsys):
    with pytest.raises(SystemExit):
        serve(["--help"])
    told = capsys.readouterr().out
    assert "--class 30" in told
    assert "skytells-nb sandbox" in told


def test_every_option_but_the_forms_of_answers_says_what_it_does():
    choosing = {f"--{name.replace('_', '-')}" for name in choices()}
    silent = [each.option_strings[0] for each in parser()._actions if not each.help]
    assert set(silent) == choosing


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_key_is_not_carried_across_a_redirect(status, capsys):
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("x-api-key"))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"waiting": []}')

        def log_message(self, *_):
            pass

    class Pointing(Elsewhere):
        def do_GET(self):
            self.send_response(status)
            self.send_header("location", f"http://127.0.0.1:{other.server_port}/")
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as other, HTTPServer(("127.0.0.1", 0), Pointing) as first:
        for server in (other, first):
            Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{first.server_port}/v1"
        told = refuses(["faults", "--url", url, "--key", "sk-sandbox-a"], capsys)
        for server in (other, first):
            server.shutdown()
    assert seen == []
    assert "points elsewhere" in told
