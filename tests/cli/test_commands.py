"""The command line, as somebody types it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.cli import main
from skytells_nb.cli._lab import bring, packaged
from skytells_nb.exceptions import SkytellsError
from skytells_nb.sandbox import media


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Stand in an empty folder, with no key."""
    for variable in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL", "SKYTELLS_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def size_of(picture):
    with Image.open(picture) as opened:
        return opened.size


def test_demo_makes_four_variations_keeps_them_and_says_what_they_took_and_cost(capsys):
    assert main(["demo", "a red fox in snow", "--model", "truefusion-edge", "--size", "256"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "Sandbox" in told[0]
    assert told[1].split() == ["prompt", "model", "took", "cost"]
    assert [line.split()[-2:] for line in told[2:7]] == [["0.01", "credits"]] * 4 + [["0.04", "credits"]]
    files = [Path(line) for line in told[7:]]
    assert len(files) == 5
    assert [size_of(file) for file in files[:4]] == [(256, 256)] * 4
    assert files[4].name == "contact-sheet.png"
    assert size_of(files[4])[0] > 512


def test_demo_with_a_model_that_does_not_exist_fails_in_one_readable_line(capsys):
    assert main(["demo", "--model", "no-such-model"]) == 1
    assert capsys.readouterr().err.startswith("NotFoundError: There is no model 'no-such-model'.")
    assert main(["demo", "--model", "truefusion-porr"]) == 1
    assert "Did you mean 'truefusion-pro'?" in capsys.readouterr().err


def test_demo_where_nothing_can_be_written_says_so_before_anything_is_sent(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["demo", "--folder", "file/pictures"]) == 1
    told = capsys.readouterr()
    assert "Nothing was sent" in told.err
    assert told.out == ""


def test_demo_tells_of_what_was_made_although_one_of_them_failed(capsys, monkeypatch):
    with sky.Sandbox(seconds=0.05) as sandbox:
        monkeypatch.setenv("SKYTELLS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SKYTELLS_BASE_URL", sandbox.url)
        sandbox.faults.next("failed", reason="Too dark.")
        assert main(["demo", "a fox", "--model", "truefusion-edge", "--size", "256"]) == 1
        assert sandbox.billed == 3
    told = capsys.readouterr()
    assert told.out.count("truefusion-edge") == 3
    assert len([line for line in told.out.splitlines() if line.endswith(".png")]) == 4
    assert told.err.startswith("PredictionError")
    assert "Too dark" in told.err


def test_lab_brings_the_notebooks_and_never_over_a_changed_one(tmp_path):
    assert bring(tmp_path / "here") == []
    brought = sorted((tmp_path / "here").glob("*.ipynb"))
    assert brought[0].name == "01_first_prediction.ipynb"
    brought[0].write_text("mine")
    assert bring(tmp_path / "here") == [f"{brought[0]} was changed, and is left as it is."]
    assert brought[0].read_text() == "mine"


@pytest.mark.parametrize(("metadata", "words"), [(None, "not installed"), ("3.6.8", "too old")])
def test_lab_without_a_jupyterlab_that_will_do_says_what_to_install(
    tmp_path, monkeypatch, capsys, metadata, words
):
    def version(name):
        if metadata is None:
            raise PackageNotFoundError(name)
        return metadata

    monkeypatch.setattr("skytells_nb.cli._lab.version", version)
    assert main(["lab"]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "pip install" in told
    assert not (tmp_path / "notebooks").exists()


def test_lab_in_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SkytellsError, match="Cannot write the lessons"):
        bring(tmp_path / "file" / "notebooks")


@pytest.fixture
def jupyterlab_that_tells(tmp_path, monkeypatch):
    """Put a JupyterLab there that only says what it was started with."""
    fake = tmp_path / "modules" / "jupyterlab"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("")
    (fake / "__main__.py").write_text(
        "import os, sys; env = os.environ.get\n"
        "print(env('SKYTELLS_API_KEY'), env('SKYTELLS_BASE_URL'), sys.argv[1:])"
    )
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://10.0.0.1:8000/v1", True),
        ("", False),
        ("https://api.skytells.ai/v1", False),
        ("https://API.Skytells.AI:443", False),
    ],
)
@pytest.mark.parametrize("words", [[], ["--real"]], ids=["", "real"])
def test_lab_gives_a_sandbox_s_key_to_sandboxes_alone(
    jupyterlab_that_tells, monkeypatch, capfd, url, seen, words
):
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-sandbox-ada-1")
    monkeypatch.setenv("SKYTELLS_BASE_URL", url)
    assert main(["lab", *words]) == 0
    told = capfd.readouterr().out
    assert ("sk-sandbox-ada-1" in told) is seen
    assert ("hidden" in told) is not seen


