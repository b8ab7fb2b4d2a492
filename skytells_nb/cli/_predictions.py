"""``skytells-nb demo`` and ``skytells-nb predictions``: the main job in a terminal, and what came of it."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from .._connect import connect
from ..aio import gather, run
from ..api import Client
from ..archive import save
from ..display import cost_text, gallery
from ..exceptions import InvalidInputError, NotFoundError, SkytellsError
from ..formatting import format_cost, format_count, format_seconds, money_unit
from ..models import Model, Prediction, is_sandbox_id
from ..plaintext import align, clip, one_line
from ..schema import closest_model

_LIGHTS = ("morning light", "golden hour", "moonlight", "overcast")


def find_model(client: Client, name: str) -> Model:
    """Return the listed model that a name means: its slug or display name, also after a vendor's."""
    listed = client.models.list()
    model, near = closest_model(name, listed)
    if model is None:
        hint = f"Did you mean {near.id!r}?" if near else "skytells-nb models lists what there is."
        raise NotFoundError(f"There is no model {name!r}. {hint}", charged=False)
    return model


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
        came = run(gather(*creates, return_exceptions=True, label="demo"))
        made = [each for each in came if isinstance(each, Prediction)]
        failures = [each for each in came if isinstance(each, BaseException)]
        for failure in failures:
            if not isinstance(failure, SkytellsError):
                raise failure
        if made:
            print(_demo_table(made))
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


def _demo_table(made: list[Prediction]) -> str:
    unit = money_unit(all(is_sandbox_id(each.id) for each in made))
    rows = [["prompt", "model", "took", "cost"]]
    rows += [
        [each.prompt or "", each.model or "", format_seconds(each.seconds), format_cost(each.cost, unit)]
        for each in made
    ]
    known = [each.cost for each in made if each.cost is not None]
    unknown = "" if len(known) == len(made) else " + unknown"
    rows.append(["together", "", "", f"{format_cost(sum(known, Decimal(0)), unit)}{unknown}"])
    return "\n".join(align(rows, right=(2, 3)))


def predictions(parsed: argparse.Namespace) -> int:
    """Do what was asked with the predictions of this key."""
    with connect() as client:
        match parsed.action:
            case "list":
                _list(client, parsed)
            case "get":
                print(_lines(client.predictions.get(parsed.id), parsed.json))
            case "wait":
                print(_lines(client.predictions.wait(parsed.id, timeout=parsed.timeout), parsed.json))
            case "cancel":
                print(_lines(client.predictions.cancel(parsed.id), parsed.json))
            case "save":
                for path in save(client.predictions.get(parsed.id), parsed.path):
                    print(path)
    return 0


def _list(client: Client, parsed: argparse.Namespace) -> None:
    model = find_model(client, parsed.model).id if parsed.model else None
    found = client.predictions.list(
        parsed.limit or None,
        status=parsed.status,
        model=model,
        since=_moment(parsed.since),
        until=parsed.until,
    )
    if parsed.json:
        print(json.dumps([each.raw for each in found], indent=2))
        return
    print(_table(found))


def _moment(text: str | None) -> str | datetime | None:
    """Return the time before which nothing is listed; ``90m``, ``24h`` and ``7d`` count back from now."""
    ago = re.fullmatch(r"(\d{1,6})([mhd])", text or "")
    if ago is None:
        return text
    unit = {"m": "minutes", "h": "hours", "d": "days"}[ago[2]]
    try:
        return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
    except OverflowError:
        raise InvalidInputError(f"--since {text} is before all time.", charged=False) from None


def _table(found: Sequence[Prediction]) -> str:
    if not found:
        return "No predictions."
    rows = [["id", "status", "model", "created", "cost", "prompt"]]
    for each in found:
        created = "" if each.created_at is None else f"{each.created_at.astimezone():%Y-%m-%d %H:%M}"
        rows.append([each.id, each.status, each.model or "", created, cost_text(each), each.prompt or ""])
    return "\n".join([*align(rows, right=(4,)), format_count(len(found), "prediction")])


def _lines(prediction: Prediction, as_json: bool) -> str:
    if as_json:
        return json.dumps(prediction.raw, indent=2)
    facts = {
        "id": prediction.id,
        "status": prediction.status,
        "model": prediction.model,
        "prompt": prediction.prompt,
        "created": prediction.created_at and f"{prediction.created_at.astimezone():%Y-%m-%d %H:%M:%S %Z}",
        "took": None if prediction.seconds is None else format_seconds(prediction.seconds),
        "cost": cost_text(prediction),
        "error": prediction.error,
    }
    rows = [(name, str(value)) for name, value in facts.items() if value]
    rows += [("file", str(path)) for path in prediction.files]
    if not prediction.files:
        rows += [("output", clip(url, 2_000)) for url in prediction.output or ()]
    return "\n".join(f"{name:<8}{one_line(value)}" for name, value in rows)
