"""``predictions_frame``: one row per prediction, the same columns whatever it is made from."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from ..exceptions import InvalidInputError, SkytellsWarning
from ..models import STATUSES, Prediction, is_done
from ..pricing import PLAUSIBLE
from . import dtypes
from .dtypes import Categories
from .inputs import Inputs
from .reading import Chunk, documented, from_predictions, from_raws, from_rows
from .sources import Source, chunks, open_source

__all__ = ["COLUMNS", "impossible", "predictions_frame", "sandboxes"]

COLUMNS: Final = (
    "id", "model", "model_type", "status", "created_at", "started_at", "completed_at", "queue_s", "predict_s",
    "total_s", "cost", "currency", "n_outputs", "output", "error", "prompt", "source", "origin",
)  # fmt: skip
_TEXTS: Final = ("id", "error", "prompt", "origin")
_CATEGORIES: Final = ("model", "model_type", "status", "currency", "source")
_TIMES: Final = ("created_at", "started_at", "completed_at")
_SECONDS: Final = ("queue_s", "predict_s", "total_s")
_ROW: Final = frozenset({"account", "sandbox", "n_outputs", "input"})


def predictions_frame(source: object) -> pd.DataFrame:
    """Tabulate predictions: one row each, the same columns whatever they come from, also when empty.

    Parameters
    ----------
    source : Client, Archive, list or iterable
        A client is asked for everything it can list, page after page. Else predictions, raw objects of
        the API, or an archive's rows, also mixed.

    Returns
    -------
    pandas.DataFrame
        ``id, model, model_type, status, created_at, started_at, completed_at, queue_s, predict_s,
        total_s, cost, currency, n_outputs, output, error, prompt, source, origin``, then ``input.*`` as
        they come. Times are in UTC, lengths in seconds, ``cost`` in major units of ``currency``; one
        credit is taken as one US dollar. A missing cost is unknown, which is not zero.

        ``attrs`` tell ``source``, ``fetched_at``, ``currency``, ``truncated``, ``package_version``,
        ``sandbox`` (whether every row is a sandbox's, and so no money), ``sandbox_origins`` and ``notes``
        (what was odd, and what was made of it).

    Raises
    ------
    InvalidInputError
        The source holds no predictions, or one without an id.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> frame = sky.predictions_frame([{"id": "p1", "status": "succeeded", "input": {"width": 512}}])
    >>> frame.loc[0, "status"], frame.loc[0, "input.width"], frame["cost"].isna().all()
    ('succeeded', np.int64(512), np.True_)
    """
    opened = open_source(source, "predictions_frame")
    table = _Table()
    for rows in chunks(opened.rows):
        table.add(rows)
    table.sandbox_origins |= opened.sandbox_origins
    return _finished(table, opened)


class _Table:
    """Columns that grow chunk by chunk, each kept as compact as it will be in the end."""

    def __init__(self) -> None:
        self.length = 0
        self.sandbox_origins: set[str] = set()
        self._parts: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self._inputs = Inputs()
        self._categories = {name: Categories(STATUSES if name == "status" else ()) for name in _CATEGORIES}

    def add(self, rows: list[Any]) -> None:
        """Take some more rows, of whatever kinds."""
        with _no_collector():
            for chunk in _read(rows, self.length):
                self._put(chunk)

    def _put(self, chunk: Chunk) -> None:
        parts = self._parts
        for name in _TEXTS:
            parts[name].append(dtypes.text(getattr(chunk, name)))
        for name in _CATEGORIES:
            parts[name].append(self._categories[name].codes(getattr(chunk, name)))
        for name in _TIMES:
            parts[name].append(getattr(chunk, name))
        queued = (chunk.started_at - chunk.created_at).astype("float64") / 1e6
        queued[np.isnat(chunk.started_at) | np.isnat(chunk.created_at)] = np.nan
        parts["queue_s"].append(queued)
        parts["predict_s"].append(chunk.predict_s)
        parts["total_s"].append(chunk.total_s)
        parts["cost"].append(dtypes.numbers(chunk.cost))
        parts["n_outputs"].append(dtypes.whole([None if o is None else len(o) for o in chunk.output]))
        parts["output"].append(dtypes.objects(chunk.output))
        self._inputs.add(chunk.inputs)
        self.sandbox_origins |= chunk.sandbox_origins
        self.length += len(chunk.id)

    def frame(self) -> pd.DataFrame:
        """Make the frame; lets go of the parts as it goes."""
        if not self.length:
            self._put(from_raws([]))
        columns: dict[str, Any] = {}
        for name in COLUMNS:
            parts = self._parts.pop(name)
            if name in _CATEGORIES:
                columns[name] = self._categories[name].column(np.concatenate(parts))
            elif name in _TIMES:
                columns[name] = dtypes.moments(np.concatenate(parts))
            elif name in _SECONDS or name in ("cost", "output"):
                columns[name] = np.concatenate(parts)
            else:
                columns[name] = dtypes.stacked(parts)
        columns.update(self._inputs.columns())
        return pd.DataFrame(columns, copy=False)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the cycle collector: thousands of new lists would make it walk every raw object again.

    Only while a chunk is read, which takes milliseconds and makes no cycles.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(rows: list[Any], before: int) -> list[Chunk]:
    """Read rows that are next to each other and of one kind together."""
    found: list[Chunk] = []
    begin = 0
    whole = documented(rows)
    if whole is not None:
        return [whole]
    kinds = [_kind(row, before + at) for at, row in enumerate(rows)]
    for end in range(1, len(rows) + 1):
        if end < len(rows) and kinds[end] is kinds[begin]:
            continue
        found.append(kinds[begin](rows[begin:end]))
        begin = end
    return found


def _kind(row: object, position: int) -> Any:
    if isinstance(row, Prediction):
        return from_predictions
    if isinstance(row, Mapping):
        identifier = row.get("id")
        if isinstance(identifier, str) and identifier:
            return from_rows if row.keys() >= _ROW else from_raws
        what = "an object without an id"
    else:
        what = f"of type {type(row).__name__}"
    raise InvalidInputError(
        f"Row {position} is no prediction: it is {what}. No frame was made, and nothing was changed. Pass "
        "predictions, or the JSON objects of predictions as the API gives them; models go to pricing_frame.",
        charged=False,
    )


def _finished(table: _Table, opened: Source) -> pd.DataFrame:
    """Put right what can be put right, and say so."""
    frame = table.frame()
    notes: list[str] = []
    frame = _once_each(frame, notes)
    for name in _SECONDS:
        _unknown_where(frame, name, frame[name] < 0, f"{name} would be negative: times out of order", notes)
    odd = impossible(frame["cost"])
    _unknown_where(frame, "cost", odd, "cost is negative or absurd, so it counts as unknown", notes)
    origins = sandboxes(frame, table.sandbox_origins)
    sandbox = frame["id"].str.startswith("sandbox-") | frame["origin"].isin(origins)
    currencies = sorted(frame["currency"].dropna().unique())
    truncated = opened.missing > 0
    if truncated:
        notes.append(f"{_rows(opened.missing)} of the source are not here")
        _warn(f"The source has {_rows(opened.missing)} more than it gave: sums of this frame fall short.")
    from .. import __version__

    frame.attrs.update(
        source=opened.name,
        fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
        currency=currencies[0] if len(currencies) == 1 else "mixed" if currencies else None,
        truncated=truncated,
        package_version=__version__,
        sandbox=bool(len(frame)) and bool(sandbox.all()),
        sandbox_origins=origins,
        notes=notes,
    )
    return frame


def impossible(costs: pd.Series) -> pd.Series:
    """Say of each cost whether it can be none; a gap is not."""
    return (costs < 0) | (costs > float(PLAUSIBLE))


def sandboxes(frame: pd.DataFrame, known: Iterable[str] = ()) -> list[str]:
    """Name the origins that are sandboxes: known ones, and those of an id that only a sandbox gives.

    What a batch could not create has an origin and no id of the API's, and is no money either.
    """
    given = frame["id"].astype(str).str.startswith("sandbox-")
    return sorted({*known, *frame.loc[given, "origin"].dropna()})


def _once_each(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Keep one row of each prediction: the one that knows how it ended and what it cost."""
    if not frame["id"].duplicated().any():
        return frame
    better = pd.DataFrame(
        {
            "origin": frame["origin"],
            "id": frame["id"],
            "open": frame["status"].isin([each for each in STATUSES if not is_done(each)]),
            "unpriced": frame["cost"].isna(),
        }
    ).sort_values(["open", "unpriced"], kind="stable")
    kept = better.drop_duplicates(["origin", "id"]).index.sort_values()
    dropped = len(frame) - len(kept)
    if not dropped:
        return frame
    notes.append(f"{_rows(dropped)} repeated an id and were left out")
    _warn(f"{_rows(dropped)} repeated the id of another: each prediction is in the frame once.")
    return frame.loc[kept].reset_index(drop=True)


def _unknown_where(frame: pd.DataFrame, name: str, odd: pd.Series, why: str, notes: list[str]) -> None:
    number = int(odd.sum())
    if number:
        frame.loc[odd, name] = np.nan
        notes.append(f"{_rows(number)} where {why}")


def _rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"


def _warn(text: str) -> None:
    warnings.warn(text, SkytellsWarning, stacklevel=4)
