"""The clients: drivers of the conversation, over httpx."""

from __future__ import annotations

from .choosing import client_of
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
    "client_of",
    "connection_for",
    "latest",
]
