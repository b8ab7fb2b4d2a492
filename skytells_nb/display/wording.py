"""The few words under a picture: how long, how much, how large, which one, and where it is."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Final

from ..models import Prediction

__all__ = [
    "alt_text",
    "bytes_told",
    "cost_told",
    "facts_told",
    "id_told",
    "length_told",
    "path_told",
    "seconds_told",
]

from .escaping import clip, one_line

_SHORT: Final = 16


def seconds_told(seconds: float | None) -> str:
    """Tell how long something took.

    Examples
    --------
    >>> from skytells_nb.display.wording import seconds_told
    >>> seconds_told(10.5), seconds_told(83), seconds_told(None)
    ('10.5 s', '1 min 23 s', '')
    """
    if seconds is None or seconds < 0:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def length_told(seconds: float | None) -> str:
    """Tell how long a clip or a song plays, as players do: ``0:08``."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def cost_told(cost: Decimal | None) -> str:
    """Tell a cost in credits; an unknown one is not mentioned.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from skytells_nb.display.wording import cost_told
    >>> cost_told(Decimal("0.0200")), cost_told(Decimal(1)), cost_told(None)
    ('0.02 credits', '1 credit', '')
    """
    if cost is None:
        return ""
    written = f"{cost.normalize():f}" if abs(cost.adjusted()) < 20 else f"{cost:g}"
    return f"{written} credit" if cost == 1 else f"{written} credits"


def bytes_told(size: int) -> str:
    """Tell a file's size.

    Examples
    --------
    >>> from skytells_nb.display.wording import bytes_told
    >>> bytes_told(29_617), bytes_told(1_411_244)
    ('30 kB', '1.4 MB')
    """
    if size < 1_000:
        return f"{size} bytes"
    if size < 999_500:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 999_950_000 else f"{size / 1e9:.1f} GB"


def path_told(path: Path) -> str:
    """Write a path as it is shortest: from the working directory where it lies inside it."""
    try:
        return str(path.relative_to(Path.cwd())) if path.is_absolute() else os.fspath(path)
    except (ValueError, OSError):
        return str(path)


def facts_told(prediction: Prediction) -> list[str]:
    """List model, seconds and cost, as far as they are known."""
    told = (prediction.model or "", seconds_told(prediction.seconds), cost_told(prediction.cost))
    return [clip(one_line(word), 80) for word in told if word]


def id_told(identifier: str) -> str:
    """Shorten an id to the part that tells it apart, which is also in its file's name.

    Examples
    --------
    >>> from skytells_nb.display.wording import id_told
    >>> id_told("3b0c1f0a-5f0e-4a53-9c53-0d7d5f1f2a10"), id_told("sandbox-cba6324ec14d43d0a19ca64d6c8e018b")
    ('3b0c1f0a…', 'cba6324e…')
    """
    whole = one_line(identifier)
    bare = re.sub(r"^(pred|sandbox)[_-]", "", whole)
    return whole if len(whole) <= _SHORT else bare if len(bare) <= 8 else f"{bare[:8]}…"


def alt_text(prompt: str | None, model: str | None, otherwise: str) -> str:
    """Say what a picture shows for those who do not see it: the prompt, cut to 120 characters, and the model.

    Examples
    --------
    >>> from skytells_nb.display.wording import alt_text
    >>> alt_text("a red fox in snow", "truefusion", "image")
    'a red fox in snow (truefusion)'
    """
    said = clip(one_line(prompt or ""), 120)
    maker = clip(one_line(model or ""), 60)
    if said and maker:
        return f"{said} ({maker})"
    return said or maker or otherwise
