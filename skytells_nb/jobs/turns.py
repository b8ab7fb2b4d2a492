"""One run of a batch at a time, also across processes: the second one says so.

The operating system holds the lock, so a process that is killed lets go of it.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..api import Account
from ..archive import Archive, archive_error
from ..exceptions import SkytellsError

__all__ = ["Turn"]

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})

_winding_up: Final[set[Path]] = set()
"""Locks of this process whose batch was stopped, and which are let go of in a moment."""


class Turn:
    """The right to run one batch of one account.

    Parameters
    ----------
    archive : Archive
        Where the batch's journal is.
    account : Account
        Whose batch it is.
    name : str
        The batch's name.
    """

    def __init__(self, archive: Archive, account: Account, name: str) -> None:
        mark = sha256("\n".join((account.origin, account.fingerprint, name)).encode("utf-8", "replace"))
        self.path = archive.path / ".batches" / f"{mark.hexdigest()[:20]}.lock"
        self._name = name
        self._file: int | None = None
        self._open = 0
        self._over = False
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take the turn; False while one that was stopped in this process winds up.

        Raises
        ------
        SkytellsError
            Another run of this batch has it, or the archive cannot be written. Nothing was sent.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while self._file is None:
                file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
                if not _locked(file):
                    holder = _words(file)
                    os.close(file)
                    if self.path in _winding_up:
                        return False
                    raise self.busy(holder)
                if _is_still_there(file, self.path):
                    self._file = file
                else:  # whoever had it has just let go, and taken the file away
                    os.close(file)
            os.ftruncate(self._file, 0)
            began = time.strftime("%Y-%m-%d %H:%M:%S")
            os.write(self._file, b" " + f"process {os.getpid()}, since {began}".encode())
        except OSError as error:
            raise archive_error(error, self.path.parent.parent) from error
        return True

    def begin(self) -> None:
        """Count a create of which somebody will be told what became of it."""
        with self._lock:
            self._open += 1

    def end(self) -> None:
        """Count it out; the last one after the run's own end lets go."""
        with self._lock:
            self._open -= 1
            last = self._over and not self._open
        if last:
            self._let_go()

    def wind_up(self) -> None:
        """Let the next run in this process know that the turn is given back in a moment."""
        _winding_up.add(self.path)

    def give_back(self) -> None:
        """Let go; after an interrupt as soon as it is known what became of every create."""
        with self._lock:
            self._over = True
            last = not self._open
        if not last:
            self.wind_up()
        else:
            self._let_go()

    def _let_go(self) -> None:
        _winding_up.discard(self.path)
        file, self._file = self._file, None
        if file is None:
            return
        if os.name != "nt":
            with suppress(OSError):
                self.path.unlink()
        os.close(file)
        if os.name == "nt":
            with suppress(OSError):
                self.path.unlink()

    def busy(self, holder: str) -> SkytellsError:
        """Make the error that says that another run has the turn."""
        by = f" ({holder})" if holder else ""
        return SkytellsError(
            f"The batch {self._name!r} is running already{by}, so nothing was sent. Wait for it to end, or "
            "stop it; run together they could pay twice. Another name makes another batch.",
            charged=False,
        )


def _words(file: int) -> str:
    with suppress(OSError):
        os.lseek(file, 1, os.SEEK_SET)  # Windows lets nobody read the byte that is locked
        return os.read(file, 200).decode("utf-8", "replace").strip()
    return ""


def _is_still_there(file: int, path: Path) -> bool:
    with suppress(OSError):
        own, there = os.fstat(file), os.stat(path)
        return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
    return False


def _try_lock() -> Callable[[int], None]:
    if sys.platform == "win32":
        import msvcrt

        return lambda file: msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    import fcntl

    return lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(file: int) -> bool:
    """Lock a file; True also where the file system knows no locks, since a batch must run there too."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        _try_lock()(file)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        if error.errno in _NO_LOCKS:
            return True
        os.close(file)
        raise
    return True
