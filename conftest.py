"""Which tests come first and together; and notebooks: on the sandbox, with no key, leaving nothing behind."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from filelock import FileLock

pytest_plugins = ["buckets"]

# Kernels and scripts are started by the hundred; without compiled modules each compiles half a library anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

#: What takes longest comes first, else one process is busy with it alone when the others are done.
_SLOWEST = ("tests/browser/", "tests/test_installation.py", "tests/notebooks/", "notebooks/", "tests/kernel/")

_HERE = Path(__file__).parent / "notebooks"
_FOLDER = tempfile.TemporaryDirectory(prefix="skytells-notebooks-")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the order of `pytest_collection_modifyitems` in several processes, too."""
    config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """Let one process compile what all of them import, and look for no garbage among thousands of tests.

    On a fresh checkout, four that compiled at once took 76 s of processors for it; in turn they take 49.
    """
    gc.disable()
    try:
        if "PYTEST_XDIST_WORKER" not in os.environ:
            return (yield)
        shared = Path(session.config.option.basetemp).parent
        with FileLock(shared / "compiling"):
            compiled = shared / "compiled"
            if not compiled.exists():
                collected = yield
                compiled.touch()
                return collected
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""
    items.sort(
        key=lambda item: next((n for n, slow in enumerate(_SLOWEST) if item.nodeid.startswith(slow)), 99)
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole files to processes, and all that needs the browser to one, which starts it once."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist's is not typed
        def _split_scope(self, nodeid: str) -> str:
            browser = _SLOWEST[0]
            return browser if nodeid.startswith(browser) else str(super()._split_scope(nodeid))

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Start a notebook's kernel, with its first cell, in such an environment; leave other tests alone."""
    if not item.path.is_relative_to(_HERE):
        return (yield)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKYTELLS_")}
    # one of its own, since the sandbox of `connect()` lives there, and one lesson's bills are not another's
    archive = os.path.join(_FOLDER.name, item.path.stem)
    with mock.patch.dict(os.environ, {**kept, "SKYTELLS_ARCHIVE": archive}, clear=True):
        return (yield)
