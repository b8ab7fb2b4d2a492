"""A JPEG's segments: XMP goes into an APP1 of its own, behind JFIF and EXIF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from . import xmp
from .record import Broken

__all__ = ["embed", "extract", "measure"]

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_LARGEST: Final = 65_533
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each segment's marker, where it begins, and where the next one does, up to the image data."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data) or end < at + 4:
            break
        yield marker, at, end
        if marker == 0xDA:
            return
        at = end
    raise Broken("the JPEG stops before its image data")


def measure(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; a file without an end marker is found out."""
    size = None
    for marker, at, _ in _segments(data):
        if marker in _FRAMES and size is None:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
    if size is None or data.rfind(b"\xff\xd9") < 0:
        raise Broken("the JPEG stops before its end")
    return size


def embed(data: bytes, text: str, caption: str) -> bytes:
    """Splice the record in; a packet that is there already is extended, or left alone if it cannot be."""
    place = 2
    for marker, at, end in _segments(data):
        if marker == 0xE1 and data.startswith(_XMP, at + 4):
            grown = xmp.extend(data[at + 4 + len(_XMP) : end], text)
            if grown is None or len(grown) + len(_XMP) > _LARGEST:
                return data
            return data[:at] + _segment(grown) + data[end:]
        if marker == 0xE0 or (marker == 0xE1 and data.startswith(b"Exif\x00", at + 4)):
            place = end
    new = xmp.packet(text, caption)
    if len(new) + len(_XMP) > _LARGEST:
        return data
    return data[:place] + _segment(new) + data[place:]


def _segment(packet: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 2 + len(_XMP) + len(packet)) + _XMP + packet


def extract(data: bytes) -> str | None:
    """Read the record back, if there is one."""
    for marker, at, end in _segments(data):
        if marker == 0xE1 and data.startswith(_XMP, at + 4):
            found = xmp.extract(data[at + 4 + len(_XMP) : end])
            if found is not None:
                return found
    return None
