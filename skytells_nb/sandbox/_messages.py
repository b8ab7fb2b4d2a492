"""One request as it came, one response as it shall leave, and which endpoint the request means.

Source: skytells-api.md, section 3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from ._accounts import RateWindows

#: Send it; close the connection without a byte; say nothing until the client gives up; close it half way.
Ending = Literal["send", "drop", "hang", "cut"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request, read whole."""

    method: str  # in capitals
    target: str  # the path as it came over the wire, still percent-encoded, without its query
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""  # at most `app.LARGEST_BODY` bytes
    origin: str = "http://127.0.0.1"  # with which absolute URLs in answers begin
    asker: str = ""  # the IP address that it came from, where that is known


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
class HttpResponse:
    """What the sandbox answers, and how the socket has to treat it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    after: float = 0.0  # seconds to hold the answer back although the request has been handled
    ending: Ending = "send"
    reset: bool = False  # drop with a TCP reset instead of an orderly close
    hold: str | None = None  # the prediction whose end has to come before this is answered (``await: true``)
    asset: Asset | None = None  # the file that is the body, yet to be drawn
    work: Callable[[], bytes] | None = None  # returns the body, and takes too long for an event loop
    # a body that comes in pieces, each with the seconds before it; `ending` is then that of the last
    pieces: list[tuple[float, bytes]] | None = None
    about: str | None = None  # the prediction that was created or read
    unread: bool = False  # the request's body was not read, and its connection cannot be used again
    bucket: RateWindows | None = None  # what the request was counted in, where that is a text model's own


def as_json(value: Any, status: int = 200) -> HttpResponse:
    """Answer with a JSON body; every documented answer is one, also those of delete (section 2)."""
    return HttpResponse(status=status, body=dump(value), headers={"content-type": "application/json"})


def dump(value: Any) -> bytes:
    """Write JSON as compact ASCII, so that a prompt with half a surrogate pair cannot break an answer."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


#: The routes of text models, by their path; their errors have a shape of their own.
TEXT_ROUTES: Final = ("chat", "responses", "embeddings")
#: Every route a fault can be put on. ``any`` stands for all of those that need a key.
API_ROUTES: Final = ("create", "read", "list", "cancel", "delete", "stream", "models", "model", *TEXT_ROUTES)
ROUTES: Final = (*API_ROUTES, "asset")


class Route(NamedTuple):
    """An endpoint and what its path named: a prediction id, a model's slug, or the rest of a path."""

    name: str
    argument: str = ""
    rest: str = ""


UNKNOWN: Final = Route("unknown")

#: Each endpoint: its methods, its path, its name, and the one spelling of the API that has it, if not both.
_ENDPOINTS: Final = tuple(
    (methods.split(), re.compile(path.replace("ID", "([^/]+)")), name, spelling)
    for methods, path, name, spelling in (
        ("GET", "/v1/predictions/ID/*", "read", ""),
        ("POST", "/v1/predictions/*", "create", "new"),
        ("POST", "/v1/predict/*", "create", "old"),
        ("GET", "/v1/predictions/*", "list", ""),
        ("DELETE", "/v1/predictions/ID/*", "delete", "new"),
        ("DELETE", "/v1/predictions/ID/delete/*", "delete", "old"),
        ("POST", "/v1/predictions/ID/cancel/*", "cancel", ""),
        ("GET", "/v1/predictions/ID/stream/*", "stream", ""),
        ("POST", "/v1/chat/completions/*", "chat", ""),
        ("POST", "/v1/responses/*", "responses", ""),
        ("POST", "/v1/embeddings/*", "embeddings", ""),
        ("GET", "/v1/models/*", "models", ""),
        ("GET", "/v1/models/(.*[^/])/*", "model", "new"),
        ("GET", "/v1/model/(.*[^/])/*", "model", "old"),
        ("GET HEAD", "/?", "home", ""),
        ("GET HEAD", "/assets/([^/]*)/([^/]*)", "asset", ""),
        ("GET POST PUT DELETE PATCH HEAD", "/__sandbox__/([^/]*)", "control", ""),
        ("GET POST", "/class/([^/]*)/vote(?:/([^/]*/[^/]*))?", "vote", ""),
        ("GET HEAD", "/class(?:/([^/]*)(?:/([^/]*/[^/]*))?)?", "gallery", ""),
    )
)


def find_route(method: str, target: str, paths: str = "both") -> Route:
    """Return the endpoint of a request; `paths` says which spellings exist."""
    for methods, path, name, spelling in _ENDPOINTS:
        found = path.fullmatch(target)
        if found and method in methods and paths in ("both", spelling or paths):
            return Route(name, *(unquote(part or "") for part in found.groups()))
    return UNKNOWN
