"""``pricing_frame``: one row per model with its price, or one row per rule of its price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from ..exceptions import InvalidInputError
from ..models import Criterion, Model, Pricing
from ..pricing import PLAUSIBLE
from . import dtypes
from .sources import models

__all__ = ["PRICING_COLUMNS", "RULE_COLUMNS", "pricing_frame"]

PRICING_COLUMNS: Final = (
    "model", "name", "type", "vendor", "status", "unit", "amount", "currency", "per_prediction", "n_criteria",
    "formula", "capabilities",
)  # fmt: skip
RULE_COLUMNS: Final = ("field", "operator", "value", "base_amount", "description")
_CATEGORIES: Final = frozenset({"type", "vendor", "status", "unit", "currency"})
_NUMBERS: Final = frozenset({"amount", "per_prediction", "base_amount"})


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
        ``model, name, type, vendor, status, unit, amount, currency, per_prediction, n_criteria, formula,
        capabilities``. ``per_prediction`` is NaN where the price of one call depends on its input. With
        ``criteria=True`` ``amount`` and ``unit`` are those of the rule, and ``field, operator, value,
        base_amount, description`` follow. ``attrs["notes"]`` tell which prices can be none.

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
    names = (*PRICING_COLUMNS, *(RULE_COLUMNS if criteria else ()))
    frame = pd.DataFrame({column: _column(column, [row.get(column) for row in rows]) for column in names})
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
        f"Row {position} is no model: it is of type {type(row).__name__} and has no slug. No frame was made. "
        "Pass models, or the JSON objects of models as the API gives them; predictions go to "
        "predictions_frame.",
        charged=False,
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


def _column(name: str, values: list[Any]) -> Any:
    if name in _NUMBERS:
        return dtypes.numbers([None if value is None else float(value) for value in values])
    if name == "n_criteria":
        return dtypes.whole(values)
    if name == "value":
        return dtypes.objects(values)
    if name in _CATEGORIES:
        words = dtypes.Categories()
        return words.column(words.codes(values))
    return dtypes.text(values)
