"""``skytells-nb predictions``: list them, look at one, wait for it, cancel it, save what it made."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .._connect import connect
from ..api import Client
from ..archive import save
from ..exceptions import InvalidInputError
from ..formatting import format_cost, format_count, format_seconds, money_unit
from ..models import Prediction
from ..plaintext import align, clip, one_line
from ._names import find_model


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
        rows.append([each.id, each.status, each.model or "", created, _cost(each), each.prompt or ""])
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
        "cost": _cost(prediction) or None,
        "error": prediction.error,
    }
    rows = [(name, str(value)) for name, value in facts.items() if value]
    rows += [("file", str(path)) for path in prediction.files]
    if not prediction.files:
        rows += [("output", clip(url, 2_000)) for url in prediction.output or ()]
    return "\n".join(f"{name:<8}{one_line(value)}" for name, value in rows)


def _cost(prediction: Prediction) -> str:
    if prediction.cost is None:
        return ""
    return format_cost(prediction.cost, money_unit(prediction.id.startswith("sandbox-")))
