"""Outputs that show themselves: bytes to thumbnails to HTML, galleries, and text in a terminal."""

from __future__ import annotations

from .galleries import Gallery, gallery
from .showing import mimebundle, show

__all__ = ["Gallery", "gallery", "mimebundle", "show"]
