"""`connect` says whom it talks to; a `Sandbox` brings its own clients."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import skytells_nb as sky
from skytells_nb import _connect
from skytells_nb.exceptions import AuthenticationError, InvalidInputError, NetworkError, SkytellsError

PROJECT = Path(__file__).parents[1]
INPUT = {"prompt": "a lighthouse"}


@pytest.fixture(autouse=True)
def no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_embedded_sandbox_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_connect, "_embedded", {})
    yield
    for sandbox in _connect._embedded.values():
        if isinstance(sandbox, sky.Sandbox):
            sandbox.stop()


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_without_a_key_it_is_the_sandbox_and_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with sky.connect() as client:
        [line] = capsys.readouterr().out.splitlines()
        assert line.startswith(f"Sandbox at {client.base_url}: ")
        assert "nothing here is real and nothing costs money" in line
        assert "SKYTELLS_API_KEY" in line
        assert client.predictions.create("truefusion-edge", INPUT).id.startswith("sandbox-")


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_the_embedded_sandbox_is_one_for_the_whole_process() -> None:
    with sky.connect() as one, sky.connect("") as other, sky.connect(api_key=None, timeout=5) as third:
        assert one.base_url == other.base_url == third.base_url
        made = one.predictions.create("truefusion-edge", INPUT)
        assert other.predictions.get(made.id).id == made.id
        assert third.connection.timeout == 5
    assert sky.connect().predictions.get(made.id).id == made.id, "closing a client stops no sandbox"


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_a_base_url_in_the_environment_without_a_key_does_not_get_the_sandbox_s_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKYTELLS_BASE_URL", "https://api.example/v1")
    with sky.connect() as client:
        assert client.base_url.startswith("http://127.0.0.1:")


def test_with_a_key_it_is_the_real_api_and_says_that_it_costs_money(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-in-the-environment")
    for given in (None, "", "sk-given"):
        client = sky.connect(given)
        [line] = capsys.readouterr().out.splitlines()
        assert client.base_url == "https://api.skytells.ai/v1"
        assert (
            line
            == "Skytells API at https://api.skytells.ai/v1: predictions are real, and billed to your key."
        )
        assert "sk-" not in line
    assert client.connection.key.reveal() == "sk-given"
    client = sky.connect("sk-given", base_url="https://edge.skytells.ai/v1", max_retries=7)
    assert capsys.readouterr().out == (
        "API at https://edge.skytells.ai/v1: predictions are billed to your key there.\n"
    )
    assert client.connection.policy.max_retries == 7


def test_a_sandbox_elsewhere_is_called_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sky.Sandbox(seconds=0) as sandbox:
        monkeypatch.setenv("SKYTELLS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SKYTELLS_BASE_URL", sandbox.url)
        with sky.connect() as client:
            assert capsys.readouterr().out == (
                f"Sandbox at {sandbox.url}: nothing here is real and nothing costs money.\n"
            )
            assert client.predictions.create("truefusion", INPUT).status == "succeeded"
        assert sandbox.billed == 1


@pytest.mark.parametrize("url", ["https://api.skytells.ai/v1", "https://edge.skytells.ai/v1"])
def test_the_real_api_is_never_called_a_sandbox_whatever_the_key_looks_like(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sky.connect("sk-sandbox-left-in-the-environment", base_url=url):
        said = capsys.readouterr().out
    assert "billed to your key" in said
    assert "andbox" not in said


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_what_can_be_no_key_is_refused_instead_of_taken_for_none(capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("sk-one\nsk-two", "   ", 5, b"sk-bytes", b"", False):
        with pytest.raises(AuthenticationError) as caught:
            sky.connect(key)  # type: ignore[arg-type]
        assert caught.value.charged is False
    with pytest.raises(AuthenticationError, match="No API key for that base_url"):
        sky.connect(base_url="https://api.example/v1")
    with pytest.raises(InvalidInputError):
        sky.connect(timeout=-1)
    with pytest.raises(TypeError, match="nonsense"):
        sky.connect(nonsense=True)
    assert "real" not in capsys.readouterr().out.replace("nothing here is real", "")


def test_a_sandbox_has_clients_of_both_kinds() -> None:
    with sky.Sandbox(seconds=0) as sandbox:
        with sandbox.client(timeout=5) as client:
            assert client.connection.timeout == 5
            assert client.base_url == sandbox.url
            assert client.predictions.create("truefusion", INPUT).status == "succeeded"

        async def main() -> str:
            async with sandbox.async_client(max_retries=0) as awaiting:
                return (await awaiting.predictions.create("truefusion", INPUT)).status

        assert asyncio.run(main()) == "succeeded"
        assert sandbox.billed == 2
        assert client.connection.account.sandbox, "it has said that it is one"


def test_a_sandbox_that_is_not_running_has_no_clients() -> None:
    with pytest.raises((RuntimeError, SkytellsError), match="not been started"):
        sky.Sandbox().client()


CREATE = """
import sys, skytells_nb as sky
client = sky.connect()
print(client.base_url, client.predictions.create("truefusion-edge", {"prompt": "an owl"}).id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Connect in another process that stands in the same folder, and create there; its stdin keeps it up."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")}
    with subprocess.Popen(
        [sys.executable, "-c", CREATE],
        env={**environment, "PYTHONPATH": str(PROJECT)},
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def reached_at(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    process.stdout.readline()
    url, id = process.stdout.readline().split()
    return url, id


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_after_a_restart_the_sandbox_is_the_same_and_knows_its_predictions(
    other_process: subprocess.Popen[str],
) -> None:
    url, id = reached_at(other_process)
    other_process.kill()
    other_process.wait()
    with sky.connect() as client:
        assert client.base_url == url
        assert [each.id for each in client.predictions.list()] == [id]
        assert client.predictions.get(id).status == "succeeded"


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_two_processes_in_one_folder_share_a_sandbox_and_one_takes_it_over(
    other_process: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    url, id = reached_at(other_process)
    with sky.connect() as client:
        assert f"shared with process {other_process.pid}" in capsys.readouterr().out
        assert client.base_url == url
        mine = client.predictions.create("truefusion-edge", INPUT).id
        other_process.kill()
        other_process.wait()
        with sky.connect() as again:
            assert "shared" not in capsys.readouterr().out
            assert again.base_url == url
            assert [each.id for each in again.predictions.list()] == [mine, id]
        assert client.predictions.get(mine).id == mine, "the first client finds it where it was"


def test_a_sandbox_that_is_gone_is_said_to_be_gone() -> None:
    with sky.Sandbox(seconds=0) as sandbox:
        client = sandbox.client(max_retries=0)
        url = client.base_url
    with client, pytest.raises(NetworkError, match=f"The sandbox at {url} has ended") as caught:
        client.predictions.create("truefusion", INPUT)
    assert "sky.connect()" in str(caught.value)
    assert caught.value.charged is False


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_where_nothing_can_be_kept_the_sandbox_says_that_it_forgets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "skytells_outputs").mkdir()
    (tmp_path / "skytells_outputs" / ".sandbox").write_text("no folder")
    with sky.connect() as client:
        assert "It forgets everything when this process ends" in capsys.readouterr().out
        assert client.models.list()


@pytest.mark.usefixtures("no_embedded_sandbox_yet")
def test_each_archive_has_a_sandbox_and_without_one_it_is_the_last() -> None:
    with sky.connect() as one, sky.connect(archive="elsewhere") as other, sky.connect(archive=False) as none:
        assert one.base_url != other.base_url == none.base_url


CARELESS = """
import asyncio
import skytells_nb as sky

client = sky.connect()
client.predictions.create("truefusion-edge", {"prompt": "a lighthouse"})
asyncio.run(client.as_async().predictions.create("truefusion-edge", {"prompt": "a lighthouse"}))
sky.run(client.as_async().predictions.create("truefusion-edge", {"prompt": "a lighthouse"}))
print("done")
"""


def test_a_process_that_connected_ends_cleanly_without_closing_anything(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", CARELESS],
        env={**environment, "PYTHONPATH": str(PROJECT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert complaints == [], "but for asyncio's, that a machine is slow"
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Sandbox at ")
    assert lines[1:] == ["done"]


class TestInProcess:
    """`Sandbox(transport="inprocess")`: the same clients, without a socket."""

    def test_both_clients_create_load_and_list(self) -> None:
        threads = {thread.name for thread in threading.enumerate()}
        with (
            sky.Sandbox(transport="inprocess", seconds=0) as sandbox,
            sandbox.client(archive=False) as client,
        ):
            made = client.predictions.create("truefusion-edge", INPUT)
            assert sky.load(made).size == (512, 512)
            assert sandbox.url.endswith("/v1")
            assert [each.id for each in client.predictions.list()] == [made.id]

            async def main() -> str:
                async with sandbox.async_client(archive=False) as awaiting:
                    return (await awaiting.predictions.create("truefusion-edge", INPUT)).status

            assert asyncio.run(main()) == "succeeded"
            assert sandbox.billed == 2
        assert "skytells-sandbox" not in {thread.name for thread in threading.enumerate()} - threads

    def test_an_archive_keeps_what_was_made_there(self) -> None:
        with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=True) as client:
            [file] = client.predictions.create("truefusion-edge", INPUT).files
            assert file.read_bytes().startswith(b"\x89PNG")

    def test_a_lost_answer_is_found_and_not_paid_for_twice(self) -> None:
        with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client() as client:
            client.predictions.create("truefusion-edge", INPUT)
            sandbox.faults.next("drop_after")
            assert client.predictions.create("truefusion-edge", {"prompt": "an owl"}).status == "succeeded"
            assert sandbox.billed == 2

    def test_another_transport_is_refused(self) -> None:
        with pytest.raises(ValueError, match="transport must be 'http' or 'inprocess'"):
            sky.Sandbox(transport="pigeon")  # type: ignore[arg-type]
