"""An honest stand-in for the Skytells API: a real HTTP server that answers as the documentation says.

Nothing of the toolkit is imported here, only HTTP joins the two, and
third-party clients of the API work against it. It is written from the published documentation; where that
contradicts itself an option chooses the form, and where it is silent the choice is marked as ours.

`Server` listens on a socket; `InProcess` answers in this process without one; `Core` is what both ask.
"""

from __future__ import annotations

from ._core import Core, Received
from ._errors import StateError
from ._faults import FAULT_KINDS, Faults
from ._inprocess import ConnectionDroppedError, InProcess, NeverAnsweredError
from ._messages import API_ROUTES, HttpRequest
from ._options import Options
from ._server import RunningSandbox, Server, find_running, start_or_join

__all__ = [
    "API_ROUTES",
    "FAULT_KINDS",
    "ConnectionDroppedError",
    "Core",
    "Faults",
    "HttpRequest",
    "InProcess",
    "NeverAnsweredError",
    "Options",
    "Received",
    "RunningSandbox",
    "Server",
    "StateError",
    "find_running",
    "start_or_join",
]
