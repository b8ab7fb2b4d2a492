"""What a stranger installs works: the wheel, README's first command, Binder's requirements, Colab's cell.

What is typed is typed word for word, in a copy that holds only what is tracked. One environment serves all,
in the order of this file: first the wheel with nothing that it does not ask for, then Binder's requirements
on top. What they ask for is linked from the environment of the tests, where pip put it: to unpack it once
more would take minutes. The Python is the one that runs the tests, since Binder's 3.12 cannot be had
everywhere.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple

import pytest
from checkout import PROJECT, clean_environment, run, tracked_files
from packaging.requirements import Requirement

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


class Venv(NamedTuple):
    """An environment, and the copy of the project that it was installed from."""

    bin: Path
    checkout: Path

    def environment(self, home: Path) -> dict[str, str]:
        """Give the variables of a shell in which it is active, with settings of its own in ``home``."""
        return {
            **clean_environment(home),
            "VIRTUAL_ENV": str(self.bin.parent),
            "PATH": f"{self.bin}{os.pathsep}{clean_environment(home)['PATH']}",
            "PIP_NO_BUILD_ISOLATION": "0",  # which means "none"; what builds the project is there already
        }


def asked_for(wanted: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """Add to ``found`` what a requirement asks for, directly or not; the project itself is not among it."""
    requirement = Requirement(wanted)
    here = distribution(requirement.name)
    mark = f"{here.name}[{','.join(sorted(requirement.extras))}]"
    if mark in found:
        return found
    found[mark] = here
    for line in here.requires or ():
        needed = Requirement(line)
        extras = requirement.extras or {""}
        if needed.marker is None or any(needed.marker.evaluate({"extra": each}) for each in extras):
            asked_for(f"{needed.name}[{','.join(needed.extras)}]", found)
    return found


def link_what_is_asked_for(wanted: str, venv: Path) -> None:
    """Put what a requirement asks for into an environment, as pip put it into that of the tests."""
    for each in asked_for(wanted, {}).values():
        if each.name == "skytells-nb":
            continue
        files = [Path(os.path.normpath(each.locate_file(file))) for file in each.files or ()]
        compiled = [Path(cache_from_source(str(file))) for file in files if file.suffix == ".py"]
        for source in {*files, *compiled}:
            target = venv / source.relative_to(sys.prefix)
            if target.exists() or not source.is_file():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.parent == Path(sys.executable).parent:  # its first line names the Python that runs it
                target.write_bytes(source.read_bytes().replace(bytes(Path(sys.prefix)), bytes(venv), 1))
                target.chmod(0o755)
            else:
                target.hardlink_to(source)


@pytest.fixture(scope="module")
def wheel_venv(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Build the wheel and install it, with nothing that it does not ask for, into an empty environment."""
    place = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "venv", checkout / ".venv"], checkout, clean_environment(place))
    venv = Venv(checkout / ".venv/bin", checkout)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place / "dist"]
    run(build, checkout, clean_environment(place))
    (wheel,) = (place / "dist").glob("*.whl")
    for wanted in ("hatchling", "skytells-nb"):
        link_what_is_asked_for(wanted, checkout / ".venv")
    pip = [venv.bin / "python", "-m", "pip", "install", "--quiet", "--no-index", wheel]
    run(pip, checkout, venv.environment(place))
    return venv


@pytest.fixture(scope="module")
def binder_venv(wheel_venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Install what ``binder/requirements.txt`` says, word for word, on top of the wheel."""
    home = tmp_path_factory.mktemp("home")
    link_what_is_asked_for("skytells-nb[lab]", wheel_venv.bin.parent)
    pip = [wheel_venv.bin / "python", "-m", "pip", "install", "--quiet", "-r", "binder/requirements.txt"]
    run(pip, wheel_venv.checkout, wheel_venv.environment(home))
    return wheel_venv


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


_NAMES = """
import importlib.metadata, importlib.util, pathlib
import skytells_nb as sky

home = pathlib.Path(sky.__file__).parent
assert "site-packages" in home.parts, home
assert (home / "py.typed").is_file(), "py.typed is not in the wheel"
assert list((home / "notebooks").glob("*.ipynb")), "the notebooks are not in the wheel"
assert sky.__version__ == importlib.metadata.version("skytells-nb")
assert importlib.util.find_spec("jupyterlab") is None, "more than the wheel asks for"
for name in sky.__all__:
    assert getattr(sky, name) is not None, name
"""


def test_the_wheel_has_every_name_and_its_commands(wheel_venv: Venv, tmp_path: Path):
    environment = wheel_venv.environment(tmp_path)
    run([wheel_venv.bin / "python", "-W", "error", "-c", _NAMES], tmp_path, environment)
    for command in ([wheel_venv.bin / "skytells-nb"], [wheel_venv.bin / "python", "-m", "skytells_nb"]):
        assert "lab" in run([*command, "--help"], tmp_path, environment)


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


def test_a_lesson_runs_in_an_empty_environment_with_exactly_what_binder_installs(binder_venv: Venv, tmp_path):
    environment = {**binder_venv.environment(tmp_path), "SKYTELLS_API_KEY": "sk-real"}
    run(["binder/postBuild"], binder_venv.checkout, environment)
    lesson = "notebooks/01_first_prediction.ipynb"
    nbconvert = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir", tmp_path / "ran"]
    run(["binder/start", *nbconvert, lesson], binder_venv.checkout, environment)
    cells = json.loads((tmp_path / "ran" / Path(lesson).name).read_text("utf-8"))["cells"]
    said = json.dumps([cell.get("outputs") for cell in cells])
    assert re.search(r"Sandbox at http://127\.0\.0\.1:\d+/v1: no key found", said)
    assert "data:image/" in said


def test_what_the_lessons_import_is_there(binder_venv: Venv, tmp_path: Path):
    lessons = "".join(path.read_text("utf-8") for path in (PROJECT / "notebooks").glob("*.ipynb"))
    imports = sorted(set(re.findall(r'"((?:import|from) [\w. ,]+)', lessons)))
    assert len(imports) > 5
    imports.append("import matplotlib.pyplot")  # what pandas draws with
    run([binder_venv.bin / "python", "-c", "\n".join(imports)], tmp_path, binder_venv.environment(tmp_path))


def test_the_first_command_opens_the_notebooks_in_jupyterlab(binder_venv: Venv, tmp_path: Path):
    # README's pip finds most of its work done by Binder's requirements. They must be the same to be fair.
    wanted = (PROJECT / "binder/requirements.txt").read_text("utf-8").strip()
    command = blocks("README.md", "bash")[0]
    assert f'pip install -e "{wanted}"' in command
    assert command.endswith("skytells-nb lab\n")
    typed = command.rstrip() + " --no-browser --allow-root --ServerApp.port=0 --IdentityProvider.token=fox"
    environment = binder_venv.environment(tmp_path)
    del environment["VIRTUAL_ENV"], environment["PIP_NO_BUILD_ISOLATION"]
    with shell_running(typed, binder_venv.checkout, environment) as (lines, address):
        assert "/lab/tree/01_first_prediction.ipynb" in address, "".join(lines)
        root, _, _ = address.partition("/lab")
        page = fetch(f"{root}/lab?token=fox").decode()
        assert "JupyterLab" in page
        listing = json.loads(fetch(f"{root}/api/contents?token=fox"))
        assert {"01_first_prediction.ipynb", "02_looking.ipynb"} <= {e["name"] for e in listing["content"]}
