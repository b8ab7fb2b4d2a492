"""``skytells-nb demo``: the main job, in a terminal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from ..backend import connect
from ..display import gallery
from ..loops import gather, run
from ..types import Prediction

__all__ = ["demo"]

_LIGHTS = ("morning light", "golden hour", "moonlight", "overcast")


def demo(prompt: str, *, model: str, size: int, folder: str) -> int:
    """Make four variations in parallel, keep them and a contact sheet, and say what they took and cost.

    Parameters
    ----------
    prompt : str
        What to picture; each variation adds a light to it.
    model : str
        The model's slug.
    size : int
        Width and height in pixels.
    folder : str
        The archive's folder.

    Returns
    -------
    int
        The exit code, 0.
    """
    with connect(archive=folder) as client:
        creates = [
            client.as_async().predictions.create(
                model, {"prompt": f"{prompt}, {light}", "width": size, "height": size}
            )
            for light in _LIGHTS
        ]

        async def all_of_them() -> list[Prediction]:
            return await gather(*creates)

        made = run(all_of_them())
        sheet = Path(folder) / "contact-sheet.png"
        gallery(made, columns=2).to_image().save(sheet)
    print(_table(made))
    for prediction in made:
        for path in prediction.files:
            print(path)
    print(sheet)
    return 0


def _table(made: list[Prediction]) -> str:
    rows = [("prompt", "model", "seconds", "credits")]
    for prediction in made:
        seconds = "?" if prediction.seconds is None else f"{prediction.seconds:.1f}"
        cost = "?" if prediction.cost is None else f"{prediction.cost:.4f}"
        rows.append((prediction.prompt or "", prediction.model or "", seconds, cost))
    known = [p.cost for p in made if p.cost is not None]
    unknown = "" if len(known) == len(made) else " + unknown"
    rows.append(("together", "", "", f"{sum(known, Decimal(0)):.4f}{unknown}"))
    a, b, c, d = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(f"{w:<{a}}  {x:<{b}}  {y:>{c}}  {z:>{d}}" for w, x, y, z in rows)
