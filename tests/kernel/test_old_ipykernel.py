"""The same promises on ipykernel 6.31, the last before the kernel's loops were rearranged in 7.

It is not installed anywhere: one folder holds it, fetched once a session, and stands first on the path of
the kernel's process alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import PROJECT, Kernel
from .test_loops_in_a_kernel import *  # noqa: F403 - the same tests, with the kernel below
from .test_stop_means_stop import *  # noqa: F403

VERSION = "6.31.0"

del test_a_batch  # noqa: F821 - imported above; what a batch rests on is tried without it, for less time


@pytest.fixture(scope="session")
def old_ipykernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with that ipykernel, and the archived nest-asyncio that it needs."""
    folder = tmp_path_factory.mktemp("old-ipykernel")
    wanted = [f"ipykernel=={VERSION}", "nest-asyncio"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *wanted]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"ipykernel {VERSION} could not be fetched: {done.stderr.strip()[-300:]}")
    return folder


@pytest.fixture
def kernel(tmp_path: Path, old_ipykernel: Path) -> Iterator[Kernel]:
    places = [str(old_ipykernel), str(PROJECT), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(place for place in places if place)
    with Kernel(tmp_path, env={"PYTHONPATH": path}) as running:
        yield running


def test_it_is_that_ipykernel(kernel: Kernel):
    assert kernel.run("import ipykernel; ipykernel.__version__").result == repr(VERSION)
