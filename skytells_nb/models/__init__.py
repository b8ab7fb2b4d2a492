"""What the API answers with, as plain values: predictions, models, prices."""

from __future__ import annotations

from ._model import Criterion, Model, ModelList, Pricing
from ._prediction import Metrics, Prediction, PredictionList
from ._status import STATUSES, Status, count_statuses, is_done, parse_status

__all__ = [
    "STATUSES",
    "Criterion",
    "Metrics",
    "Model",
    "ModelList",
    "Prediction",
    "PredictionList",
    "Pricing",
    "Status",
    "count_statuses",
    "is_done",
    "parse_status",
]
