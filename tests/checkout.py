"""A stranger's copy of this project: only what is tracked, and environments that hold only what it asks for.

    pytest_plugins = ["checkout"]

gives a module the fixtures `checkout`, `binder_venv` and `wheel_venv`, each made once for all tests. The
Python is the one that runs the tests; packages come from wherever pip gets them.

PYTEST_DONT_REWRITE: tests import from here as well, before pytest could.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["PROJECT", "Venv", "clean_environment", "run", "tracked_files"]

PROJECT = Path(__file__).parents[1]
PATIENCE = 300.0
"""Seconds after which a command is given up; generous, because machines are shared."""

_NOT_PART_OF_IT = shutil.ignore_patterns(
    ".*", "venv", "build", "dist", "__pycache__", "*.egg-info", "skytells_outputs", "shots"
)


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
        }


def clean_environment(home: Path) -> dict[str, str]:
    """Give the variables of a new shell: no key, no active environment, no settings of the user's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SKYTELLS_", "COVERAGE_", "JUPYTER", "PYTEST_"))
        and name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONWARNINGS")
    }
    return {
        **kept,
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def run(command: Sequence[str | Path], cwd: Path, environment: dict[str, str]) -> str:
    """Run a command to its good end; gives what it printed, and shows all of it when it fails."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n\n{done.stdout}"
    return done.stdout


def tracked_files(target: Path) -> Path:
    """Copy what is tracked; where git does not know this folder, all that does not look made here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name and (PROJECT / name).is_file()]
    if listed.returncode or not names:
        shutil.copytree(PROJECT, target, ignore=_NOT_PART_OF_IT)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, target / name)
    return target


def _new_venv(place: Path, checkout: Path, home: Path) -> Venv:
    run([sys.executable, "-m", "venv", place], checkout, clean_environment(home))
    return Venv(place / "bin", checkout)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the tracked files to where nothing else is."""
    return tracked_files(tmp_path_factory.mktemp("stranger") / "skytells-nb")


@pytest.fixture(scope="session")
def binder_venv(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Install what ``binder/requirements.txt`` says, word for word, into an empty environment."""
    home = tmp_path_factory.mktemp("home")
    venv = _new_venv(checkout / ".venv", checkout, home)
    pip = [venv.bin / "python", "-m", "pip", "install", "--quiet", "-r", "binder/requirements.txt"]
    run(pip, checkout, venv.environment(home))
    return venv


@pytest.fixture(scope="session")
def wheel_venv(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """Build the wheel and install it, with nothing that it does not ask for, into an empty environment."""
    place = tmp_path_factory.mktemp("wheel")
    venv = _new_venv(place / "venv", checkout, place)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place / "dist"]
    run(build, checkout, clean_environment(place))
    (wheel,) = (place / "dist").glob("*.whl")
    pip = [venv.bin / "python", "-m", "pip", "install", "--quiet", wheel]
    run(pip, checkout, venv.environment(place))
    return venv
