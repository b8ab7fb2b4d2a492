"""What a run of a batch holds, until it is known what became of every one of its creates.

A batch whose journal is an archive's is run once at a time, also across processes: the second one says so.
The operating system holds that lock, so a process that is killed lets go of it. Of a shared batch a run holds
the items that it has claimed.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

import filelock

from ..archive import Archive
from ..exceptions import SkytellsError
from ._journal import Journal
from ._local_journal import LocalJournal

__all__ = ["BatchLock", "Hold"]

_winding_up: Final[set[Path]] = set()
"""Locks of this process whose batch was stopped, and which are released in a moment."""


class Hold:
    """What a run holds of one batch, until it is over.

    It outlives its run where a create is still on the wire: whoever sent it is told first what became of it.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open = 0
        self._over = False
        self._mutex = threading.Lock()

    def acquire(self) -> bool:
        """Begin to hold; False while a run that was stopped in this process winds up."""
        return True

    @property
    def holder(self) -> str:
        """Who has it, in words for those who want it."""
        return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"

    def count_create(self) -> None:
        """Count a create of which somebody will be told what became of it."""
        with self._mutex:
            self._open += 1

    def settle_create(self) -> bool:
        """Count it out; returns whether `free` is due: it was the last one, and the run is over."""
        with self._mutex:
            self._open -= 1
            return self._over and not self._open

    def wind_up(self) -> None:
        """Let the next run in this process know that this one ends in a moment."""

    def release(self) -> None:
        """Let go; after an interrupt once it is known what became of every create."""
        with self._mutex:
            self._over = True
            is_last = not self._open
        if is_last:
            self.free()
        else:
            self.wind_up()

    def free(self) -> None:
        """Let go of it now."""
        self._journal.release()


class BatchLock(Hold):
    """The right to run one batch of one account."""

    def __init__(self, archive: Archive, journal: LocalJournal) -> None:
        super().__init__(journal)
        account, self._name = journal.account, journal.name
        mark = sha256("\n".join((account.origin, account.fingerprint, self._name)).encode("utf-8", "replace"))
        self.path = archive.path / ".batches" / f"{mark.hexdigest()[:20]}.lock"
        self._local = journal
        self._file = filelock.FileLock(self.path, timeout=0, thread_local=False)  # released by another thread

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
            raise self.busy(self._local.holder()) from None
        except OSError as error:
            raise SkytellsError(
                f"Cannot write the batch's journal in {self.path.parent.parent}: {error.strerror or error}. "
                "Use a client with archive= of a folder that can be written.",
                detail=str(error),
                charged=False,
                effect="Nothing was sent.",
            ) from error
        return True

    def wind_up(self) -> None:
        """Let the next run in this process know that the lock is released in a moment."""
        _winding_up.add(self.path)

    def free(self) -> None:
        """Release the lock."""
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
