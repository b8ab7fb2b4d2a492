"""What every test stands on."""

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# What is generated is the same in every run, so that a run finds what the one before found; a look at others
# is `pytest --hypothesis-profile=random`. None is timed: machines differ.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile("repeatable")

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def pytest_configure(config: pytest.Config) -> None:
    """Let tests be interrupted, also where a shell put them in the background and made them deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def ipython() -> Iterator["InteractiveShell"]:
    """Run a shell of this test's own: there is one to a process, and what another test left would stay."""
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    yield InteractiveShell.instance(colors="nocolor")
    InteractiveShell.clear_instance()
