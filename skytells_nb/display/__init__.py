"""Outputs that show themselves: bytes to thumbnails to HTML, galleries, and text in a terminal."""

from __future__ import annotations

from ._answers import answer_html, answer_text, follow, markdown_html
from ._contact_sheet import bundle_of, labelled_sheet, png_budget, spans
from ._gallery import Gallery, gallery
from ._html import ROOT, Frame, key_script, media_html, script_html, text_html
from ._items import DisplayItem, FileContent, Message, prediction_items
from ._pipeline import data_uri, draw, fetch, notebook_bytes
from ._show import mimebundle, show, to_html
from ._text import REUSED, cost_text, input_rows, seconds_text
from ._thumbnails import make_thumbnail

__all__ = [
    "REUSED",
    "ROOT",
    "DisplayItem",
    "FileContent",
    "Frame",
    "Gallery",
    "Message",
    "answer_html",
    "answer_text",
    "bundle_of",
    "cost_text",
    "data_uri",
    "draw",
    "fetch",
    "follow",
    "gallery",
    "input_rows",
    "key_script",
    "labelled_sheet",
    "make_thumbnail",
    "markdown_html",
    "media_html",
    "mimebundle",
    "notebook_bytes",
    "png_budget",
    "prediction_items",
    "script_html",
    "seconds_text",
    "show",
    "spans",
    "text_html",
    "to_html",
]
