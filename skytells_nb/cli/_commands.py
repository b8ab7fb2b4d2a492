"""``skytells-nb demo``, ``predictions``, ``models`` and ``spend``: the main job in a terminal.

What needs pandas imports it when it runs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from .._connect import connect
from ..aio import gather, run
from ..api import Client
from ..archive import Archive, save
from ..display import cost_text, gallery, input_rows
from ..exceptions import InvalidInputError, NotFoundError, SkytellsError
from ..formatting import format_cost, format_count, format_seconds, money_unit
from ..models import Model, ModelList, Prediction, is_sandbox_id
from ..plaintext import align, clean, clip, one_line
from ..pricing import list_price, list_price_rules
from ..schema import UNSET, Property, check, closest_model, parse

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
    _require_writable(Path(folder))  # before anything is billed
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
            case "save":
                for path in save(client.predictions.get(parsed.id), parsed.path):
                    print(path)
            case action:  # get, wait or cancel
                options = {"timeout": parsed.timeout} if action == "wait" else {}
                print(_lines(getattr(client.predictions, action)(parsed.id, **options), parsed.json))
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
        raise InvalidInputError(f"--since {text} is before all time.") from None


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


def models(parsed: argparse.Namespace) -> int:
    """Print the live price list, or one model: its inputs, its prices, and a call that runs."""
    from ..frames import models_table

    with connect(archive=False) as client:
        if not parsed.name:
            print(models_table(client, criteria=parsed.criteria))
            return 0
        named = find_model(client, parsed.name)
        print(_model_card(client.models.get(named.id), client.models.list()))
    return 0


def _model_card(model: Model, listed: ModelList) -> str:
    facts = [model.id, model.type, list_price(model) or "price unknown", model.status]
    facts += [f"by {model.vendor}"] if model.vendor else []
    lines = [" · ".join(one_line(fact) for fact in facts if fact)]
    if model.description:
        lines.append(clip(one_line(model.description), 300))
    lines += [f"  {rule}" for rule in list_price_rules(model)]
    rows = [["input", "type", "default", "allowed", ""]]
    for row in input_rows(model):
        kind = f"{row.kind}, required" if row.required else row.kind
        rows.append([row.name, kind, row.default, row.limits, row.description])
    if len(rows) > 1:
        lines += ["", *align(rows)]
    return clean("\n".join([*lines, "", example_call(model, listed)]))


def example_call(model: Model, listed: ModelList) -> str:
    """Return Python that makes a prediction with what the model requires, and shows it."""
    lines = ["import skytells_nb as sky", "", "client = sky.connect()"]
    given: dict[str, Any] = {}
    code: dict[str, str] = {}
    for name, field in parse(model.input_schema).items():
        if field.name == "prompt" or field.required:
            given[name], code[name] = _example(field, listed, lines)
    if not check(given, model.input_schema):
        call = ", ".join(f"{json.dumps(name)}: {text}" for name, text in code.items())
        lines.append(f"prediction = client.predictions.create({json.dumps(model.id)}, {{{call}}})")
        return "\n".join([*lines, "prediction.show()"])
    lines += [
        "# In a notebook, the form asks for what the model needs:",
        f"sky.PromptForm({json.dumps(model.id)})",
    ]
    return "\n".join(lines)


def _example(field: Property, listed: ModelList, lines: list[str]) -> tuple[Any, str]:
    """Return a value for an input, and its code; ``lines`` gets what comes before."""
    if field.media:
        maker = _maker(field.media, listed)
        if maker is not None:
            made = f'client.predictions.create({json.dumps(maker.id)}, {{"prompt": "A red fox in snow"}})'
            lines.append(f"{field.name} = {made}")
            return "https://example.com/file", f"{field.name}.output[0]"
    value = _value(field)
    return value, repr(value) if not isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(field: Property) -> Any:
    if field.default not in (UNSET, None, ""):
        return field.default
    if field.choices:
        return field.choices[0].value
    if field.examples:
        return field.examples[0]
    low, high = field.bounds
    if field.is_number:
        return low if low is not None else high if high is not None else 1
    if "array" in field.types:
        return [_value(field.item)] if field.item is not None else []
    if "object" in field.types:
        return {inner.name: _value(inner) for inner in field.properties if inner.required}
    return "A red fox in snow"


def _maker(kind: str, listed: ModelList) -> Model | None:
    """Return the cheapest listed model that makes a file of a kind from a prompt alone."""
    able = []
    for model in listed:
        fields: Mapping[str, Property] = parse(model.input_schema)
        alone = all(name == "prompt" for name, field in fields.items() if field.required)
        if model.type == kind and alone and model.status in (None, "operational"):
            able.append(model)
    return min(
        able, key=lambda model: (model.pricing.amount is None, model.pricing.amount or 0), default=None
    )


def spend(parsed: argparse.Namespace) -> int:
    """Print what was spent, from the archive or from the API's own listing."""
    from ..frames import predictions_frame, spend_table

    if parsed.api:
        with connect(archive=False) as client:
            frame = predictions_frame(client)
    else:
        if "://" not in parsed.folder and not (Path(parsed.folder) / "index.sqlite").exists():
            raise SkytellsError(
                f"There is no archive in {parsed.folder!r}. Name its folder with --folder, or use --api."
            )
        with Archive(parsed.folder) as archive:
            frame = predictions_frame(archive)
    print(spend_table(frame, by=parsed.by or ["model"], freq=parsed.freq, tz=parsed.tz))
    return 0
