"""Where a file came from, written into the file itself without touching its pixels.

PNG takes a text chunk, JPEG and WebP take an XMP packet; the compressed image data is copied byte for
byte. Every other kind of file has its record in the JSON beside it, and so has a file with content
credentials (C2PA), which any change would invalidate.
"""

from __future__ import annotations

import html
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..exceptions import InvalidInputError
from ..filetypes import HEAD, sniff
from ._files import SIDECAR
from ._serialize import SIDECAR_ONLY

# Of the 64 kB that a segment of a JPEG holds: escaped quotes and a caption take the rest.
_ROOM: Final = 48_000
_READ_AT_MOST: Final = 64 * 2**20

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEYWORD: Final = b"skytells_nb"

_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_LARGEST: Final = 65_533  # bytes: a segment's length is two of them, and counts itself
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # which begin no frame

_WEBP_HAS_XMP: Final = 0x04
_WEBP_HAS_ALPHA: Final = 0x10

_XMP_NAMESPACE: Final = "https://skytells.ai/ns/provenance/1.0/"
_XMP_RECORD: Final = re.compile(rb'skytells:record="([^"]*)"')
_XMP_OURS: Final = re.compile(rb"<rdf:Description[^>]*?skytells:record=\"[^\"]*\"[^>]*?/>")
_XMP_CREDENTIALS: Final = b"dcterms:provenance"
"""How a picture says that its content credentials lie elsewhere (C2PA specification, section 11.5)."""


class BrokenImageError(Exception):
    """An image file that stops before its end, or contradicts itself."""


@dataclass(frozen=True, slots=True)
class _Format:
    """A kind of file: its parts, of which one kind holds a record, and another content credentials."""

    parts: Callable[[bytes], Iterator[tuple[int | bytes, int, int]]]
    measure: Callable[[bytes], tuple[int, int]]
    embed: Callable[[bytes, str, str], bytes]
    metadata: int | bytes
    before: bytes  # what such a part begins with where it holds a record
    credentials: int | bytes
    marked: bytes = b""

    def extract(self, data: bytes) -> str | None:
        for kind, at, end in self.parts(data):
            if kind == self.metadata and data.startswith(self.before, at):
                body = data[at + len(self.before) : end]
                if kind == b"iTXt":
                    return body.decode("utf-8", "replace")
                if (found := _XMP_RECORD.search(body)) is not None:
                    return html.unescape(found[1].decode("utf-8", "replace"))
        return None

    def has_credentials(self, data: bytes) -> bool:
        return any(
            (kind == self.credentials and data.startswith(self.marked, at))
            or (kind == self.metadata and _XMP_CREDENTIALS in data[at:end])
            for kind, at, end in self.parts(data)
        )


def embed(data: bytes, record: dict[str, Any]) -> bytes:
    """Splice a record into an image; data of other kinds, or with content credentials, stays as it is."""
    kind = _FORMATS.get(sniff(data[:HEAD]) or "")
    if kind is None:
        return data
    with _readable():
        # A signature over the whole file would no longer hold,
        # and a viewer would call the picture tampered with.
        if kind.has_credentials(data):
            return data
        return kind.embed(data, _fitting(record), str(record.get("prompt") or ""))


