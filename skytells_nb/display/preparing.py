"""From entries to thumbnails: each fetched, its kind told by its content, and decoded, on all cores.

Entries do not know of each other here. What a cell can afford of them is decided afterwards, in ``fitting``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from .clips import ClipFacts, look_at
from .contents import Blob, Content, Notice, Prose, Remote
from .drawn import Passage, Picture, Player, data_uri
from .escaping import clean, clip
from .fetching import fetch
from .sniffing import Kind, kind_of
from .sources import Entry
from .thumbnails import PictureRefused, Reduced, Thumbnail, encode, reduce
from .wording import bytes_told, length_told

__all__ = ["Clip", "Prepared", "Small", "each", "prepare", "resolve"]

T = TypeVar("T")
R = TypeVar("R")

_FETCHERS: Final = 8
_CORES: Final = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Small:
    """A decoded picture and its first encoding; of a clip, its poster."""

    blob: Blob
    kind: Kind
    reduced: Reduced
    first: Thumbnail
    size: int

    @property
    def facts(self) -> str:
        """The size of the original, in words."""
        return f"{self.reduced.width} × {self.reduced.height}"

    def picture(self, thumbnail: Thumbnail | None, facts: str = "") -> Picture:
        """Give it as it stands in a page; without a thumbnail, the room it takes there."""
        ratio = min(1.0, self.size / max(self.reduced.width, self.reduced.height, 1))
        return Picture(
            "" if thumbnail is None else data_uri(thumbnail.data, thumbnail.mime),
            max(1, round(self.reduced.width * ratio)),
            max(1, round(self.reduced.height * ratio)),
            facts,
        )


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip or a song, looked at."""

    blob: Blob
    kind: Kind
    facts: ClipFacts
    poster: Small | None

    def player(self, source: str | None, poster: Picture | None) -> Player:
        """Give it as it stands in a page."""
        told = [length_told(self.facts.seconds), bytes_told(self.blob.size())]
        return Player(
            "video" if self.kind.family == "video" else "audio",
            source,
            poster,
            None if poster is None else poster.width,
            None if poster is None else poster.height,
            " · ".join(word for word in told if word),
        )


Prepared = Small | Clip | Passage | Notice


def prepare(entries: Sequence[Entry], *, side: int, size: int, longest: int) -> list[Prepared]:
    """Prepare entries, each by itself.

    Parameters
    ----------
    entries : sequence of Entry
        What to prepare, in order.
    side : int
        Longest side of the thumbnails, in pixels.
    size : int
        Longest side they are shown at, in CSS pixels.
    longest : int
        Characters of a text that are shown.
    """
    return each(lambda entry: _prepare(entry.content, side, size, longest), entries)


def resolve(entries: Sequence[Entry]) -> list[Entry]:
    """Fetch what is not at hand: the same entries, with bytes or words in the place of addresses."""
    away = [entry.content for entry in entries if isinstance(entry.content, Remote)]
    silent: set[str] = set()
    came = iter(each(lambda remote: fetch(remote, silent), away, _FETCHERS))
    return [
        replace(entry, content=next(came)) if isinstance(entry.content, Remote) else entry
        for entry in entries
    ]


def each(work: Callable[[T], R], items: Iterable[T], workers: int = _CORES) -> list[R]:
    """Do the same work for each item, on all cores; what comes back is in order."""
    todo = list(items)
    if len(todo) < 2:
        return [work(item) for item in todo]
    pool = ThreadPoolExecutor(min(workers, len(todo)), thread_name_prefix="skytells-display")
    try:
        context = copy_context()  # the threads see the options of whoever looks
        return list(pool.map(lambda item: context.copy().run(work, item), todo))
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(content: Content, side: int, size: int, longest: int) -> Prepared:
    if isinstance(content, Prose):
        return _passage(content.text, longest)
    if not isinstance(content, Blob):
        return content if isinstance(content, Notice) else Notice("Not downloaded", "", content.address)
    try:
        return _read(content, side, size, longest)
    except PictureRefused as error:
        return Notice(error.title, error.detail[:1].upper() + error.detail[1:])
    except FileNotFoundError:
        return Notice("File not found", "It was there, and is no longer.")
    except OSError as error:
        return Notice("File not readable", clip(clean(error.strerror or type(error).__name__), 200))


def _read(blob: Blob, side: int, size: int, longest: int) -> Prepared:
    kind = kind_of(blob.head())
    if kind.family == "image":
        with blob.open() as file:
            reduced = reduce(file, side)
        return Small(blob, kind, reduced, encode(reduced.image), size)
    if kind.family in ("video", "audio"):
        with blob.open() as file:
            facts = look_at(file)
        return Clip(blob, kind, facts, _poster(facts, blob, side, size))
    if kind.family == "text":
        with blob.open() as file:
            return _passage(file.read(4 * longest + 4).decode("utf-8", "replace"), longest, blob.size())
    return Notice("Not shown", f"The file holds {kind.name}.")


def _poster(facts: ClipFacts, blob: Blob, side: int, size: int) -> Small | None:
    if facts.poster is None:
        return None
    width, height = facts.poster.size
    image = facts.poster
    image.thumbnail((side, side), reducing_gap=2.0)
    kind = Kind("image", "image/webp", "WEBP")
    return Small(blob, kind, Reduced(image, width, height, 1), encode(image), size)


def _passage(text: str, longest: int, size: int | None = None) -> Passage:
    shown = clean(text)
    length = max(len(shown), size or 0) if len(shown) > longest else len(shown)
    return Passage(shown[:longest], length)
