"""The clients: drivers of the conversation, over httpx."""

from __future__ import annotations

from .clients import AsyncClient, Client
from .connection import Connection
from .registry import connection_for, latest
from .resources import AsyncModels, AsyncPredictions, Models, Predictions

__all__ = [
    "AsyncClient",
    "AsyncModels",
    "AsyncPredictions",
    "Client",
    "Connection",
    "Models",
    "Predictions",
    "connection_for",
    "latest",
]
