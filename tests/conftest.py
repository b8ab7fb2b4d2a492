"""What every test stands on."""

import signal


def pytest_configure() -> None:
    """Let tests be interrupted, also where a shell put them in the background and made them deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
