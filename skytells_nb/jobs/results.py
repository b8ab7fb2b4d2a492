"""What a batch gives: predictions in the order of its inputs, whatever became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from ..models import Prediction, PredictionList

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["BatchResult"]


class BatchResult(PredictionList):
    """The predictions of a batch, one for each input and in the same order. A real list.

    A failure is a result too: its ``status`` is ``failed`` and its ``error`` says why. What was never
    created has an id that says so, such as ``not-created-17``: with the status ``queued`` it will be
    created when the batch is run again, with ``failed`` it was refused. ``uncertain-17`` stands for a
    create of which nobody knows what became. The API's whole answers (``raw``) are left to the archive.

    Attributes
    ----------
    name : str
        The batch's name; run it again under this name to go on.
    labels : pandas.Index or None
        The index of the DataFrame or Series that the inputs were, which `to_pandas` gives back.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> from skytells_nb.jobs import BatchResult
    >>> BatchResult([sky.Prediction(id="not-created-0", status="queued")], name="foxes")
    PredictionList of 1: 1 queued
    """

    def __init__(self, predictions: Iterable[Prediction] = (), *, name: str = "", labels: Any = None) -> None:
        super().__init__(predictions)
        self.name = name
        self.labels = labels

    @overload
    def __getitem__(self, index: SupportsIndex) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> PredictionList: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Prediction | PredictionList:
        if isinstance(index, slice):
            some = None if self.labels is None else self.labels[index]
            return BatchResult(list.__getitem__(self, index), name=self.name, labels=some)
        return super().__getitem__(index)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (list(self), self.name, self.labels)

    def to_pandas(self) -> DataFrame:
        """Tabulate them, one row each; on the index of the inputs, where they were a DataFrame."""
        frame = super().to_pandas()
        if self.labels is not None and len(self.labels) == len(frame):
            frame = frame.set_axis(self.labels, axis=0)
        return frame


def _rebuilt(predictions: Sequence[Prediction], name: str, labels: Any) -> BatchResult:
    return BatchResult(predictions, name=name, labels=labels)
