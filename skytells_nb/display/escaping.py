"""Strings from a server or a user, made fit to stand in a page: escaped, and bending nothing around them.

Escaping stops a prompt from becoming a tag. Three things it does not stop are handled here too: control
characters and bidirectional overrides, which reorder or hide the text around them; lone surrogates, which no
notebook can be saved with; and addresses such as ``javascript:``, harmless as text and not as links.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import Final
from urllib.parse import urlsplit

__all__ = ["clean", "clip", "link", "one_line", "text"]

# Overrides, embeddings, isolates and marks of direction; what breaks lines unseen; the byte order mark.
_UNSEEN: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufeff\ufff9-\ufffb]")
_BREAKS: Final = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LONGEST_LINK: Final = 2_000


def clean(value: str) -> str:
    """Neutralise control characters, bidirectional overrides and lone surrogates; lines stay lines.

    Examples
    --------
    >>> from skytells_nb.display.escaping import clean
    >>> clean("safe\u202etxt.exe")
    'safetxt.exe'
    """
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BREAKS.sub("\n", _UNSEEN.sub("", value)))


def one_line(value: str) -> str:
    """Clean a string and put it on one line, with single spaces."""
    return " ".join(clean(value).split())


def clip(value: str, length: int) -> str:
    """Cut a string to so many characters, at the end of a word where one is near, and never inside a letter.

    Examples
    --------
    >>> from skytells_nb.display.escaping import clip
    >>> clip("a red fox in the snow", 16)
    'a red fox in…'
    """
    if len(value) <= length:
        return value
    cut = length - 1
    while cut > 0 and (
        unicodedata.combining(value[cut]) or value[cut] in "\u200d\ufe0f" or value[cut - 1] == "\u200d"
    ):
        cut -= 1
    space = value.rfind(" ", 0, cut + 1)
    if space >= length * 2 // 3:
        cut = space
    return value[:cut].rstrip(" ,;:.-–") + "…"


def text(value: str) -> str:
    """Escape a string for the text of an element or the value of a quoted attribute."""
    return escape(clean(value), quote=True)


def link(address: str, words: str | None = None) -> str:
    """Write an address as a link where it is a web address, else as mere text.

    Examples
    --------
    >>> from skytells_nb.display.escaping import link
    >>> link("javascript:alert(1)")
    'javascript:alert(1)'
    """
    shown = text(one_line(words if words is not None else clip(address, 90)))
    if not _is_web_address(address):
        return shown
    return f'<a href="{text(address)}" target="_blank" rel="noopener noreferrer">{shown}</a>'


def _is_web_address(address: str) -> bool:
    if len(address) > _LONGEST_LINK or address != clean(address) or re.search(r'[\s\\"<>]', address):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
