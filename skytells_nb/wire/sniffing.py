"""What a file is, told from its first bytes: names and headers are only claims."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["sniff"]

_HEAD: Final = 4096
_MAGIC: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"glTF", "model/gltf-binary"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
)
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_HTML: Final = re.compile(r"<(!doctype\s+html|html|head|body|script|title|iframe|meta)\b", re.IGNORECASE)
_PRELUDE: Final = re.compile(
    r"\s*(<\?xml.*?\?>|<!--.*?-->|<!doctype\s+svg[^>]*>|\s)*", re.DOTALL | re.IGNORECASE
)


def sniff(head: bytes) -> str | None:
    """Tell a media type from the first bytes of a file, whatever its name or header claimed.

    Parameters
    ----------
    head : bytes
        The first 4 KiB or so.

    Returns
    -------
    str or None
        None for bytes that are of no known kind.

    Examples
    --------
    >>> sniff(b"<!DOCTYPE html><title>Gone</title>"), sniff(b"GIF89a...")
    ('text/html', 'image/gif')
    """
    for offset, magic, media_type in _MAGIC:
        if head.startswith(magic, offset) and (offset == 0 or head.startswith(b"RIFF")):
            return media_type
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        if head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if head[1] & 0x06 == 0x02 and head[1] & 0x18 != 0x08 and head[2] >> 4 not in (0, 15):
            return "audio/mpeg"
    return _sniff_text(head)


def _sniff_text(head: bytes) -> str | None:
    try:
        text = head[:_HEAD].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head[:_HEAD]) - 3 or error.reason == "invalid start byte":
            return None
        text = head[: error.start].decode("utf-8-sig")
    if not text or re.search(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]", text):
        return None
    start = _PRELUDE.match(text)
    rest = text[start.end() :] if start else text
    if rest[:4].lower() == "<svg":
        return "image/svg+xml"
    if _HTML.match(rest):
        return "text/html"
    if text.lstrip().startswith("<?xml"):
        return "application/xml"
    return "application/json" if re.match(r"\s*[{\[]\s*[\"{\[\]}]", text) else "text/plain"
