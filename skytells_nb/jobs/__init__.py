"""Many at once: batches that go on where they were stopped, and never pay for anything twice."""

from __future__ import annotations

from .many import abatch, batch
from .overview import BatchList, BatchState, batches
from .results import BatchResult

__all__ = ["BatchList", "BatchResult", "BatchState", "abatch", "batch", "batches"]
