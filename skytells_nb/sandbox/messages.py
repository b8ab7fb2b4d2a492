"""One request as it came, one response as it shall leave, and which endpoint the request means.

Source: skytells-api.md, section 3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from .accounts import Bucket

Ending = Literal["send", "drop", "hang", "cut"]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, read whole.

    Attributes
    ----------
    method : str
        In capitals.
    target : str
        The path as it came over the wire, still percent-encoded, without its query.
    query : str
        What stood behind the question mark.
    headers : Mapping[str, str]
        Names in lower case.
    body : bytes
        The raw body, at most `app.LARGEST_BODY` bytes.
    origin : str
        Scheme, host and port under which the sandbox is reached; absolute URLs in answers begin with it.
    asker : str
        The IP address that it came from; empty when that is not known.
    """

    method: str
    target: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = "http://127.0.0.1"
    asker: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """An output file that has yet to be drawn: whose, what to draw, and which part of it is wanted.

    `source` is the picture that its input names: a data URI, or the file of an earlier prediction. With an
    `edge` it is a thumbnail of a picture, at most so many pixels wide and high.
    """

    job: str
    name: str
    mime: str
    kind: str
    input: Mapping[str, Any]
    index: int
    account: str = ""
    range: str = ""
    edge: int = 0
    model: str = ""
    source: str | Asset = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from other files."""
        return self.job, self.name, self.edge


@dataclass(slots=True)
class Response:
    """What the sandbox answers, and how the socket has to treat it.

    Attributes
    ----------
    status : int
        HTTP status.
    body : bytes
        The body, unless `asset` is to be drawn first.
    headers : dict of str to str
        Names in lower case.
    after : float
        Seconds to hold the answer back although the request has been handled.
    ending : {"send", "drop", "hang", "cut"}
        Send it; close the connection without a byte; say nothing until the client gives up; close it half
        way.
    reset : bool
        Drop with a TCP reset instead of an orderly close.
    hold : str or None
        The id of a prediction whose end has to come before this request is answered (``await: true``).
    asset : Asset or None
        The file that is the body.
    work : callable or None
        Returns the body, and takes so long that whoever sends it calls it off the event loop.
    pieces : list of (float, bytes) or None
        A body that comes in pieces, each with the seconds that pass before it; `ending` is then that of the
        last: close it in order, break it off, or keep it open.
    about : str or None
        The id of the prediction that was created or read.
    unread : bool
        The request's body was not read, and its connection cannot be used again.
    bucket : Bucket or None
        What the request was counted in, where that is a text model's own.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    ending: Ending = "send"
    reset: bool = False
    hold: str | None = None
    asset: Asset | None = None
    work: Callable[[], bytes] | None = None
    pieces: list[tuple[float, bytes]] | None = None
    about: str | None = None
    unread: bool = False
    bucket: Bucket | None = None


def as_json(value: Any, status: int = 200) -> Response:
    """Answer with a JSON body; every documented answer is one, also those of delete (section 2)."""
    return Response(status=status, body=dump(value), headers={"content-type": "application/json"})


def dump(value: Any) -> bytes:
    """Write JSON as compact ASCII, so that a prompt with half a surrogate pair cannot break an answer."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


#: Every route a fault can be put on. ``any`` stands for all of those that need a key.
#: Those of text models, by their path; their errors have a shape of their own.
INFERENCE: Final[dict[str, str]] = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
}
TEXT_ROUTES: Final = tuple(INFERENCE.values())
API_ROUTES: Final = ("create", "read", "list", "cancel", "delete", "stream", "models", "model", *TEXT_ROUTES)
ROUTES: Final = (*API_ROUTES, "asset")


class Route(NamedTuple):
    """An endpoint and what its path named: a prediction id, a model's slug, or the rest of a path."""

    name: str
    argument: str = ""
    rest: str = ""


UNKNOWN: Final = Route("unknown")


def find_route(method: str, target: str, paths: str = "both") -> Route:
    """Return the endpoint of a request; `paths` says which spellings exist."""
    if not target.startswith("/v1/"):
        return _outside(method, target)
    if target.rstrip("/") in INFERENCE:
        return Route(INFERENCE[target.rstrip("/")]) if method == "POST" else UNKNOWN
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
    if len(parts) in (4, 6) and parts[1] == "class" and parts[3] == "vote" and method in ("GET", "POST"):
        return Route("vote", parts[2], "/".join(map(unquote, parts[4:])))
    if len(parts) in (2, 3, 5) and parts[1] == "class" and method in ("GET", "HEAD"):
        return Route("gallery", "/".join(parts[2:3]), "/".join(map(unquote, parts[3:])))
    return UNKNOWN
