"""One run of a batch at a time, also across processes: the second one says so.

The operating system holds the lock, so a process that is killed lets go of it.
"""

from __future__ import annotations

import os
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

import filelock

from ..api import Account
from ..archive import Archive
from ..exceptions import SkytellsError
from ._journal import Journal

__all__ = ["BatchLock"]

_winding_up: Final[set[Path]] = set()
"""Locks of this process whose batch was stopped, and which are released in a moment."""


class BatchLock:
    """The right to run one batch of one account.

    It outlives its run where a create is still on the wire: whoever sent it is told first what became of it.
    """

    def __init__(self, archive: Archive, account: Account, name: str, journal: Journal) -> None:
        mark = sha256("\n".join((account.origin, account.fingerprint, name)).encode("utf-8", "replace"))
        self.path = archive.path / ".batches" / f"{mark.hexdigest()[:20]}.lock"
        self._name = name
        self._journal = journal
        self._file = filelock.FileLock(self.path, timeout=0, thread_local=False)  # released by another thread
        self._open = 0
        self._over = False
        self._mutex = threading.Lock()

    def acquire(self) -> bool:
        """Lock; False while a run that was stopped in this process winds up.

        Raises
        ------
        SkytellsError
            Another run of this batch has it, or the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file.acquire()
        except filelock.Timeout:
            if self.path in _winding_up:
                return False
            raise self.busy(self._journal.holder()) from None
        except OSError as error:
            raise SkytellsError(
                f"Cannot write the batch's journal in {self.path.parent.parent}: {error.strerror or error}. "
                "Use a client with archive= of a folder that can be written.",
                detail=str(error),
                charged=False,
                effect="Nothing was sent.",
            ) from error
        return True

    @property
    def holder(self) -> str:
        """Who has it, in words for those who want it."""
        return f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"

    def count_create(self) -> None:
        """Count a create of which somebody will be told what became of it."""
        with self._mutex:
            self._open += 1

    def settle_create(self) -> None:
        """Count it out; the last one after the run's own end releases the lock."""
        with self._mutex:
            self._open -= 1
            last = self._over and not self._open
        if last:
            self._release()

    def wind_up(self) -> None:
        """Let the next run in this process know that the lock is released in a moment."""
        _winding_up.add(self.path)

    def release(self) -> None:
        """Release it; after an interrupt once it is known what became of every create."""
        with self._mutex:
            self._over = True
            last = not self._open
        if last:
            self._release()
        else:
            self.wind_up()

    def _release(self) -> None:
        _winding_up.discard(self.path)
        self._file.release()

    def busy(self, holder: str) -> SkytellsError:
        """Return the error that says that another run has the lock."""
        by = f" ({holder})" if holder else ""
        return SkytellsError(
            f"Batch {self._name!r} is running already{by}. Wait for it, stop it, or use another name=.",
            charged=False,
            effect="Nothing was sent.",
        )
