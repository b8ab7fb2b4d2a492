"""The XMP packet that JPEG and WebP carry: the record as one attribute, the prompt as a caption.

Packets are read by looking for our attribute, never by an XML parser: a packet in a file from
elsewhere is not to be trusted with entities.
"""

from __future__ import annotations

import html
import re
from typing import Final

__all__ = ["extend", "extract", "packet"]

_NAMESPACE: Final = "https://skytells.ai/ns/provenance/1.0/"
_ATTRIBUTE: Final = re.compile(rb'skytells:record="([^"]*)"')
_OURS: Final = re.compile(rb"<rdf:Description[^>]*?skytells:record=\"[^\"]*\"[^>]*?/>")


def _attribute(text: str) -> str:
    return html.escape(text, quote=True).replace("\n", "&#10;")


def _description(text: str) -> str:
    return (
        f'<rdf:Description rdf:about="" xmlns:skytells="{_NAMESPACE}" skytells:record="{_attribute(text)}"/>'
    )


def packet(text: str, caption: str) -> bytes:
    """Make a packet of its own."""
    allowed = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", caption[:2000])
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
        f'<rdf:li xml:lang="x-default">{html.escape(allowed)}</rdf:li>'
        "</rdf:Alt></dc:description></rdf:Description>"
        f"{_description(text)}</rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def extend(found: bytes, text: str) -> bytes | None:
    """Add the record to a packet that is there already; None where it is too unlike a packet."""
    bare = _OURS.sub(b"", found)
    before, close, after = bare.rpartition(b"</rdf:RDF>")
    return before + _description(text).encode() + close + after if close else None


def extract(found: bytes) -> str | None:
    """Read the record out of a packet, if it is there."""
    match = _ATTRIBUTE.search(found)
    return None if match is None else html.unescape(match[1].decode("utf-8", "replace"))
