"""Which family a file belongs to, told from its first bytes; its name is only a claim."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from ..wire.sniffing import sniff

__all__ = ["HEAD", "Family", "Kind", "kind_of"]

Family = Literal["image", "video", "audio", "text", "other"]

HEAD: Final = 4096
"""How many bytes of a file are enough to tell what it is."""

_FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
}
_OTHERS: Final = {
    "text/html": "a web page",
    "image/svg+xml": "an SVG drawing",
    "image/heic": "an HEIC picture",
    "application/pdf": "a PDF document",
    "application/zip": "a ZIP archive",
    "model/gltf-binary": "a 3D model",
}
_READABLE: Final = frozenset({"text/plain", "application/json"})


class Kind(NamedTuple):
    """What a file is.

    Attributes
    ----------
    family : str
        ``image``, ``video``, ``audio``, ``text``, or ``other``, which is not drawn.
    mime : str
        Its MIME type.
    name : str
        Of an image, Pillow's name of the format; else what to call it in a sentence.
    """

    family: Family
    mime: str
    name: str


def kind_of(head: bytes) -> Kind:
    """Tell what a file is from its first bytes.

    Examples
    --------
    >>> from skytells_nb.display.sniffing import kind_of
    >>> kind_of(b"<!DOCTYPE html><title>Not found</title>").name
    'a web page'
    """
    if not head:
        return Kind("other", "application/octet-stream", "nothing at all")
    mime = sniff(head) or (
        "image/bmp" if head[:2] == b"BM" and len(head) > 26 else "application/octet-stream"
    )
    if mime in _FORMATS:
        return Kind("image", mime, _FORMATS[mime])
    if mime in _READABLE:
        return Kind("text", mime, "text")
    if mime.startswith("video/"):
        return Kind("video", mime, "a clip")
    if mime.startswith("audio/"):
        return Kind("audio", mime, "a song")
    return Kind("other", mime, _OTHERS.get(mime, "data of another kind"))
