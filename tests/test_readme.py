"""What README says to type is typed here, word for word, in a copy that holds only what is tracked.

Its first bash block, with a JupyterLab that opens no browser; its second is how CI runs these tests. Its
Python blocks, in order, from an empty folder, with the wheel installed in an empty environment. And the cell
that docs/friends.md gives for Colab, with this copy in the place of the repository's address.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkout import PROJECT, Venv, run, tracked_files

pytest_plugins = ["checkout"]

PATIENCE = 240.0
"""Seconds after which something that does not come is given up; generous, because machines are shared."""

_HERE = "http://127.0.0.1"
_CELLS = """
import asyncio, json, sys, warnings
from IPython.core.interactiveshell import InteractiveShell

warnings.simplefilter("error")
shell = InteractiveShell.instance()
for cell in json.load(sys.stdin):
    print(">>>", cell, flush=True)
    ran = shell.run_cell(cell, store_history=True)
    if not ran.success:
        sys.exit("It did not run.")
"""


def blocks(document: str, language: str) -> list[str]:
    text = (PROJECT / document).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def run_cells(cells: list[str], venv: Venv, folder: Path, home: Path) -> str:
    """Run cells as a notebook does, one after the other, with top-level ``await`` and magics."""
    done = subprocess.run(
        [venv.bin / "python", "-c", _CELLS],
        cwd=folder,
        env=venv.environment(home),
        input=json.dumps(cells),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def shell_running(script: str, cwd: Path, environment: dict[str, str]) -> Iterator[tuple[list[str], str]]:
    """Run a script until it tells an address; gives its lines so far and the address, then ends it all."""
    lines: list[str] = []
    told = threading.Event()
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:

        def listen() -> None:
            assert shell.stdout is not None
            for line in shell.stdout:
                lines.append(line)
                if f"{_HERE}:" in line:
                    told.set()
            told.set()

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            told.wait(PATIENCE)
            found = re.search(rf"{_HERE}:\d+/\S+", "".join(lines))
            assert found, f"no address was told:\n{''.join(lines)}"
            yield lines, found[0]
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
            try:
                shell.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(shell.pid, signal.SIGKILL)
            listener.join(30)


def fetch(address: str) -> bytes:
    """Read an address, which may be told a moment before it is served."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(address, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.URLError as error:
            refused = isinstance(error.reason, ConnectionRefusedError)
            if not refused or time.monotonic() > until:
                raise
            threading.Event().wait(0.1)


def test_the_first_command_opens_the_notebooks_in_jupyterlab(binder_venv: Venv, tmp_path: Path):
    # The copy has the environment that Binder's requirements made, so README's pip finds most of its work
    # done. They must be the same for that to be fair.
    wanted = (PROJECT / "binder/requirements.txt").read_text("utf-8").strip()
    command = blocks("README.md", "bash")[0]
    assert f'pip install -e "{wanted}"' in command
    assert command.endswith("skytells-nb lab\n")
    typed = command.rstrip() + " --no-browser --allow-root --ServerApp.port=0 --IdentityProvider.token=fox"
    environment = {
        name: value for name, value in binder_venv.environment(tmp_path).items() if name != "VIRTUAL_ENV"
    }
    with shell_running(typed, binder_venv.checkout, environment) as (lines, address):
        assert "/lab/tree/01_first_prediction.ipynb" in address, "".join(lines)
        root, _, _ = address.partition("/lab")
        page = fetch(f"{root}/lab?token=fox").decode()
        assert "JupyterLab" in page
        listing = json.loads(fetch(f"{root}/api/contents?token=fox"))
        assert {"01_first_prediction.ipynb", "02_looking.ipynb"} <= {e["name"] for e in listing["content"]}


def test_the_second_command_is_how_the_tests_are_run():
    command = blocks("README.md", "bash")[1]
    assert 'pip install -e ".[dev]"' in command
    assert command.endswith("python -m pytest -n 2 --dist loadfile\n")


def test_the_figures_are_those_that_were_measured():
    readme = (PROJECT / "README.md").read_text("utf-8")
    measured = (PROJECT / "benchmarks/README.md").read_text("utf-8")
    (row,) = re.findall(r"^\|.*\[measured\].*\|$", readme, re.M)
    figures = re.findall(r"[\d.]+ to [\d.]+|\d+\.\d\d", row)
    assert len(figures) >= 4
    assert [figure for figure in figures if figure not in measured] == []


def test_every_picture_is_there_in_light_and_dark():
    readme = (PROJECT / "README.md").read_text("utf-8")
    shown = re.findall(r'(?:srcset="|src="|\]\()(docs/pictures/[^")]+)', readme)
    assert {PROJECT / path for path in shown} == set((PROJECT / "docs/pictures").iterdir())


def test_the_tour_runs_with_the_wheel_in_an_empty_folder(wheel_venv: Venv, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    told = run_cells(blocks("README.md", "python"), wheel_venv, empty, tmp_path)
    assert "Sandbox at http://127.0.0.1:" in told
    kept = [
        file for file in (empty / "skytells_outputs").rglob("*") if file.suffix in (".png", ".webp", ".jpg")
    ]
    assert len(kept) >= 5, told


def test_the_colab_cell_installs_from_the_repository_and_connects(wheel_venv: Venv, tmp_path: Path):
    (cell,) = (each for each in blocks("docs/friends.md", "python") if each.startswith("%pip"))
    repository = tracked_files(tmp_path / "repository")
    git = ["git", "-c", "user.name=fox", "-c", "user.email=fox@example.org"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all of it"]):
        run([*git, *words], repository, dict(os.environ))
    here = cell.replace("https://github.com/OWNER/REPO", f"file://{repository}")
    assert here != cell
    run(
        [wheel_venv.bin / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "skytells-nb"],
        tmp_path,
        wheel_venv.environment(tmp_path),
    )
    told = run_cells([here], wheel_venv, tmp_path, tmp_path)
    assert "Sandbox at http://127.0.0.1:" in told
