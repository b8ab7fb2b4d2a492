"""Binder: what ``binder/`` says can be read by repo2docker, installed, and used to run notebooks.

The image is not built here, which takes Docker and an hour of somebody's bandwidth. In its stead everything
it is built from is done by hand: its postBuild and its start here, its requirements in test_installation.py.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROJECT, clean_environment, run

pytest_plugins = ["checkout"]


@pytest.fixture(scope="module")
def dockerfile(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Let repo2docker read the folder; gives what it says, the Dockerfile and its log."""
    home = tmp_path_factory.mktemp("r2d")
    repo2docker = Path(sys.executable).with_name("jupyter-repo2docker")
    return run([repo2docker, "--no-build", "--debug", "."], checkout, clean_environment(home))


def test_repo2docker_takes_the_python_that_is_pinned(dockerfile):
    assert "Building conda environment for python=3.12" in dockerfile
    assert "unspecified" not in dockerfile


def test_it_installs_our_requirements_after_the_project_is_there(dockerfile):
    copied = dockerfile.index("COPY --chown=0:0 src/ ${REPO_DIR}/")
    assert dockerfile.index('pip install --no-cache-dir -r "binder/requirements.txt"') > copied


def test_it_runs_our_postbuild_and_starts_through_our_start(dockerfile):
    assert "RUN ./binder/postBuild" in dockerfile
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in dockerfile


def test_the_pinned_python_is_one_that_the_package_supports():
    pinned = (PROJECT / "binder/runtime.txt").read_text("utf-8").strip().removeprefix("python-")
    assert f'"Programming Language :: Python :: {pinned}"' in (PROJECT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_its_scripts_can_be_run_and_stop_at_the_first_thing_that_fails(name):
    script = PROJECT / "binder" / name
    assert script.stat().st_mode & stat.S_IXUSR
    lines = script.read_text("utf-8").splitlines()
    assert lines[0] == "#!/bin/bash", "else errors are passed over"
    assert "set -e" in lines


def test_start_hands_over_to_what_it_is_given_with_the_sandbox_on(tmp_path):
    given = {**os.environ, "SKYTELLS_API_KEY": "sk-real", "SKYTELLS_BASE_URL": "https://api.example/v1"}
    code = "import os, sys; print([n for n in os.environ if n.startswith('SKYTELLS')], sys.argv[1:])"
    told = run([PROJECT / "binder/start", sys.executable, "-c", code, "two words"], tmp_path, given)
    assert told == "[] ['two words']\n"


def test_a_postbuild_that_misses_a_name_fails_the_build(tmp_path):
    (tmp_path / "skytells_nb.py").write_text("__all__ = ['gone']\n")
    broken = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [PROJECT / "binder/postBuild"], cwd=tmp_path, env=broken, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "gone" in done.stderr
