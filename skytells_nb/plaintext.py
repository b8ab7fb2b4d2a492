"""Text from elsewhere, made fit for a terminal, a repr, a frame's print and a page.

A server's names, prompts and errors may hold control characters (which clear a terminal or rename its
window), bidirectional overrides (which reorder or hide the text around them) and lone surrogates (which no
notebook can be saved with). Everything that a person reads goes through `clean` or `one_line` first.
"""

from __future__ import annotations

import re
import sys

TYPE_CHECKING = False  # the errors import this module, and cost next to nothing
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Final, TextIO

# Overrides, embeddings, isolates and marks of direction; what breaks lines unseen; the byte order mark.
_UNSEEN: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufeff\ufff9-\ufffb]")
_BREAKS: Final = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_HOSTILE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_HOSTILE_ASCII: Final = bytes(code for code in range(128) if _HOSTILE.match(chr(code)))
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

# Greedy, so that a text of 48 kB of "sk-sk-…" is gone through once.
_LIKE_A_KEY: Final = re.compile(r"(?<![A-Za-z0-9])sk[-_][\w-]*", re.IGNORECASE)
_RANDOM: Final = re.compile(r"(?=[A-Za-z]*\d)[A-Za-z0-9]{12}|[A-Za-z0-9]{20}")

# What a spreadsheet takes for a formula: at the start of a cell, and after what it may take for its end. A
# csv with commas is opened with semicolons where those are the custom (owasp.org, "CSV Injection").
# What nobody sees before it, and what a reader may drop, is passed over.
FORMULA: Final = re.compile(
    r"(?:^|[;\t\r\n])[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"
)

_IN_ASCII: Final = {"×": "x", "…": "...", "·": "-", "–": "-", "“": '"', "”": '"', "’": "'", "€": "EUR"}


def clean(text: str) -> str:
    """Neutralise control characters, bidirectional overrides and lone surrogates; lines stay lines."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BREAKS.sub("\n", _UNSEEN.sub("", text)))


def hide_keys(text: str, *, least: int | None = None) -> str:
    """Blank whatever looks like an API key: people paste it where something else belongs.

    Words after ``sk-``, as in a file's name, are left; with `least`, so many letters of any kind are a key.
    """

    def blank(word: re.Match[str]) -> str:
        is_long = least is not None and len(word[0]) >= len("sk-") + least
        return "sk-…" if is_long or _RANDOM.search(word[0]) else word[0]

    return _LIKE_A_KEY.sub(blank, text)


def printable(texts: Sequence[str | None]) -> Sequence[str | None]:
    """Neutralise what moves a cursor, turns a line round or fits in no file, and nothing else, in data.

    For columns: breaks of lines, tabs and marks of direction, which people write, are left alone.
    """
    joined = "".join(filter(None, texts))
    if joined.isascii():  # as nearly all ids, names and addresses are: five times as fast as the pattern
        is_clean = len(joined.encode().translate(None, _HOSTILE_ASCII)) == len(joined)
    else:
        is_clean = _HOSTILE.search(joined) is None
    if is_clean:
        return texts
    return [None if text is None else _HOSTILE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts]


def one_line(text: str) -> str:
    """Clean a text and put it on one line, with single spaces."""
    return " ".join(clean(text).split())


def align(rows: Sequence[Sequence[str]], right: Collection[int] = (), widest: int = 60) -> list[str]:
    """Return lines with their cells under each other; those of the columns ``right`` end together."""
    plain = [[clip(one_line(cell), widest) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*plain, strict=True)]
    return [
        "  ".join(
            " " * (width - _width(cell)) + cell if at in right else cell + " " * (width - _width(cell))
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in plain
    ]


def _width(text: str) -> int:
    """Return how many places a text takes in a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def clip(text: str, length: int) -> str:
    """Cut a text to so many characters, at the end of a word where one is near, and never inside a letter."""
    if len(text) <= length:
        return text
    import unicodedata

    cut = length - 1
    while cut > 0 and (
        unicodedata.combining(text[cut]) or text[cut] in "\u200d\ufe0f" or text[cut - 1] == "\u200d"
    ):
        cut -= 1
    space = text.rfind(" ", 0, cut + 1)
    if space >= length * 2 // 3:
        cut = space
    return text[:cut].rstrip(" ,;:.-–") + "…"


def encodable(text: str, stream: TextIO | None = None) -> str:
    """Replace what a stream's character set lacks, so that writing it does not fail (cp932, cp1251).

    The stream is what ``print`` writes to when None.
    """
    if text.isascii():
        return text
    charset = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        known = (
            letter if letter.encode(charset, "ignore") else _IN_ASCII.get(letter, letter) for letter in text
        )
        return "".join(known).encode(charset, "replace").decode(charset)
    except LookupError:  # a stream of somebody's own
        return text
    return text
