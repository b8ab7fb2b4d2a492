"""Which family a file belongs to, told from its first bytes; its name is only a claim."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..filetypes import HEAD, file_type

__all__ = ["HEAD", "Family", "Kind", "kind_of"]

Family = Literal["image", "video", "audio", "text", "other"]


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
    found = file_type(head)
    if found.kind == "image" and found.pillow:
        return Kind("image", found.media_type, found.pillow[0])
    family: Family = "other" if found.kind == "image" or found.kind == "model" else found.kind
    return Kind(family, found.media_type, found.name)
