"""Short ways to read what is as documented; each gives what `skytells_nb.models.reading` gives.

A whole column is tried first, with nothing but loops of the interpreter's own. Where one value is of
another shape, the column is read value by value, by the ground floor's rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from ..models import reading

__all__ = ["currency", "models", "numbers", "outputs", "prices", "seconds", "statuses"]


def _field(objects: Iterable[Any], name: str) -> list[Any] | None:
    """Look one name up in every object; None when one of them has it not."""
    try:
        return list(map(itemgetter(name), objects))
    except (KeyError, TypeError):
        return None


def _all(values: Iterable[Any], kind: type) -> bool:
    return set(map(type, values)) == {kind}


def prices(
    raws: Sequence[Mapping[str, Any]], figures: list[dict[str, Any]], more: Sequence[Any]
) -> tuple[Sequence[float | None], list[str | None]]:
    """Read costs and their currencies; ``figures`` are the objects' metrics, ``more`` their metadata."""
    bills = _field(more, "billing") if _all(more, dict) else None
    if bills is not None and _all(bills, dict):
        values = _field(bills, "credits_used")
        elsewhere = any("billing" in each or "credits_used" in each for each in figures)
        if values is not None and not elsewhere and _all(values, float):
            costs = np.array(values)
            if ((costs > 1e-9) & (costs < 1e9)).all() and not any("currency" in bill for bill in bills):
                return values, ["USD"] * len(values)
    found = [_bill(raw, metrics, each) for raw, metrics, each in zip(raws, figures, more, strict=True)]
    amounts = [reading.amount(bill.get("credits_used")) for bill in found]
    read = [None if amount is None else float(amount) for amount in amounts]
    return read, [currency(bill, cost) for bill, cost in zip(found, read, strict=True)]


def _bill(raw: Mapping[str, Any], metrics: dict[str, Any], metadata: Any) -> dict[str, Any]:
    bill = metadata.get("billing") if type(metadata) is dict else None
    plain = type(bill) is dict and "billing" not in metrics and "credits_used" not in metrics
    return bill if type(bill) is dict and plain else reading.billing(raw)


def currency(bill: Mapping[str, Any], cost: float | None) -> str | None:
    """Give a cost's currency: as billed where that is said, else US dollars, as a credit is taken."""
    if cost is None:
        return None
    named = bill.get("currency")
    code = named.strip().upper() if isinstance(named, str) else ""
    return "USD" if code in ("", "CREDIT", "CREDITS") else code


def models(
    raws: Sequence[Mapping[str, Any]], given: Sequence[Any]
) -> tuple[list[str | None], list[str | None]]:
    """Read models' names and kinds."""
    if _all(given, dict) and set(map(len, given)) == {2}:
        names, kinds = _field(given, "name"), _field(given, "type")
        if names is not None and kinds is not None and _all(names, str) and _all(kinds, str) and all(kinds):
            return names, kinds
    return [reading.model_name(model) for model in given], [reading.model_type(raw) for raw in raws]


def numbers(objects: Sequence[dict[str, Any]], name: str) -> Any:
    """Read a column of numbers; NaN where there is none."""
    values = _field(objects, name)
    if values is not None and _all(values, float):
        found = np.array(values)
        if np.isfinite(found).all():
            return found
    return seconds([reading.number(each.get(name)) for each in objects])


def seconds(values: list[float | None]) -> Any:
    """Make a column of numbers with gaps."""
    return np.array(values, dtype="float64")


def outputs(given: Sequence[Any]) -> list[list[str] | None]:
    """Read outputs."""
    return [
        [value[0]]
        if type(value) is list and len(value) == 1 and type(value[0]) is str
        else None
        if value is None
        else reading.outputs(value)
        for value in given
    ]


def statuses(values: Sequence[object]) -> list[str]:
    """Read statuses; each spelling is translated once."""
    words: dict[object, str] = {}
    found = []
    for value in values:
        word = words.get(value) if type(value) is str else None
        if word is None:
            word = reading.status_word(value)
            if type(value) is str:
                words[value] = word
        found.append(word)
    return found
