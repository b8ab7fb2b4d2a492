"""A PNG's text chunks: one iTXt for programs, one for people, right behind the header."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from .record import Broken

__all__ = ["embed", "extract", "measure"]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEYWORD: Final = b"skytells_nb"


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, where it begins, and where the next one does."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise Broken("the PNG stops before its end")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _text(keyword: bytes, text: str) -> bytes:
    return _chunk(b"iTXt", keyword + b"\x00\x00\x00\x00\x00" + text.encode("utf-8", "replace"))


def measure(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; the whole file is walked, so a cut one is found out."""
    kinds = {kind for kind, _, _ in _chunks(data)}
    if data[12:16] != b"IHDR" or b"IDAT" not in kinds:
        raise Broken("the PNG holds no image")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def embed(data: bytes, text: str, caption: str) -> bytes:
    """Splice the record in behind the header; an earlier record is replaced."""
    kept, start = [], len(_SIGNATURE)
    header = b""
    end = start
    for kind, at, end in _chunks(data):
        if kind == b"IHDR":
            header = data[start:end]
        elif not (kind == b"iTXt" and data.startswith(_KEYWORD + b"\x00", at + 8)):
            kept.append(data[at:end])
    added = _text(_KEYWORD, text)
    if caption and b"iTXtDescription\x00" not in data:
        added += _text(b"Description", caption[:2000])
    return b"".join([_SIGNATURE, header, added, *kept, data[end:]])


def extract(data: bytes) -> str | None:
    """Read the record back, if there is one."""
    for kind, at, end in _chunks(data):
        if kind == b"iTXt" and data.startswith(_KEYWORD + b"\x00\x00\x00\x00\x00", at + 8):
            return data[at + 8 + len(_KEYWORD) + 5 : end - 4].decode("utf-8", "replace")
        if kind == b"IDAT":
            return None
    return None
