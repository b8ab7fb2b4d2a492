"""Webhooks: whether a delivery is really the API's, what it says, and a small server that receives it."""

from __future__ import annotations

from ._receiver import Receiver, parse, verify

__all__ = ["Receiver", "parse", "verify"]