def test_lab_hides_a_real_key_with_its_address(jupyterlab_that_tells, monkeypatch, capfd):
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-real")
    monkeypatch.setenv("SKYTELLS_BASE_URL", "https://proxy.example/v1")
    assert main(["lab"]) == 0
    assert "None None" in capfd.readouterr().out


def test_lab_in_a_clone_opens_a_copy_that_git_ignores(jupyterlab_that_tells, monkeypatch, capfd):
    clone = packaged()[0].parents[1]
    copy = clone / "my-notebooks"
    there = copy.exists()
    monkeypatch.chdir(clone)
    try:
        assert main(["lab"]) == 0
        assert str(copy) in capfd.readouterr().out
        assert (copy / ".gitignore").read_text() == "*\n"
        assert (copy / packaged()[0].name).exists()
    finally:
        if not there:
            shutil.rmtree(copy)


def test_the_lessons_are_lessons_alone():
    assert {file.suffix for file in packaged()[0].parent.iterdir() if file.is_file()} == {".ipynb"}


def test_lab_says_where_it_is_and_how_to_stop(jupyterlab_that_tells, tmp_path, capfd):
    assert main(["lab", "--no-browser"]) == 0
    told = capfd.readouterr().out
    assert f"The lessons are in {tmp_path / 'notebooks'}" in told
    assert "press Ctrl+C" in told
    assert "--LabApp.news_url=None" in told
    with pytest.raises(SystemExit):
        main(["lab", "--help"])
    assert "go on to JupyterLab" in capfd.readouterr().out


def test_lab_says_its_address_and_asks_nothing_about_news(tmp_path):
    command = [sys.executable, "-m", "skytells_nb", "lab", "--no-browser", "--port=0", "--allow-root"]
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "HOME": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as lab:
        assert lab.stdout is not None
        try:
            url = next(line.split()[-1] for line in lab.stdout if line.startswith("JupyterLab is at"))
            page = httpx.get(url, follow_redirects=True, trust_env=False, timeout=60).text
        finally:  # else it would be waited for, for ever
            for server in (tmp_path / "runtime").glob("jpserver-*.json"):
                os.kill(json.loads(server.read_text())["pid"], signal.SIGTERM)
    assert re.search(r'"news": *{"disabled": *true}', page)


@pytest.mark.parametrize(("words", "seen"), [([], "hidden"), (["--real"], "sk-real")])
def test_lab_hides_the_key_from_kernels_unless_told(jupyterlab_that_tells, monkeypatch, capfd, words, seen):
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-real")
    assert main(["lab", *words, "--no-browser"]) == 0
    told = capfd.readouterr().out
    assert seen in told
    assert ("sk-real" in told) is bool(words)
    assert "--no-browser" in told
    assert "01_first_prediction.ipynb" in told


def test_sandbox_serves_until_it_is_told_to_stop():
    command = [sys.executable, "-m", "skytells_nb", "sandbox", "--port", "0", "--seconds", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        answer = httpx.get(f"{told['url']}/models", headers={"x-api-key": told["api_key"]}, trust_env=False)
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert answer.status_code == 200
    assert "x-skytells-sandbox" in answer.headers


def test_models_prints_the_price_list(capsys):
    assert main(["models"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1].split()[:2] == ["model", "type"]
    assert any(line.startswith("truefusion ") and "0.03" in line for line in told)


def test_spend_sums_up_the_archive_and_the_listing_alike(capsys):
    assert main(["demo", "a fox", "--model", "truefusion-edge", "--size", "256"]) == 0
    capsys.readouterr()
    assert main(["spend"]) == 0
    kept = capsys.readouterr().out
    assert "truefusion-edge" in kept
    assert "4" in kept
    assert main(["spend", "--by", "model", "--by", "status", "--freq", "D"]) == 0
    assert "succeeded" in capsys.readouterr().out
    assert main(["spend", "--api"]) == 0
    assert "truefusion-edge" in capsys.readouterr().out


def test_spend_where_no_archive_is_says_what_to_do(capsys):
    assert main(["spend"]) == 1
    assert "--folder" in capsys.readouterr().err


def test_an_unknown_word_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "a fox", "--colour", "red"])
    assert "--colour" in capsys.readouterr().err


