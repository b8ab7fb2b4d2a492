"""The command line, as somebody types it."""

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import pytest
from PIL import Image

import skytells_nb as sky
from skytells_nb.cli import main
from skytells_nb.cli.lab import bring
from skytells_nb.exceptions import SkytellsError


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
    assert told[1].split() == ["prompt", "model", "seconds", "credits"]
    assert [line.split()[-1] for line in told[2:7]] == ["0.0100"] * 4 + ["0.0400"]
    files = [Path(line) for line in told[7:]]
    assert len(files) == 5
    assert [size_of(file) for file in files[:4]] == [(256, 256)] * 4
    assert files[4].name == "contact-sheet.png"
    assert size_of(files[4])[0] > 512


def test_demo_with_a_model_that_does_not_exist_fails_in_one_readable_line(capsys):
    assert main(["demo", "--model", "no-such-model"]) == 1
    assert capsys.readouterr().err.startswith("NotFoundError: The API does not know")


def test_demo_where_nothing_can_be_written_says_so_before_anything_is_sent(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["demo", "--folder", "file/pictures"]) == 1
    told = capsys.readouterr()
    assert "Nothing was sent, so nothing was billed" in told.err
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
    assert "Too dark." in told.err


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

    monkeypatch.setattr("skytells_nb.cli.lab.version", version)
    assert main(["lab"]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "pip install" in told
    assert not (tmp_path / "notebooks").exists()


def test_lab_in_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SkytellsError, match="cannot be written"):
        bring(tmp_path / "file" / "notebooks")


@pytest.fixture
def jupyterlab_that_tells(tmp_path, monkeypatch):
    """Put a JupyterLab there that only says what it was started with."""
    fake = tmp_path / "modules" / "jupyterlab"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("")
    (fake / "__main__.py").write_text(
        "import os, sys; print(os.environ.get('SKYTELLS_API_KEY'), sys.argv[1:])"
    )
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))


@pytest.mark.parametrize(("url", "seen"), [("http://10.0.0.1:8000/v1", True), ("", False)])
def test_lab_leaves_the_key_of_a_class_to_the_kernels(jupyterlab_that_tells, monkeypatch, capfd, url, seen):
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-sandbox-ada-1")
    monkeypatch.setenv("SKYTELLS_BASE_URL", url)
    assert main(["lab"]) == 0
    told = capfd.readouterr().out
    assert ("sk-sandbox-ada-1" in told) is seen
    assert ("hidden" in told) is not seen


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
    assert any(line.startswith("truefusion ") and "$0.03/image" in line for line in told)


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
