"""Webhooks: is this delivery really the API's, what does it say, and a small server to receive it."""

from __future__ import annotations

from .deliveries import parse, verify
from .receiver import Receiver

__all__ = ["Receiver", "parse", "verify"]