def test_nothing_said_is_help(capsys):
    assert main([]) == 0
    assert "predictions" in capsys.readouterr().out


@pytest.fixture
def kept(monkeypatch):
    """Work on a sandbox that outlives a command, and draws small."""

    def draw(kind, input, **which):
        return media.draw(kind, {**input, "width": 64, "height": 64}, **which)

    painter = SimpleNamespace(draw=draw, file_type=media.file_type)
    with sky.Sandbox(seconds=0, media=painter) as sandbox, sandbox.client(archive=False) as client:
        monkeypatch.setenv("SKYTELLS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SKYTELLS_BASE_URL", sandbox.url)
        yield client, sandbox


def test_predictions_are_listed_by_model_status_and_time(kept, capsys):
    client, _ = kept
    fox = client.predictions.create("truefusion-edge", {"prompt": "a fox"})
    client.predictions.create("truefusion", {"prompt": "an owl"}, wait=False)
    for words, seen in (
        ([], 2),
        (["--model", "TrueFusion Edge"], 1),
        (["--status", "succeeded", "--model", "truefusion-edge"], 1),
        (["--since", "1h"], 2),
        (["--until", "2020-01-01"], 0),
        (["--limit", "1"], 1),
        (["--limit", "0"], 2),
    ):
        assert main(["predictions", *(["list"] * (seen < 2)), *words]) == 0
        lines = capsys.readouterr().out.splitlines()[1:]
        assert (f"{seen} prediction" in lines[-1]) if seen else (lines == ["No predictions."])
        assert len([line for line in lines if line.startswith("sandbox-")]) == seen
    assert main(["predictions", "list", "--json", "--model", "truefusion-edge"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2])[0]["id"] == fox.id


def test_one_prediction_is_looked_at_waited_for_canceled_and_saved(kept, capsys, tmp_path):
    client, _ = kept
    fox = client.predictions.create("truefusion-edge", {"prompt": "a fox"}, wait=False)
    assert main(["predictions", "wait", fox.id]) == 0
    told = capsys.readouterr().out
    assert "succeeded" in told
    assert "0.01 credits" in told
    assert main(["predictions", "get", fox.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2])["id"] == fox.id
    assert main(["predictions", "save", fox.id, str(tmp_path / "fox.png")]) == 0
    assert size_of(tmp_path / "fox.png")


def test_a_prediction_is_canceled(monkeypatch, capsys):
    with sky.Sandbox(seconds=60) as sandbox, sandbox.client(archive=False) as client:
        monkeypatch.setenv("SKYTELLS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SKYTELLS_BASE_URL", sandbox.url)
        slow = client.predictions.create("truefusion-edge", {"prompt": "a fox"}, wait=False)
        assert main(["predictions", "cancel", slow.id]) == 0
        assert client.predictions.get(slow.id).status == "canceled"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "--model", "truefuzion"], "Did you mean 'truefusion'?"),
        (["get", "no-such-id"], "NotFoundError"),
        (["list", "--since", "soon"], "InvalidInputError"),
        (["list", "--since", "999999d"], "before all time"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(kept, capsys, words, told):
    assert main(["predictions", *words]) == 1
    assert told in capsys.readouterr().err


def test_a_status_is_one_of_five(capsys):
    with pytest.raises(SystemExit):
        main(["predictions", "list", "--status", "done"])
    assert "succeeded" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["predictions", "lsit"])
    assert "Did you mean 'list'?" in capsys.readouterr().err


def test_every_model_has_an_example_that_runs(kept, capsys):
    client, _ = kept
    slugs = [model.id for model in client.models.list() if model.type in ("image", "audio")]
    assert len(slugs) > 5
    for slug in slugs:
        assert main(["models", slug]) == 0
        told = capsys.readouterr().out
        code = told[told.index("import skytells_nb") :].replace("prediction.show()", "")
        assert "PromptForm" not in code, slug
        names = {}
        exec(code, names)
        assert names["prediction"].status == "succeeded", slug
        names["client"].close()


def test_a_model_s_inputs_are_printed(kept, capsys):
    assert main(["models", "Truefusion"]) == 0
    told = capsys.readouterr().out
    assert "prompt" in told
    assert "required" in told
    assert main(["models", "truefuson"]) == 1
    assert "Did you mean 'truefusion'?" in capsys.readouterr().err
