"""What every test stands on."""

import signal
import sys


def pytest_configure() -> None:
    """Let tests be interrupted, also where a shell put them in the background and made them deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish() -> None:
    """Keep what was measured now: a test process that is slow to end is killed before it would."""
    coverage = sys.modules.get("coverage")
    measuring = coverage.Coverage.current() if coverage is not None else None
    if measuring is not None:
        measuring.save()
