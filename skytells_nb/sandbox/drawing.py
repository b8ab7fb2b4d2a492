"""What the core has to know about files it does not draw: their names, types and what they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from skytells_nb.sandbox import billing
from skytells_nb.sandbox.catalogue import Entry


class Media(Protocol):
    """Something that draws: `skytells_nb.sandbox.media`, or a stand-in for tests."""

    def file_type(self, kind: str, input: Mapping[str, Any]) -> tuple[str, str]:
        """Tell the MIME type and the extension of a file without drawing it."""

    def draw(self, kind: str, input: Mapping[str, Any], *, index: int = 0) -> tuple[bytes, str]:
        """Draw one file."""

    def write_text(self, input: Mapping[str, Any]) -> str:
        """Write what a text model answers."""


def standard_media() -> Media:
    """Find the painter that comes with the sandbox."""
    from skytells_nb.sandbox import media

    return media


def drawn_from(entry: Entry, input: Mapping[str, Any], chance: int) -> dict[str, Any]:
    """Complete an input for drawing.

    What the input leaves open comes from the schema's defaults, except sizes where a shape was asked for.
    Without a seed every prediction is another picture, as with the real models.

    Parameters
    ----------
    entry : Entry
        The model.
    input : Mapping
        The prediction's input.
    chance : int
        The seed to use when the input has none.
    """
    told = billing.values(entry, input)
    if input.get("aspect_ratio") and "width" not in input and "height" not in input:
        told.pop("width", None)
        told.pop("height", None)
    if entry.plays:
        told.setdefault("duration_seconds", billing.length(entry, input))
    told.setdefault("seed", chance)
    return told


def file_names(media: Media, entry: Entry, input: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name a prediction's files, each with its MIME type."""
    mime, extension = media.file_type(entry.kind, input)
    return [(f"output_{index}.{extension}", mime) for index in range(billing.count(entry, input))]
