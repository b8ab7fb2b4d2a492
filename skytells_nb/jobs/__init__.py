"""Many at once: batches that go on where they were stopped, and never pay for anything twice."""

from __future__ import annotations

from ._batch import abatch, batch
from ._results import BatchList, BatchResult, BatchState, batches

__all__ = ["BatchList", "BatchResult", "BatchState", "abatch", "batch", "batches"]
