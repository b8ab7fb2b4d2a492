"""What the API answers with, as plain values: predictions, models, prices."""

from __future__ import annotations

from ._model import Criterion, Model, ModelList, Pricing
from ._parse import (
    parse_amount,
    parse_billing,
    parse_error,
    parse_model_name,
    parse_model_type,
    parse_number,
    parse_outputs,
    parse_text,
    parse_time,
)
from ._prediction import Metrics, Prediction, PredictionList
from ._status import STATUSES, Status, count_statuses, is_done, parse_status, status_from_wire

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
    "parse_amount",
    "parse_billing",
    "parse_error",
    "parse_model_name",
    "parse_model_type",
    "parse_number",
    "parse_outputs",
    "parse_status",
    "parse_text",
    "parse_time",
    "status_from_wire",
]
