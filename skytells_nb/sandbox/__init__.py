"""An honest stand-in for the Skytells API: a real HTTP server that answers as the documentation says.

It is a building of its own. Nothing of the toolkit is imported here, only HTTP joins the two, and
third-party clients of the API work against it. It is written from the published documentation; where that
contradicts itself an option chooses the form, and where it is silent the choice is marked as ours.

`Server` is the front door; `InProcess` answers in this process without a socket; `Core` is what both ask.
"""

from __future__ import annotations

from skytells_nb.sandbox.core import Core, Received
from skytells_nb.sandbox.dialect import Dialect
from skytells_nb.sandbox.errors import StateError
from skytells_nb.sandbox.exchange import Answer, Request
from skytells_nb.sandbox.faults import Faults
from skytells_nb.sandbox.inprocess import ConnectionDroppedError, InProcess, NeverAnsweredError
from skytells_nb.sandbox.options import Options
from skytells_nb.sandbox.server import Server

__all__ = [
    "Answer",
    "ConnectionDroppedError",
    "Core",
    "Dialect",
    "Faults",
    "InProcess",
    "NeverAnsweredError",
    "Options",
    "Received",
    "Request",
    "Server",
    "StateError",
]
