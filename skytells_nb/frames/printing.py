"""The tables as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from ..formatting import format_cost as money
from ..pricing import added
from .counted import as_frame
from .grouped import spend
from .priced import pricing_frame
from .sums import rounded

__all__ = ["models_table", "spend_table"]


def models_table(source: Any, criteria: bool = False) -> str:
    """Write the price list as lines of text.

    Parameters
    ----------
    source : Client, ModelList, list or iterable
        As for ``pricing_frame``.
    criteria : bool
        A line for every rule by which an input changes the price.

    Examples
    --------
    >>> from skytells_nb.frames import models_table
    >>> print(models_table([{"namespace": "lumo", "type": "video", "status": "operational",
    ...     "pricing": {"amount": 1.12, "unit": "prediction", "currency": "USD"}}]))
    model  type   price             status
    lumo   video  $1.12/prediction  operational
    """
    frame = pricing_frame(source, criteria=criteria)
    rows = [["model", "type", "price", "status", *(["when"] if criteria else [])]]
    for row in frame.to_dict("records"):
        told = [str(row["model"]), _word(row["type"]), _price(row, criteria), _word(row["status"])]
        if criteria:
            value = row["value"]
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            told.append("" if pd.isna(row["field"]) else f"{row['field']} is {shown}")
        rows.append(told)
    if len(rows) == 1:
        return "No models."
    return "\n".join([*_aligned(rows, right=()), *frame.attrs["notes"]])


def spend_table(
    source: Any,
    by: str | Sequence[str] = "model",
    freq: str | None = None,
    *,
    rates: Mapping[str, float] | None = None,
) -> str:
    """Write the spend as lines of text, with what is not in it below.

    Parameters
    ----------
    source : DataFrame, Client, Archive, list or iterable
        As for ``spend``.
    by, freq, rates
        As for ``spend``.

    Examples
    --------
    >>> from skytells_nb.frames import spend_table
    >>> bill = {"metadata": {"billing": {"credits_used": 0.5}}, "model": "lumo"}
    >>> print(spend_table([{"id": "a", **bill}, {"id": "b", **bill}]))
    model  count   cost   mean  share
    lumo       2  $1.00  $0.50  100 %
    total      2  $1.00
    """
    table = spend(as_frame(source), by, freq, rates=rates)
    currency, keys = table.attrs["currency"], [*(["period"] if freq else []), *table.attrs["by"]]
    apart = currency == "mixed"
    rows = [[*keys, "count", "cost", "mean", "share"]]
    for row in table.to_dict("records"):
        code = str(row["currency"]) if apart else currency
        share = "" if apart or pd.isna(row["share"]) else f"{100 * row['share']:.0f} %"
        told = [_key(row[key]) for key in keys]
        rows.append([*told, str(row["count"]), _money(row["cost"], code), _money(row["mean"], code), share])
    if len(rows) == 1:
        return "\n".join(["No predictions.", *table.attrs["notes"]])
    if keys and not apart:
        known = table["cost"].dropna()
        sum_of_all = added(Decimal(repr(float(cost))) for cost in known)
        whole = money(rounded(float(sum_of_all)), currency) if len(known) else "unknown"
        rows.append(["total", *[""] * (len(keys) - 1), str(table["count"].sum()), whole, "", ""])
    zone = [f"days by {table.attrs['timezone']}"] if freq else []
    notes = [f"note: {note}" for note in (*zone, *table.attrs["notes"])]
    return "\n".join([*_aligned(rows, right=range(len(keys), len(rows[0]))), *notes])


def _aligned(rows: list[list[str]], right: Sequence[int]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _word(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _key(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d" if value == value.normalize() else "%Y-%m-%d %H:%M")
    return "unknown" if pd.isna(value) else str(value)


def _money(value: float, currency: str) -> str:
    return "unknown" if pd.isna(value) else money(rounded(value), currency)


def _price(row: Mapping[Any, Any], criteria: bool) -> str:
    if isinstance(row["formula"], str):
        return "by formula"
    if pd.isna(row["amount"]):
        return "unknown"
    code = "USD" if pd.isna(row["currency"]) else str(row["currency"])
    unit = "" if pd.isna(row["unit"]) else f"/{row['unit']}"
    inputs = ", by its inputs" if row["n_criteria"] and not criteria else ""
    return f"{money(Decimal(repr(float(row['amount']))), code)}{unit}{inputs}"
