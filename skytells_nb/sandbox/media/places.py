"""Which place is painted by whom."""

from __future__ import annotations

from collections.abc import Callable

from .brush import Brush
from .faraway import paint_desert, paint_space
from .inland import paint_garden, paint_hills, paint_mountain
from .stage import Stage
from .waterside import paint_city, paint_lake, paint_sea_view
from .woods import paint_forest, paint_snow

PLACES: dict[str, Callable[[Brush], Stage]] = {
    "forest": paint_forest,
    "sea": paint_sea_view,
    "city": paint_city,
    "desert": paint_desert,
    "garden": paint_garden,
    "hills": paint_hills,
    "mountain": paint_mountain,
    "lake": paint_lake,
    "space": paint_space,
}


def paint_place(b: Brush) -> Stage:
    """Paint a landscape's backdrop and return where its subject may stand."""
    if b.scene.snowy and b.scene.place in ("hills", "garden", "desert"):
        return paint_snow(b)
    return PLACES[b.scene.place](b)
