"""``skytells-nb faults``: a teacher's switch for what goes wrong in a running sandbox."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from ..exceptions import SkytellsError
from ..plaintext import align
from ..sandbox import API_ROUTES, FAULT_KINDS, RunningSandbox, find_running

#: Seconds a sandbox may take to answer; one on this machine takes milliseconds.
PATIENCE = 10.0
#: Every key of a sandbox begins so; no other key is ever sent.
SANDBOX_KEY = "sk-sandbox-"


def faults(parsed: argparse.Namespace) -> int:
    """Switch a fault on or off, or list what is on; return the exit code."""
    order = _order(parsed)
    endpoint = _find(parsed.url, parsed.key)
    if parsed.clear:
        on = _ask(endpoint, "DELETE", f"faults?name={quote(parsed.name)}" if parsed.name else "faults")
    elif order is None:
        on = _ask(endpoint, "GET", "faults")
    else:
        on = _ask(endpoint, "POST", "faults", order)
    print(_table(on["waiting"], endpoint.url))
    return 0


def _order(parsed: argparse.Namespace) -> dict[str, Any] | None:
    """Return what the sandbox is told; None when nothing is to change."""
    given = {"for": parsed.lasting, "times": parsed.times, "on": parsed.on, "learner": parsed.learner}
    words = [f"--{name}" for name, value in given.items() if value is not None]
    words += ["--set"] if parsed.details else []
    if parsed.name is not None and parsed.name not in FAULT_KINDS:
        raise SkytellsError(f"There is no fault {parsed.name!r}; there are {', '.join(sorted(FAULT_KINDS))}.")
    if words and (parsed.name is None or parsed.clear):
        raise SkytellsError(f"{', '.join(words)} needs a fault's name, to switch it on.")
    if parsed.name is None or parsed.clear:
        return None
    order: dict[str, Any] = dict(map(_detail, parsed.details))
    order |= {"name": parsed.name, "lasting": parsed.lasting, "learner": parsed.learner}
    if parsed.on:
        order["on"] = "any" if "any" in parsed.on else parsed.on
    return order | ({"always": True} if parsed.times is None else {"times": parsed.times})


def _detail(text: str) -> tuple[str, Any]:
    """Read ``retry_after=5``; what is no JSON is a text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SkytellsError(f"--set {text!r} names no value; write it like retry_after=5.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _find(url: str | None, key: str | None) -> RunningSandbox:
    """Find the sandbox: as given, else by the environment, else the last one started that still runs."""
    if url is None and key is None:
        url, key = os.environ.get("SKYTELLS_BASE_URL"), os.environ.get("SKYTELLS_API_KEY", "").strip()
        if not (url and key.startswith(SANDBOX_KEY)):  # what is set is for the real API, and not for this
            return _last_started()
    for place in find_running():
        if url is None and place.api_key == key:
            url = place.url
        if key is None and place.url.rstrip("/") == str(url).rstrip("/"):
            key = place.api_key
    if url is None or key is None:
        missing = "--url" if url is None else "--key"
        raise SkytellsError(f"{missing} is needed too: no such sandbox was started here.")
    if not key.startswith(SANDBOX_KEY):
        raise SkytellsError(f"This is no sandbox's key, which begins with {SANDBOX_KEY}. It was not sent.")
    return RunningSandbox(url, key)


def _last_started() -> RunningSandbox:
    for place in find_running():
        if place.answers():
            return place
    raise SkytellsError(
        "No running sandbox was found. Start one with: skytells-nb sandbox --class 30, or name one with "
        "--url and --key."
    )


def _ask(endpoint: RunningSandbox, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask one of the sandbox's own routes, and nobody else: http.client knows neither proxy nor redirect."""
    parts = urlsplit(endpoint.url)
    if parts.scheme not in ("http", "https"):
        raise SkytellsError(f"{endpoint.url!r} is no URL; one looks like http://127.0.0.1:8000/v1.")
    headers = {"x-api-key": endpoint.api_key, "content-type": "application/json"}
    target = f"{parts.path.rstrip('/').removesuffix('/v1')}/__sandbox__/{path}"
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=PATIENCE)) as connection:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        if status == 200:
            return json.loads(content)
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SkytellsError(f"No sandbox answers at {endpoint.url} ({why}).") from None
    raise SkytellsError(_refused(endpoint, status, content), status_code=status)


def _refused(endpoint: RunningSandbox, status: int, content: bytes) -> str:
    if 300 <= status < 400:
        return f"{endpoint.url} points elsewhere, and the key was not sent there. Name the sandbox itself."
    if status == 401:
        return f"The sandbox at {endpoint.url} wants its own key for this; in a class, the teacher's."
    try:
        why = json.loads(content)["error"]["details"]
    except (ValueError, KeyError, TypeError):
        why = f"HTTP {status}"
    return f"The sandbox at {endpoint.url} refused: {why}."


def _table(waiting: Sequence[dict[str, Any]], url: str) -> str:
    if not waiting:
        return f"No faults are active at {url}. There are: {', '.join(sorted(FAULT_KINDS))}."
    rows = [("fault", "on", "for", "until", "details")]
    for each in waiting:
        routes = "any" if set(each["on"]) >= set(API_ROUTES) else ", ".join(each["on"])
        who = each.get("learner", "everybody")
        known = FAULT_KINDS[each["name"]].details if each["name"] in FAULT_KINDS else ()
        details = ", ".join(f"{name}={each[name]}" for name in known if name in each)
        rows.append((each["name"], routes, who, _until(each), details))
    return "\n".join([f"Active at {url}:", *align(rows)])


def _until(order: dict[str, Any]) -> str:
    ends = [f"{order['ends_in']:.0f} s"] if "ends_in" in order else []
    ends += [f"{order['times']} times"] if order["times"] is not None else []
    return " or ".join(ends) or "cleared"
