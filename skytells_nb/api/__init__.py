"""The clients, and what of the conversation with the API others need: operations, downloads, observers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy
from ._client import AsyncClient, Client, client_of
from ._connection import Connection, ask_sandbox, connection_for, connections, latest
from ._create import cancel_remotely, create, create_or_reuse, find_reusable, reuse_wanted, watch_created
from ._credentials import DEFAULT_BASE_URL, Key, has_key, hides_arguments, resolve_api_key
from ._download import Download, download, download_bytes, kind_of_address, literal
from ._http import HandlerTransport
from ._listing import check_limit, check_status, list_predictions, parse_bounds
from ._models import AsyncModels, Models, get_model
from ._observers import Account, Observer, announced_as, global_observers, ledger_folder, session_costs
from ._predictions import AsyncPredictions, Predictions, is_ready, prepare_input
from ._reconcile import look_for, newest
from ._requests import check_identifier, encode
from ._requests import create as create_request
from ._wait import patience, wait

if TYPE_CHECKING:
    from ._ask import ask_for_prediction
    from ._stream import AsyncTextStream, TextStream
    from ._text import open_stream
    from ._text_requests import as_text_input, check_text_input, check_text_names

__all__ = [
    "DEFAULT_BASE_URL",
    "Account",
    "AsyncClient",
    "AsyncModels",
    "AsyncPredictions",
    "AsyncTextStream",
    "Client",
    "Connection",
    "Download",
    "HandlerTransport",
    "Key",
    "Models",
    "Observer",
    "Predictions",
    "TextStream",
    "announced_as",
    "as_text_input",
    "ask_for_prediction",
    "ask_sandbox",
    "cancel_remotely",
    "check_identifier",
    "check_limit",
    "check_status",
    "check_text_input",
    "check_text_names",
    "client_of",
    "connection_for",
    "connections",
    "create",
    "create_or_reuse",
    "create_request",
    "download",
    "download_bytes",
    "encode",
    "find_reusable",
    "get_model",
    "global_observers",
    "has_key",
    "hides_arguments",
    "is_ready",
    "kind_of_address",
    "latest",
    "ledger_folder",
    "list_predictions",
    "literal",
    "look_for",
    "newest",
    "open_stream",
    "parse_bounds",
    "patience",
    "prepare_input",
    "resolve_api_key",
    "reuse_wanted",
    "session_costs",
    "wait",
    "watch_created",
]

# What only text models need, and who asks no text model shall not wait for.
__getattr__ = _lazy.on_demand(__name__, "_text_requests", "_stream", "_ask", "_text")
