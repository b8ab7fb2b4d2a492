"""What the API answers with, as plain values: predictions, models, prices."""

from __future__ import annotations

from .model import Criterion, Model, ModelList, Pricing
from .prediction import Metrics, Prediction, PredictionList

__all__ = ["Criterion", "Metrics", "Model", "ModelList", "Prediction", "PredictionList", "Pricing"]
