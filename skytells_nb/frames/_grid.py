"""``grid``: every combination of what inputs may be, one row each, for `batch`, `compare` and `estimate`."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import islice, product
from string import Formatter
from typing import Any, Final

import pandas as pd

from ..checks import meant_as
from ..exceptions import InvalidInputError
from ..formatting import format_cost
from ..models import Prediction
from ..pictures import is_picture
from ..plaintext import clip, one_line
from ..schema import to_plain

_BRACES: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
_MOST: Final = 100_000
_LABEL: Final = 60


@meant_as('sky.grid(prompt="a fox", seed=range(4))')
def grid(**inputs: Any) -> pd.DataFrame:
    """Lay out every combination of inputs.

    Parameters
    ----------
    **inputs
        What a model takes, by its name. A list, a range or anything else that has several values is an
        axis; a text, a number or a dict is one value for all rows; a list that is one value stands in
        another list. ``{name}`` in a text is filled from the input of that name, which then is no input of
        the model's; ``{{`` and ``}}`` are the braces themselves.

    Returns
    -------
    pandas.DataFrame
        A row for every combination, the last axis changing fastest, and a column for every input that is
        sent. The axes are the levels of the index, in the order given, so that results join back on them.

    Raises
    ------
    InvalidInputError
        A ``{name}`` that no input has, an axis without values or with a value twice, or over 100,000 rows.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> sky.grid(prompt="a {animal} in {light}", animal=["fox", "hen"], light=["snow", "fog"]).prompt.tolist()
    ['a fox in snow', 'a fox in fog', 'a hen in snow', 'a hen in fog']
    """
    if not inputs:
        raise InvalidInputError('A grid needs inputs, such as grid(prompt="a fox", seed=range(4)).')
    values: dict[str, Sequence[Any]] = {name: [value] for name, value in inputs.items()}
    for name, given in inputs.items():
        if _is_axis(given):  # of a generator at most so many that there are seen to be too many
            is_whole = isinstance(given, list | tuple | range)
            values[name] = given if is_whole else [*islice(given, _MOST + 1)]
            if not values[name]:
                raise InvalidInputError(f"The axis {name} is empty: give it a value at least.")
    count = math.prod(map(len, values.values()))
    if count > _MOST:
        shape = " × ".join(f"{name} {len(found):,}" for name, found in values.items() if len(found) > 1)
        raise InvalidInputError(
            f"This grid would have {count:,} rows ({shape}), which at one cent each are "
            f"{format_cost(Decimal(count) / 100)}; {_MOST:,} are the most. Leave some values out, or give "
            "sky.batch a generator of inputs."
        )
    fillers = _fillers(values)
    axes = {name: found for name, found in values.items() if _is_axis(inputs[name]) or name in fillers}
    rows = [dict(zip(axes, combination, strict=True)) for combination in product(*axes.values())]
    columns = {}
    for name, value in inputs.items():
        if name not in fillers:
            filled = [_filled(row.get(name, value), row) for row in rows]
            alike = {type(each) for each in filled}
            plain = len(alike) == 1 and alike <= {int, float, bool, str}
            columns[name] = pd.Series(filled, dtype=None if plain else object)
    if not columns:
        raise InvalidInputError("Every input here fills another one, and none is left to send.")
    frame = pd.DataFrame(columns)
    if axes:
        labels = [_labels(name, found) for name, found in axes.items()]
        frame.index = (
            pd.MultiIndex.from_product(labels, names=list(axes))
            if len(axes) > 1
            else pd.Index(labels[0], name=next(iter(axes)))
        )
    return frame


def _is_axis(value: object) -> bool:
    if isinstance(value, str | bytes | Mapping | os.PathLike | Prediction) or is_picture(value):
        return False
    return isinstance(value, Iterable)


def _fillers(values: Mapping[str, Sequence[Any]]) -> set[str]:
    """Return the inputs that are named in braces in others; what fills is taken as it is."""
    texts = {name: [text for text in found if isinstance(text, str)] for name, found in values.items()}
    mentioned = {name for found in texts.values() for text in found for name in _BRACES.findall(text)}
    fillers = set()
    for text in (text for name, found in texts.items() if name not in mentioned for text in found):
        for name in _names_in(text):
            if name not in values:
                raise InvalidInputError(
                    f"{clip(one_line(text), 80)!r} has {{{name}}}, and the grid has no {name!r}, only "
                    f"{', '.join(values)}. Add it, or write {{{{{name}}}}} for the braces themselves."
                )
            fillers.add(name)
    return fillers


def _names_in(text: str) -> list[str]:
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        parts = [("", None, "", "?")]
    for _, name, format_spec, conversion in parts:
        if (name is not None and not name.isidentifier()) or format_spec or conversion:
            raise InvalidInputError(
                f"{clip(one_line(text), 80)!r} has braces without a plain name in them. Write {{{{ and }}}} "
                "for the braces themselves."
            )
    return [name for _, name, _, _ in parts if name is not None]


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    """Fill the names in a text; what is filled in is taken as it is."""
    try:
        return value.format_map(row) if isinstance(value, str) else value
    except KeyError as error:
        raise InvalidInputError(
            f"{clip(one_line(value), 80)!r} would be filled by an input that it fills itself, {error}. Name "
            "one of them otherwise."
        ) from None


def _labels(name: str, values: Sequence[Any]) -> list[Any]:
    """Name the values of an axis: plain ones by themselves, others by a word."""
    plain = [to_plain(value) for value in values]
    labels = [value if isinstance(value, str | int | float) else _word(value) for value in plain]
    if len(set(labels)) < len(labels):
        label, _ = Counter(labels).most_common(1)[0]
        raise InvalidInputError(
            f"The axis {name} has {label!r} twice. For several of one input, add an axis that models take, "
            "such as seed=range(4)."
        )
    return labels


def _word(value: Any) -> str:
    if isinstance(value, Prediction):
        return value.prompt or value.id
    if isinstance(value, os.PathLike):
        return os.path.basename(str(value))
    return clip(one_line(str(value)), _LABEL)
