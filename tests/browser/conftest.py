"""A JupyterLab and a Chromium for all browser tests, started when the first of them asks.

Playwright's blocking interface keeps an event loop running in its thread for as long as it lives, in
which pytest-asyncio could run no test. So it has a thread of its own, and so have the tests here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .lab import Lab, Notebook

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="browser")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that looks at notebooks where the browser can be spoken to."""
    if "lab" not in pyfuncitem.fixturenames:
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    _THREAD.submit(pyfuncitem.obj, **wanted).result()
    return True


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give the running JupyterLab and its page."""
    running = _THREAD.submit(Lab(tmp_path_factory.mktemp("lab")).start).result()
    yield running
    _THREAD.submit(running.stop).result()


@pytest.fixture
def notebook(lab: Lab) -> Iterator[Callable[..., Notebook]]:
    """Open notebooks: ``notebook(cells, theme="light", trusted=True)``; see `Lab.open`.

    They are closed, and their kernels emptied or ended, after the test.
    """
    opened: list[Notebook] = []

    def open(*args: Any, **options: Any) -> Notebook:
        opened.append(lab.open(*args, **options))
        return opened[-1]

    yield open
    for each in opened:
        _THREAD.submit(each.close).result()
