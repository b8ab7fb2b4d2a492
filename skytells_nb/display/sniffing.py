"""What a file really is, told from its first bytes: a name is only a name, and may come from a server."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

__all__ = ["HEAD", "Family", "Kind", "kind_of"]

Family = Literal["image", "video", "audio", "text", "page", "drawing", "unknown"]

HEAD: Final = 4096
"""How many bytes of a file are enough to tell what it is."""


class Kind(NamedTuple):
    """What a file is.

    Attributes
    ----------
    family : str
        ``image``, ``video``, ``audio``, ``text``, ``page`` (HTML), ``drawing`` (SVG) or ``unknown``.
    mime : str
        Its MIME type.
    name : str
        What to call it in a sentence; for an image, Pillow's name of the format.
    """

    family: Family
    mime: str
    name: str


_UNKNOWN: Final = Kind("unknown", "application/octet-stream", "data of an unknown kind")

_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", Kind("image", "image/png", "PNG")),
    (b"\xff\xd8\xff", Kind("image", "image/jpeg", "JPEG")),
    (b"GIF87a", Kind("image", "image/gif", "GIF")),
    (b"GIF89a", Kind("image", "image/gif", "GIF")),
    (b"II*\x00", Kind("image", "image/tiff", "TIFF")),
    (b"MM\x00*", Kind("image", "image/tiff", "TIFF")),
    (b"\x1a\x45\xdf\xa3", Kind("video", "video/webm", "WebM")),
    (b"ID3", Kind("audio", "audio/mpeg", "MP3")),
    (b"OggS", Kind("audio", "audio/ogg", "Ogg")),
    (b"fLaC", Kind("audio", "audio/flac", "FLAC")),
    (b"%PDF-", Kind("unknown", "application/pdf", "a PDF document")),
    (b"PK\x03\x04", Kind("unknown", "application/zip", "a ZIP archive")),
)
_RIFF: Final = {
    b"WEBP": Kind("image", "image/webp", "WEBP"),
    b"WAVE": Kind("audio", "audio/wav", "WAV"),
    b"AVI ": Kind("video", "video/x-msvideo", "AVI"),
}
_BRANDS: Final = {
    b"avif": Kind("image", "image/avif", "AVIF"),
    b"avis": Kind("image", "image/avif", "AVIF"),
    b"heic": Kind("unknown", "image/heic", "an HEIC picture"),
    b"mif1": Kind("unknown", "image/heif", "an HEIF picture"),
    b"qt  ": Kind("video", "video/quicktime", "QuickTime"),
    b"M4A ": Kind("audio", "audio/mp4", "M4A"),
    b"M4B ": Kind("audio", "audio/mp4", "M4B"),
}
_MP4: Final = Kind("video", "video/mp4", "MP4")
_BMP: Final = Kind("image", "image/bmp", "BMP")
_MP3: Final = Kind("audio", "audio/mpeg", "MP3")
_PAGE: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|title|meta|div)\b", re.IGNORECASE)
_DRAWING: Final = re.compile(rb"<(?:svg|!doctype\s+svg)\b", re.IGNORECASE)


def kind_of(head: bytes) -> Kind:
    """Tell what a file is from its first bytes.

    Examples
    --------
    >>> from skytells_nb.display.sniffing import kind_of
    >>> kind_of(b"<!DOCTYPE html><title>Not found</title>").family
    'page'
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], _UNKNOWN)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _MP4)
    if head[:2] == b"BM" and len(head) > 14:
        return _BMP
    if _is_mpeg_audio(head):
        return _MP3
    return _written(head)


def _is_mpeg_audio(head: bytes) -> bool:
    # Eleven bits of sync, then a version, a layer and a bit rate that exist.
    return (
        len(head) > 3
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] & 0x18 != 0x08
        and head[1] & 0x06 != 0
        and head[2] & 0xF0 != 0xF0
    )


def _written(head: bytes) -> Kind:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        if _DRAWING.search(start[:1024]):
            return Kind("drawing", "image/svg+xml", "an SVG drawing")
        if _PAGE.match(start) or _PAGE.search(start[:1024]):
            return Kind("page", "text/html", "an HTML page")
    if b"\x00" in head:
        return _UNKNOWN
    try:
        head[:HEAD].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # a letter cut in two at the end of the head is no fault of the text
            return _UNKNOWN
    return (
        Kind("text", "text/plain", "text")
        if start
        else Kind("unknown", "application/octet-stream", "an empty file")
    )
