"""``skytells-nb models`` and ``skytells-nb spend``: prices and spending as tables in a terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._connect import connect
from ..archive import Archive
from ..display import input_rows
from ..exceptions import SkytellsError
from ..frames import models_table, predictions_frame, spend_table
from ..models import Model, ModelList
from ..plaintext import align, clean, clip, one_line
from ..pricing import list_price, list_price_rules
from ..schema import UNSET, Property, check, parse
from ._predictions import find_model


def models(parsed: argparse.Namespace) -> int:
    """Print the live price list, or one model: its inputs, its prices, and a call that runs."""
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
