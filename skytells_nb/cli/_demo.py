"""``skytells-nb demo``: the main job, in a terminal."""

from __future__ import annotations

import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from .._connect import connect
from ..aio import gather, run
from ..display import gallery
from ..exceptions import SkytellsError
from ..formatting import format_cost, format_seconds, money_unit
from ..models import Prediction
from ..plaintext import align
from ._names import find_model

_LIGHTS = ("morning light", "golden hour", "moonlight", "overcast")


def demo(prompt: str, *, model: str, size: int, folder: str) -> int:
    """Make four variations in parallel, keep them and a contact sheet, and print what they took and cost.

    Returns the exit code: 0, or 1 when not all of them came to be. What did is kept and shown all the same.
    """
    _require_writable(Path(folder))
    with connect(archive=folder) as client:
        model = find_model(client, model).id
        creates = [
            client.as_async().predictions.create(
                model, {"prompt": f"{prompt}, {light}", "width": size, "height": size}
            )
            for light in _LIGHTS
        ]

        async def all_of_them() -> list[Prediction | BaseException]:
            return await gather(*creates, return_exceptions=True, label="demo")

        came = run(all_of_them())
        made = [each for each in came if isinstance(each, Prediction)]
        failures = [each for each in came if isinstance(each, BaseException)]
        for failure in failures:
            if not isinstance(failure, SkytellsError):
                raise failure
        if made:
            print(_table(made))
            for prediction in made:
                for path in prediction.files:
                    print(path)
            sheet = Path(folder) / "contact-sheet.png"
            gallery(made, columns=2).to_image().save(sheet)
            print(sheet)
    for line in dict.fromkeys(f"{type(each).__name__}: {each}" for each in failures):
        print(line, file=sys.stderr)
    return 1 if failures else 0


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SkytellsError(
            f"Cannot write to {folder}: {error.strerror or error}. Nothing was sent. Use --folder.",
            charged=False,
        ) from None


def _table(made: list[Prediction]) -> str:
    unit = money_unit(all(each.id.startswith("sandbox-") for each in made))
    rows = [["prompt", "model", "took", "cost"]]
    rows += [
        [each.prompt or "", each.model or "", format_seconds(each.seconds), format_cost(each.cost, unit)]
        for each in made
    ]
    known = [each.cost for each in made if each.cost is not None]
    unknown = "" if len(known) == len(made) else " + unknown"
    rows.append(["together", "", "", f"{format_cost(sum(known, Decimal(0)), unit)}{unknown}"])
    return "\n".join(align(rows, right=(2, 3)))
