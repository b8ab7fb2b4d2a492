"""The faults there are: every way in which the wire is known to go wrong, or may be feared to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from skytells_nb.sandbox.routes import API_ROUTES, ROUTES


class Kind(NamedTuple):
    """A fault there is: what it does, where it strikes unless told, what it can be told, where it may."""

    says: str
    on: tuple[str, ...]
    details: Mapping[str, Any]
    bends: bool = False
    allowed: tuple[str, ...] = ROUTES


_CREATE, _ASSET = ("create",), ("asset",)

#: Where the reason of a failed job is written (contradiction 10); ``error`` writes ``response`` too.
FAILURE_SHAPES = ("error", "response", "error_message")

KINDS: dict[str, Kind] = {
    "rate_limit": Kind(
        "429 with Retry-After (None: without; a string goes out as it is)", API_ROUTES, {"retry_after": 1}
    ),
    "server_error": Kind(
        "5xx in the API's envelope; accepted=True handles the request first",
        API_ROUTES,
        {"status": 500, "accepted": False},
    ),
    "html_gateway": Kind(
        "a gateway's HTML page; accepted=True handles the request first",
        API_ROUTES,
        {"status": 502, "accepted": False},
    ),
    "drop_before": Kind("the connection closes before the request is handled", _CREATE, {"reset": False}),
    "drop_after": Kind(
        "the request is handled, then the connection closes without an answer", _CREATE, {"reset": False}
    ),
    "hang_after": Kind("the request is handled, then nothing comes until the client gives up", _CREATE, {}),
    "error_after": Kind(
        "the request is handled, then answered with 5xx in the API's envelope", _CREATE, {"status": 500}
    ),
    "queued_false": Kind(
        "HTTP 200 with status false and the id of a job that runs (section 4.1)",
        _CREATE,
        {},
        allowed=("create", "read"),
    ),
    "no_credit": Kind("402", _CREATE, {}),
    "suspended": Kind("403, or 401 as another page has it", API_ROUTES, {"status": 403}),
    "forbidden": Kind("403", API_ROUTES, {}),
    "unauthorized": Kind("401 although the key is good", API_ROUTES, {}),
    "content_policy": Kind("451", _CREATE, {}),
    "broken_json": Kind(
        "the request is handled, half of the answer's JSON is sent as if it were all", API_ROUTES, {}
    ),
    "empty_body": Kind(
        "the request is handled, the answer is an empty JSON object", API_ROUTES, {"status": 200}
    ),
    "cut_short": Kind("the connection closes in the middle of the body", _ASSET, {}),
    "slow": Kind("the request is handled, its answer comes later", API_ROUTES, {"seconds": 2.0}, bends=True),
    "missing_date": Kind("the answer has no Date header", API_ROUTES, {}, bends=True),
    "failed": Kind(
        "the job fails; shape: error, response or error_message",
        _CREATE,
        {"reason": "Failed to generate image.", "shape": "error"},
        bends=True,
        allowed=_CREATE,
    ),
    "failed_as_502": Kind(
        "the job fails, and reads report that by a 502",
        _CREATE,
        {"reason": "Failed to generate image."},
        bends=True,
        allowed=("create", "read"),
    ),
    "expired": Kind(
        "the files are gone: those asked for, or those of the job created",
        _ASSET,
        {},
        bends=True,
        allowed=("asset", "create"),
    ),
    "hidden": Kind(
        "the job is missing from listings for so many seconds",
        _CREATE,
        {"seconds": 1.0},
        bends=True,
        allowed=_CREATE,
    ),
}
