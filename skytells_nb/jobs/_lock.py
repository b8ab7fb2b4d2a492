"""The right to run a batch whose journal is an archive's: once at a time, also across processes.

The operating system holds the lock, so a process that is killed lets go of it.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

import filelock

from ..api import Account
from ..exceptions import SkytellsError

_winding_up: Final[set[Path]] = set()
"""Locks of this process whose batch was stopped, and which are released in a moment."""


class BatchLock:
    """The right to run one batch of one account, in an archive's folder."""

    def __init__(self, folder: Path, account: Account, name: str) -> None:
        mark = sha256("\n".join((account.origin, account.fingerprint, name)).encode("utf-8", "replace"))
        self.path = folder / ".batches" / f"{mark.hexdigest()[:20]}.lock"
        self._file = filelock.FileLock(self.path, timeout=0, thread_local=False)  # released by another thread

    def acquire(self) -> bool:
        """Lock; False where another run has it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file.acquire()
        except filelock.Timeout:
            return False
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

    @property
    def winds_up(self) -> bool:
        """Whether a run that was stopped in this process is about to release it."""
        return self.path in _winding_up

    def release(self) -> None:
        """Release the lock."""
        _winding_up.discard(self.path)
        self._file.release()
