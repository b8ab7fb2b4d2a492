"""Which endpoint a method and a path mean, in both of the documented spellings.

Source: skytells-api.md, section 3.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

#: Every route a fault can be put on. ``any`` stands for all of those that need a key.
API_ROUTES = ("create", "read", "list", "cancel", "delete", "stream", "models", "model")
ROUTES = (*API_ROUTES, "asset")

#: Documented, and deliberately absent here.
INFERENCE = ("/chat/completions", "/responses", "/embeddings")


class Route(NamedTuple):
    """An endpoint and what its path named: a prediction id, a model's slug, or the rest of a path."""

    name: str
    argument: str = ""
    rest: str = ""


UNKNOWN = Route("unknown")


def find(method: str, target: str, paths: str = "both") -> Route:
    """Find the endpoint of a request.

    Parameters
    ----------
    method : str
        In capitals.
    target : str
        The percent-encoded path.
    paths : {"both", "new", "old"}
        Which spellings of create, get-model and delete exist.

    Returns
    -------
    Route
        Named ``unknown`` when nothing has that path.
    """
    if not target.startswith("/v1/"):
        return _outside(method, target)
    parts = [unquote(part) for part in target[4:].rstrip("/").split("/")]
    head, size = parts[0], len(parts)
    new, old = paths != "old", paths != "new"
    if head == "predictions":
        return _prediction(method, parts, new=new, old=old)
    if head == "predict" and size == 1 and method == "POST" and old:
        return Route("create")
    if head == "models" and size == 1 and method == "GET":
        return Route("models")
    if ((head == "models" and new) or (head == "model" and old)) and size > 1 and method == "GET":
        return Route("model", "/".join(parts[1:]))
    return UNKNOWN


def _prediction(method: str, parts: list[str], *, new: bool, old: bool) -> Route:
    size = len(parts)
    if size == 1:
        if method == "POST" and new:
            return Route("create")
        return Route("list") if method == "GET" else UNKNOWN
    id = parts[1]
    if not id:
        return UNKNOWN
    if size == 2:
        if method == "GET":
            return Route("read", id)
        return Route("delete", id) if method == "DELETE" and new else UNKNOWN
    if size == 3:
        match method, parts[2]:
            case "POST", "cancel":
                return Route("cancel", id)
            case "GET", "stream":
                return Route("stream", id)
            case "DELETE", "delete" if old:
                return Route("delete", id)
    return UNKNOWN


def _outside(method: str, target: str) -> Route:
    if target in ("/", "") and method in ("GET", "HEAD"):
        return Route("home")
    parts = target.split("/")
    if len(parts) == 4 and parts[1] == "assets" and method in ("GET", "HEAD"):
        return Route("asset", unquote(parts[2]), unquote(parts[3]))
    if len(parts) == 3 and parts[1] == "__sandbox__":
        return Route("control", parts[2])
    if len(parts) in (2, 3, 5) and parts[1] == "class" and method in ("GET", "HEAD"):
        return Route("wall", "/".join(parts[2:3]), "/".join(map(unquote, parts[3:])))
    return UNKNOWN
