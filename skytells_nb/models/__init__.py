"""What the API answers with, as plain values: predictions, models, prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy
from ._finished import Drawn, Finished
from ._model import (
    AnsweringRoute,
    BilledQuantity,
    Criterion,
    Model,
    ModelList,
    Pricing,
    Unit,
    parse_unit,
    slugs_of,
)
from ._parse import (
    find_outputs,
    parse_amount,
    parse_billing,
    parse_content,
    parse_error,
    parse_model_name,
    parse_model_type,
    parse_number,
    parse_outputs,
    parse_text,
    parse_time,
)
from ._prediction import SANDBOX_ID, Metrics, Prediction, PredictionList, is_gone, is_sandbox_id, lacks_output
from ._status import STATUSES, Status, count_statuses, is_done, parse_status, status_from_wire

if TYPE_CHECKING:
    from ._chat import ChatCompletion, Choice, Filter, Piece, TextAnswer, ToolCall, Usage, parse_tool_calls
    from ._response import Embeddings, Response

__all__ = [
    "SANDBOX_ID",
    "STATUSES",
    "AnsweringRoute",
    "BilledQuantity",
    "ChatCompletion",
    "Choice",
    "Criterion",
    "Drawn",
    "Embeddings",
    "Filter",
    "Finished",
    "Metrics",
    "Model",
    "ModelList",
    "Piece",
    "Prediction",
    "PredictionList",
    "Pricing",
    "Response",
    "Status",
    "TextAnswer",
    "ToolCall",
    "Unit",
    "Usage",
    "count_statuses",
    "find_outputs",
    "is_done",
    "is_gone",
    "is_sandbox_id",
    "lacks_output",
    "parse_amount",
    "parse_billing",
    "parse_content",
    "parse_error",
    "parse_model_name",
    "parse_model_type",
    "parse_number",
    "parse_outputs",
    "parse_status",
    "parse_text",
    "parse_time",
    "parse_tool_calls",
    "parse_unit",
    "slugs_of",
    "status_from_wire",
]

# What only text models need, and who asks no text model shall not wait for.
__getattr__ = _lazy.on_demand(__name__, "_chat", "_response")
