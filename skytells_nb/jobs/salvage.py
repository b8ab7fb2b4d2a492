"""A batch's journal out of an index that was damaged: whatever can still be read spares a payment.

The archive sets a damaged index aside and makes one anew from the files beside its outputs. Those know
nothing of batches, so a batch that is run after that looks into what was set aside.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

__all__ = ["salvaged"]


def salvaged(index: Path, origin: str, account: str, name: str | None) -> list[tuple[Any, ...]]:
    """Read one batch's items from the newest damaged index that still tells of it.

    Parameters
    ----------
    index : Path
        The archive's index, beside which the damaged ones lie.
    origin, account, name : str
        Which batch.

    Returns
    -------
    list of tuple
        Digest, number, state, id, since, cost and error of each item that could be read.

    Examples
    --------
    >>> salvaged(Path("no-such-folder/index.sqlite"), "https://api.skytells.ai/v1", "0123456789ab", "foxes")
    []
    """
    for path in sorted(index.parent.glob(f"{index.stem}-damaged-*{index.suffix}"), reverse=True):
        found: list[tuple[Any, ...]] = []
        with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=1.0)) as db:
            query = (
                "SELECT i.digest, i.number, i.state, i.id, i.since, i.cost, i.error FROM jobs_items i "
                "JOIN jobs_batches b ON b.n = i.batch WHERE b.origin = ? AND b.account = ? AND b.name = ?"
            )
            for row in db.execute(query, (origin, account, name)):
                found.append(row)  # one by one: what was read before the damage counts
        if found:
            return found
    return []
