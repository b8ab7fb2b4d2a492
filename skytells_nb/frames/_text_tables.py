"""The tables as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any

import pandas as pd

from ..formatting import format_cost
from ..plaintext import align
from ..pricing import added
from ._prices import pricing_frame
from ._spend import format_period, spend
from ._totals import rounded


def models_table(source: Any, criteria: bool = False) -> str:
    """Format the price list as lines of text; ``criteria`` adds the rules by which inputs change it."""
    frame = pricing_frame(source, criteria=criteria)
    rows = [["model", "type", "price", "status", *(["when"] if criteria else [])]]
    for row in frame.to_dict("records"):
        cells = [str(row["model"]), _word(row["type"]), row["price"], _word(row["status"])]
        if criteria:
            value = row["value"]
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            cells.append("" if pd.isna(row["field"]) else f"{row['field']} is {shown}")
        rows.append(cells)
    if len(rows) == 1:
        return "No models."
    return "\n".join([*align(rows), *frame.attrs["notes"]])


def spend_table(
    source: Any,
    by: str | Sequence[str] = "model",
    freq: str | None = None,
    *,
    rates: Mapping[str, float] | None = None,
    tz: str | tzinfo | None = None,
) -> str:
    """Format the spend as lines of text, with what is not in it below; parameters are those of ``spend``."""
    table = spend(source, by, freq, rates=rates, tz=tz)
    currency, keys = table.attrs["currency"], [*(["period"] if freq else []), *table.attrs["by"]]
    several = currency == "mixed"
    rows = [[*keys, "count", "cost", "mean", "share"]]
    for row in table.to_dict("records"):
        code = str(row["currency"]) if several else currency
        share = "" if several or pd.isna(row["share"]) else f"{100 * row['share']:.0f} %"
        cells = [format_period(row[key], freq) if key == "period" else _key(row[key]) for key in keys]
        rows.append([*cells, str(row["count"]), _money(row["cost"], code), _money(row["mean"], code), share])
    if len(rows) == 1:
        return "\n".join(["No predictions.", *table.attrs["notes"]])
    if keys and not several:
        known = table["cost"].dropna()
        whole = added(Decimal(repr(float(cost))) for cost in known)
        text = _money(float(whole), currency) if len(known) else "unknown"
        rows.append(["total", *[""] * (len(keys) - 1), str(table["count"].sum()), text, "", ""])
    zone = [f"periods by {table.attrs['timezone']} time"] if freq else []
    notes = [f"note: {note}" for note in (*zone, *table.attrs["notes"])]
    return "\n".join([*align(rows, right=range(len(keys), len(rows[0]))), *notes])


def _word(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _key(value: Any) -> str:
    return "unknown" if pd.isna(value) else str(value)


def _money(value: float, currency: str) -> str:
    return "unknown" if pd.isna(value) else format_cost(rounded(value), currency)
