"""A WebP's chunks: XMP needs the extended form, so a simple file is given its VP8X header first."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from . import xmp
from .record import Broken

__all__ = ["embed", "extract", "measure"]

_HAS_XMP: Final = 0x04
_HAS_ALPHA: Final = 0x10


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, and where its body begins and ends."""
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise Broken("the WebP stops before its end")
    at = 12
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        if at + 8 + size > end:
            raise Broken("a chunk of the WebP is longer than the file")
        yield kind, at + 8, at + 8 + size
        at += 8 + size + (size & 1)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) & 1)


def _canvas(data: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether a simple file is see-through."""
    for kind, at, end in _chunks(data):
        body = data[at : min(end, at + 10)]
        if kind == b"VP8X" and len(body) == 10:
            width = int.from_bytes(body[4:7], "little") + 1
            return width, int.from_bytes(body[7:10], "little") + 1, False
        if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) == 10:
            width, height = struct.unpack_from("<HH", body, 6)
            return width & 0x3FFF, height & 0x3FFF, False
        if kind == b"VP8L" and body[:1] == b"\x2f" and len(body) >= 5:
            bits = int.from_bytes(body[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    raise Broken("the WebP holds no image")


def measure(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; a cut file is found out."""
    return _canvas(data)[:2]


def embed(data: bytes, text: str, caption: str) -> bytes:
    """Splice the record in; a packet that is there already is extended, or left alone if it cannot be."""
    width, height, alpha = _canvas(data)
    new: bytes | None = xmp.packet(text, caption)
    parts: list[bytes] = []
    for kind, at, end in _chunks(data):
        body = data[at:end]
        if kind == b"XMP ":
            new = xmp.extend(body, text)
            continue
        if kind == b"VP8X":
            body = bytes([body[0] | _HAS_XMP]) + body[1:]
        parts.append(_chunk(kind, body))
    if new is None:
        return data
    if not parts[0].startswith(b"VP8X"):
        flags = _HAS_XMP | (_HAS_ALPHA if alpha else 0)
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        parts.insert(0, _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size))
    parts.append(_chunk(b"XMP ", new))
    body = b"WEBP" + b"".join(parts)
    tail = data[8 + struct.unpack_from("<I", data, 4)[0] :]
    return b"RIFF" + struct.pack("<I", len(body)) + body + tail


def extract(data: bytes) -> str | None:
    """Read the record back, if there is one."""
    for kind, at, end in _chunks(data):
        if kind == b"XMP ":
            return xmp.extract(data[at:end])
    return None
