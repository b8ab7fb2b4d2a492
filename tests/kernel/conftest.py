"""One real kernel for each test that asks for one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """Give a fresh kernel in an empty folder; SKYTELLS_NB_KERNEL_PYTHON names another Python for it."""
    with Kernel(tmp_path, python=os.environ.get("SKYTELLS_NB_KERNEL_PYTHON", sys.executable)) as running:
        yield running
