"""The threads of the toolkit's loop, which go on where Python has ended every pool of threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Executor(ThreadPoolExecutor):
    """The threads that write to disk, also when a script's last line was reached.

    Python ends every pool then, before it waits for the script's own threads: what those have paid for, and
    what is canceled while a script exits, is still to be kept.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **named: Any) -> Future[T]:
        try:
            return super().submit(fn, *args, **named)
        except RuntimeError as error:
            if "cannot schedule new futures" not in str(error):
                raise
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **named))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                future.set_exception(error)

        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError:  # later still no thread can be started
            work()
        return future
