"""One request as it came, one answer as it shall leave: all that core and socket say to each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
        The raw body, at most `skytells_nb.sandbox.app.LARGEST_BODY` bytes.
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

    With an `edge` it is a thumbnail of a picture, at most so many pixels wide and high.
    """

    job: str
    name: str
    mime: str
    kind: str
    input: Mapping[str, Any]
    index: int
    range: str = ""
    edge: int = 0


@dataclass(slots=True)
class Answer:
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
    about : str or None
        The id of the prediction that was created or read.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    ending: Ending = "send"
    reset: bool = False
    hold: str | None = None
    asset: Asset | None = None
    about: str | None = None


def as_json(value: Any, status: int = 200) -> Answer:
    """Answer with a JSON body; every documented answer is one, also those of delete (section 2)."""
    return Answer(status=status, body=dump(value), headers={"content-type": "application/json"})


def dump(value: Any) -> bytes:
    """Write JSON as compact ASCII, so that a prompt with half a surrogate pair cannot break an answer."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")
