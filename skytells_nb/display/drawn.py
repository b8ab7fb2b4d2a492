"""The plain values a page is made of: a picture, a player, a passage of text, or words."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Literal

from .contents import Notice

__all__ = ["Drawn", "Notice", "Passage", "Picture", "Player", "data_uri"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready to stand in a page.

    Attributes
    ----------
    source : str
        Its data URI.
    width, height : int
        The size it is shown at, in CSS pixels.
    facts : str
        What is worth knowing of the original, such as ``1024 × 1024``.
    """

    source: str
    width: int
    height: int
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Player:
    """A clip or a song: a player where it is small enough to embed, else its poster and words.

    Attributes
    ----------
    family : str
        ``video`` or ``audio``.
    source : str or None
        Its data URI; None where it is too large for the cell.
    poster : Picture or None
        A frame of it.
    width, height : int or None
        Of a video, as shown, where that is known.
    facts : str
        Its length and size.
    """

    family: Literal["video", "audio"]
    source: str | None
    poster: Picture | None = None
    width: int | None = None
    height: int | None = None
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, as much of it as is shown, and how many characters it has in all."""

    text: str
    length: int


Drawn = Picture | Player | Passage | Notice


def data_uri(data: bytes, mime: str) -> str:
    """Write bytes as a data URI."""
    return f"data:{mime};base64,{b64encode(data).decode('ascii')}"
