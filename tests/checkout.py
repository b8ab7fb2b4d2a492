"""A stranger's copy of this project, which holds only what is tracked, and a stranger's shell.

    pytest_plugins = ["checkout"]

gives a module the fixture `checkout`, made once for all tests.

PYTEST_DONT_REWRITE: tests import from here as well, before pytest could.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["PROJECT", "clean_environment", "run", "tracked_files"]

PROJECT = Path(__file__).parents[1]
PATIENCE = 300.0
"""Seconds after which a command is given up; generous, because machines are shared."""

_NOT_PART_OF_IT = shutil.ignore_patterns(
    ".*", "venv", "build", "dist", "__pycache__", "*.egg-info", "skytells_outputs", "shots"
)


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
        "PIP_NO_COMPILE": "1",  # a third of pip's time, for modules of which most are never imported
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


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the tracked files to where nothing else is."""
    return tracked_files(tmp_path_factory.mktemp("stranger") / "skytells-nb")
