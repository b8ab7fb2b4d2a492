"""``pricing_frame``: one row per model with its price, or one row per rule of its price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from ..exceptions import InvalidInputError
from ..models import Criterion, Model, Pricing
from ..pricing import PLAUSIBLE, list_price
from ._dtypes import Kind, column_of
from ._sources import models

PRICING_COLUMNS: Final[Mapping[str, Kind]] = {
    "model": "text",
    "name": "text",
    "type": "category",
    "vendor": "category",
    "status": "category",
    "price": "text",
    "unit": "category",
    "amount": "number",
    "currency": "category",
    "per_prediction": "number",
    "n_criteria": "integer",
    "formula": "text",
    "capabilities": "text",
}
RULE_COLUMNS: Final[Mapping[str, Kind]] = {
    "field": "text",
    "operator": "text",
    "value": "object",
    "base_amount": "number",
    "description": "text",
}


def pricing_frame(source: object, criteria: bool = False) -> pd.DataFrame:
    """Tabulate what models cost, by the API's own price list.

    Parameters
    ----------
    source : Client, ModelList, list or iterable
        A client is asked for its models. Else models, or raw objects of the API.
    criteria : bool
        One row per rule by which an input changes the price; a model without rules keeps one row.

    Returns
    -------
    pandas.DataFrame
        ``model, name, type, vendor, status, price, unit, amount, currency, per_prediction, n_criteria,
        formula, capabilities``. ``price`` is in words, and covers all that inputs may make of it, where
        ``amount`` is the base price that is listed. ``per_prediction`` is NaN where the price of one call
        depends on its input. With ``criteria=True`` they are those of the rule, and ``field, operator,
        value, base_amount, description`` follow. ``attrs["notes"]`` tell which prices can be none.

    Raises
    ------
    InvalidInputError
        The source holds no models.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> listed = [{"namespace": "lumo", "pricing": {"amount": 1.12, "unit": "prediction", "currency": "USD"}}]
    >>> sky.pricing_frame(listed)[["model", "amount", "unit"]].values.tolist()
    [['lumo', 1.12, 'prediction']]
    """
    name, given = models(source)
    listed = [_model(row, at) for at, row in enumerate(given)]
    rows: list[dict[str, Any]] = []
    for model in listed:
        rules: tuple[Criterion | None, ...] = model.pricing.criteria if criteria else ()
        rows += [_row(model, rule) for rule in rules or (None,)]
    kinds = {**PRICING_COLUMNS, **(RULE_COLUMNS if criteria else {})}
    frame = pd.DataFrame({each: column_of(kind, [row[each] for row in rows]) for each, kind in kinds.items()})
    currencies = sorted(frame["currency"].dropna().unique())
    odd = frame.loc[(frame["amount"] < 0) | (frame["amount"] > float(PLAUSIBLE)), "model"].unique()
    from .. import __version__

    frame.attrs.update(
        source=name,
        fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
        currency=currencies[0] if len(currencies) == 1 else "mixed" if currencies else None,
        truncated=False,
        package_version=__version__,
        notes=[f"the listed price of {slug} can be none" for slug in odd],
    )
    return frame


def _model(row: object, position: int) -> Model:
    if isinstance(row, Model):
        return row
    slugs = [row.get(key) for key in ("namespace", "id", "slug")] if isinstance(row, Mapping) else []
    if isinstance(row, Mapping) and any(isinstance(slug, str) and slug for slug in slugs):
        return Model.from_api(row)
    raise InvalidInputError(
        f"Row {position} is no model: it is of type {type(row).__name__} and has no slug. Pass models, or "
        "the API's model JSON; predictions go to predictions_frame."
    )


def _row(model: Model, rule: Criterion | None) -> dict[str, Any]:
    pricing = model.pricing
    applied = pricing
    if rule is not None:
        applied = Pricing(rule.amount, rule.unit or pricing.unit, pricing.currency, formula=pricing.formula)
    return {
        "model": model.id,
        "name": model.name,
        "type": model.type,
        "vendor": model.vendor,
        "status": model.status,
        "price": list_price(replace(model, pricing=applied)) or "unknown",
        "unit": applied.unit,
        "amount": applied.amount,
        "currency": pricing.currency,
        "per_prediction": applied.per_prediction,
        "n_criteria": len(pricing.criteria),
        "formula": _formula(pricing),
        "capabilities": ", ".join(model.capabilities) or None,
        "field": None if rule is None else rule.field,
        "operator": None if rule is None else rule.operator,
        "value": None if rule is None else rule.value,
        "base_amount": pricing.amount,
        "description": None if rule is None else rule.description,
    }


def _formula(pricing: Pricing) -> str | None:
    if pricing.formula is None:
        return None
    words = [pricing.formula.get(key) for key in ("description", "type")]
    return next((word for word in words if isinstance(word, str) and word), "undocumented")