def measure(data: bytes) -> tuple[int, int] | None:
    """Read an image's width and height from its header alone; None where they are not known."""
    kind = _FORMATS.get(sniff(data[:HEAD]) or "")
    if kind is None:
        return None
    with _readable():
        return kind.measure(data)


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """Return how a file was made: prompt, input, model, seed, cost, times, id and origin.

    Parameters
    ----------
    path : str or Path
        A file from an archive, also when it was renamed, copied or sent to somebody.

    Returns
    -------
    dict or None
        From the image itself, else from the JSON file beside it; None where neither says anything.

    Raises
    ------
    InvalidInputError
        When there is no such file.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> sky.read_provenance("fox.png")["prompt"]  # doctest: +SKIP
    'a red fox in snow'
    """
    place = Path(path)
    try:
        with open(place, "rb") as file:
            data = file.read(_READ_AT_MOST)
    except OSError as error:
        raise InvalidInputError(
            f"{place} cannot be read: {error.strerror or error}. Pass the path of a file."
        ) from error
    kind = _FORMATS.get(sniff(data[:HEAD]) or "")
    text = None
    if kind is not None:
        with suppress(BrokenImageError), _readable():
            text = kind.extract(data)
    found = _decoded(text)
    if found is None:
        beside = place.with_name(place.name + SIDECAR)
        try:
            if beside.stat().st_size <= _READ_AT_MOST:
                found = _decoded(beside.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            found = None
    return None if found is None else {key: value for key, value in found.items() if key not in SIDECAR_ONLY}


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (struct.error, IndexError) as error:
        raise BrokenImageError("the image stops within its header") from error


def _decoded(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "skytells_nb" in found else None


def _fitting(record: dict[str, Any]) -> str:
    """Encode a record in pure ASCII that fits one JPEG segment, letting go of the largest parts first."""
    text = json.dumps(record, default=str)
    if len(text) > _ROOM:
        text = json.dumps({**record, "input": None}, default=str)
    if len(text) > _ROOM:
        text = json.dumps({**record, "input": None, "prompt": str(record.get("prompt"))[:4000]}, default=str)
    return text


# PNG: two iTXt chunks, one for programs and one for people, right behind the header.


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, and where its body begins and ends, with four bytes behind it."""
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        yield kind, at + 8, end - 4
        if kind == b"IEND":
            return
        at = end
    raise BrokenImageError("the PNG stops before its end")


def _png_text(keyword: bytes, text: str) -> bytes:
    body = keyword + b"\x00\x00\x00\x00\x00" + text.encode("utf-8", "replace")
    return struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))


def _png_measure(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; the whole file is walked, so a cut one is found out."""
    kinds = {kind for kind, _, _ in _png_chunks(data)}
    if data[12:16] != b"IHDR" or b"IDAT" not in kinds:
        raise BrokenImageError("the PNG holds no image")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _png_embed(data: bytes, text: str, caption: str) -> bytes:
    """Splice the record in behind the header; an earlier record is replaced."""
    kept, start = [], len(_PNG_SIGNATURE)
    header = b""
    end = start
    for kind, at, stop in _png_chunks(data):
        end = stop + 4
        if kind == b"IHDR":
            header = data[start:end]
        elif not (kind == b"iTXt" and data.startswith(_PNG_KEYWORD + b"\x00", at)):
            kept.append(data[at - 8 : end])
    added = _png_text(_PNG_KEYWORD, text)
    if caption and b"iTXtDescription\x00" not in data:
        added += _png_text(b"Description", caption[:2000])
    return b"".join([_PNG_SIGNATURE, header, added, *kept, data[end:]])


# JPEG: an XMP packet in an APP1 segment of its own, behind JFIF and EXIF.


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each segment's marker, and where its body begins and ends, up to the image data."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end > len(data) or end < at + 4:
            break
        yield marker, at + 4, end
        if marker == 0xDA:
            return
        at = end
    raise BrokenImageError("the JPEG stops before its image data")


def _jpeg_segment(packet: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 2 + len(_JPEG_XMP) + len(packet)) + _JPEG_XMP + packet


def _jpeg_measure(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; a file without an end marker is found out."""
    size = None
    for marker, at, _ in _jpeg_segments(data):
        if marker in _JPEG_FRAMES and size is None:
            height, width = struct.unpack_from(">HH", data, at + 1)
            size = (width, height)
    if size is None or data.rfind(b"\xff\xd9") < 0:
        raise BrokenImageError("the JPEG stops before its end")
    return size


def _jpeg_embed(data: bytes, text: str, caption: str) -> bytes:
    """Splice the record in; a packet that is there already is extended, or left alone if it cannot be."""
    # JFIF has to come first, and readers look for EXIF right behind it.
    place = 2
    for marker, at, end in _jpeg_segments(data):
        if marker == 0xE1 and data.startswith(_JPEG_XMP, at):
            grown = _xmp_extended(data[at + len(_JPEG_XMP) : end], text)
            if grown is None or len(grown) + len(_JPEG_XMP) > _JPEG_LARGEST:
                return data
            return data[: at - 4] + _jpeg_segment(grown) + data[end:]
        if marker == 0xE0 or (marker == 0xE1 and data.startswith(b"Exif\x00", at)):
            place = end
    new = _xmp_packet(text, caption)
    if len(new) + len(_JPEG_XMP) > _JPEG_LARGEST:
        return data
    return data[:place] + _jpeg_segment(new) + data[place:]


# WebP: an XMP chunk needs the extended form, so a simple file is given its VP8X header first.


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's type, and where its body begins and ends."""
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise BrokenImageError("the WebP stops before its end")
    at = 12
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        if at + 8 + size > end:
            raise BrokenImageError("a chunk of the WebP is longer than the file")
        yield kind, at + 8, at + 8 + size
        at += 8 + size + (size & 1)


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) & 1)


def _webp_canvas(data: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether a simple file is see-through."""
    for kind, at, end in _webp_chunks(data):
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
    raise BrokenImageError("the WebP holds no image")


def _webp_embed(data: bytes, text: str, caption: str) -> bytes:
    """Splice the record in; a packet that is there already is extended, or left alone if it cannot be."""
    width, height, alpha = _webp_canvas(data)
    new: bytes | None = _xmp_packet(text, caption)
    parts: list[bytes] = []
    for kind, at, end in _webp_chunks(data):
        body = data[at:end]
        if kind == b"XMP ":
            new = _xmp_extended(body, text)
            continue
        if kind == b"VP8X":
            body = bytes([body[0] | _WEBP_HAS_XMP]) + body[1:]
        parts.append(_webp_chunk(kind, body))
    if new is None:
        return data
    # A simple file has no place for metadata; readers go by these flags.
    if not parts[0].startswith(b"VP8X"):
        flags = _WEBP_HAS_XMP | (_WEBP_HAS_ALPHA if alpha else 0)
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        parts.insert(0, _webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size))
    parts.append(_webp_chunk(b"XMP ", new))
    body = b"WEBP" + b"".join(parts)
    # Bytes behind the RIFF container belong to nobody that is known, and are not ours to drop.
    tail = data[8 + struct.unpack_from("<I", data, 4)[0] :]
    return b"RIFF" + struct.pack("<I", len(body)) + body + tail


# XMP: the record as one attribute, the prompt as a caption. Packets are read by looking for our
# attribute, never by an XML parser: a packet in a file from elsewhere is not to be trusted with entities.


def _xmp_record(text: str) -> str:
    attribute = html.escape(text, quote=True).replace("\n", "&#10;")
    return f'<rdf:Description rdf:about="" xmlns:skytells="{_XMP_NAMESPACE}" skytells:record="{attribute}"/>'


def _xmp_packet(text: str, caption: str) -> bytes:
    allowed = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", caption[:2000])
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
        f'<rdf:li xml:lang="x-default">{html.escape(allowed)}</rdf:li>'
        "</rdf:Alt></dc:description></rdf:Description>"
        f"{_xmp_record(text)}</rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def _xmp_extended(packet: bytes, text: str) -> bytes | None:
    """Add the record to a packet that is there already; None where it is too unlike a packet."""
    bare = _XMP_OURS.sub(b"", packet)
    before, close, after = bare.rpartition(b"</rdf:RDF>")
    return before + _xmp_record(text).encode() + close + after if close else None


_FORMATS: Final = {
    "image/png": _Format(
        _png_chunks, _png_measure, _png_embed, b"iTXt", _PNG_KEYWORD + b"\x00\x00\x00\x00\x00", b"caBX"
    ),
    # Credentials are JUMBF in an APP11 segment, or a packet points to some elsewhere.
    "image/jpeg": _Format(_jpeg_segments, _jpeg_measure, _jpeg_embed, 0xE1, _JPEG_XMP, 0xEB, b"JP"),
    "image/webp": _Format(
        _webp_chunks, lambda data: _webp_canvas(data)[:2], _webp_embed, b"XMP ", b"", b"C2PA"
    ),
}
