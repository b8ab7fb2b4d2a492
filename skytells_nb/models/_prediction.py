"""A prediction: one job of a model, from its prompt to its output."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, SupportsIndex, overload

from .. import _lazy
from ..exceptions import InvalidInputError, SkytellsError
from ..plaintext import encodable
from ._finished import Drawn, Finished
from ._parse import (
    find_outputs,
    is_address,
    parse_amount,
    parse_billing,
    parse_count,
    parse_error,
    parse_mapping,
    parse_model_name,
    parse_model_type,
    parse_number,
    parse_outputs,
    parse_prompt,
    parse_text,
    parse_time,
    parse_webhook,
)
from ._status import Status, count_statuses, is_done, status_from_wire

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL.Image import Image

SANDBOX_ID: Final = r"(?:chatcmpl-|resp_|emb_)?sandbox[-_]"
"""How the ids of a sandbox's predictions and answers begin, as a pattern: their cost is no money."""


def is_sandbox_id(identifier: str) -> bool:
    """Check whether a sandbox gave this id, so that what it cost are credits."""
    return re.match(SANDBOX_ID, identifier) is not None


@dataclass(frozen=True, slots=True)
class Metrics:
    """How long a prediction took and what it used; None where the API does not say.

    Attributes
    ----------
    predict_time, total_time : float or None
        Seconds of work, and seconds in all.
    image_count, asset_count : int or None
        How many pictures, or outputs of any kind, were made.
    progress : float or None
        0 to 100, only while processing.
    billing : dict
        What the API says was billed, such as ``{"credits_used": 0.02}``; empty when unknown.
    """

    predict_time: float | None = None
    total_time: float | None = None
    image_count: int | None = None
    asset_count: int | None = None
    progress: float | None = None
    billing: dict[str, Any] = field(default_factory=dict)

    __hash__ = None  # type: ignore[assignment]  # holds dicts; typeshed marks list so


@dataclass(frozen=True, slots=True, repr=False)
class Prediction(Finished, Drawn):
    """One job of a model: what was asked, how it stands, what came of it.

    A plain value. It can be pickled, and it does not change; ask for it again to see it move.

    Attributes
    ----------
    id : str
        The API's name for it.
    status : str
        ``queued``, ``processing``, ``succeeded``, ``failed`` or ``canceled``, whatever was spelt on the wire
        (skytells-api.md section 4.8); ``not_sent`` for an item of a batch that stopped before its turn.
    model, model_type : str or None
        The model's slug, and its kind: image, video, music, audio, text.
    input : dict or None
        What the model was given.
    output : list of str or None
        URLs of what was made, or the text of a text model, in a flat list whatever shape the model
        gives it. The API deletes files about five minutes after completion.
    files : tuple of Path
        Local paths of the outputs, once an archive has them.
    error : str or None
        Why it failed.
    metrics : Metrics
        Times, counts and billing.
    cost : Decimal or None
        Credits used; None is unknown, which is not zero. One credit is taken as one US dollar.
    created_at, started_at, completed_at : datetime or None
        Aware, in UTC.
    urls, webhook : dict or None
        The API's links for it; where it reports to.
    origin : str or None
        The base URL of the API it came from.
    reused : bool
        Whether it came from the archive in place of a new create; ``cost`` was paid then, and nothing now.
    raw : dict
        The API's answer, untouched.

    Examples
    --------
    >>> from skytells_nb import Prediction
    >>> p = Prediction.from_api({"id": "p1", "status": "cancelled", "model": {"name": "truefusion"}})
    >>> p.status, p.model, p.cost
    ('canceled', 'truefusion', None)
    """

    id: str
    status: Status
    model: str | None = None
    model_type: str | None = None
    input: dict[str, Any] | None = None
    output: list[str] | None = None
    files: tuple[Path, ...] = ()
    error: str | None = None
    metrics: Metrics = field(default_factory=Metrics)
    cost: Decimal | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    urls: dict[str, str] | None = None
    webhook: dict[str, Any] | None = None
    origin: str | None = None
    reused: bool = False
    raw: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_api(cls, raw: Mapping[str, Any], *, origin: str | None = None) -> Self:
        """Read a prediction from any documented shape of the API's JSON.

        A field of the wrong type becomes None and stays in ``raw``.

        Parameters
        ----------
        raw : mapping
            A decoded JSON object with a string ``id``.
        origin : str, optional
            The base URL of the API it came from.

        Raises
        ------
        SkytellsError
            When it is no object, or has no id.

        Examples
        --------
        >>> from skytells_nb import Prediction
        >>> Prediction.from_api({"id": "p1", "output": "https://cdn.example/a.png"}).output
        ['https://cdn.example/a.png']
        """
        identifier = raw.get("id") if isinstance(raw, Mapping) else None
        if not isinstance(identifier, str) or not identifier:
            raise SkytellsError(
                "This is not a prediction: it has no id. Pass the JSON object of a prediction as the API "
                "gives it.",
                charged=False,
            )
        figures = parse_mapping(raw.get("metrics")) or {}
        bill = parse_billing(raw)
        status, output = status_from_wire(raw.get("status")), parse_outputs(raw.get("output"))
        links = parse_mapping(raw.get("urls"))
        return cls(
            id=identifier,
            status=status,
            model=parse_model_name(raw.get("model")),
            model_type=parse_model_type(raw),
            input=parse_mapping(raw.get("input")),
            output=find_outputs(raw) if output is None and status == "succeeded" else output,
            error=parse_error(raw),
            metrics=Metrics(
                predict_time=parse_number(figures.get("predict_time")),
                total_time=parse_number(figures.get("total_time")),
                image_count=parse_count(figures.get("image_count")),
                asset_count=parse_count(figures.get("asset_count")),
                progress=parse_number(figures.get("progress")),
                billing=bill,
            ),
            cost=parse_amount(bill.get("credits_used")),
            created_at=parse_time(raw.get("created_at")),
            started_at=parse_time(raw.get("started_at")),
            completed_at=parse_time(raw.get("completed_at")),
            urls=None if links is None else {k: v for k, v in links.items() if isinstance(v, str)},
            webhook=parse_webhook(raw.get("webhook")),
            origin=origin,
            raw=dict(raw),
        )

    def remembering(self, earlier: Prediction) -> Prediction:
        """Return this reading with what an earlier one of it knew and a short form leaves out."""
        return replace(
            self,
            model=self.model or earlier.model,
            model_type=self.model_type or earlier.model_type,
            input=earlier.input if self.input is None else self.input,
            created_at=self.created_at or earlier.created_at,
        )

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return is_done(self.status)

    @property
    def prompt(self) -> str | None:
        """The prompt it was given, where its input has one; of a text model what the user said last."""
        asked = self.input or {}
        return parse_prompt(asked) if self.model_type == "text" else parse_text(asked.get("prompt"))

    @property
    def seconds(self) -> float | None:
        """How long it took, in seconds: as the API measured it, else by its own times."""
        if self.metrics.total_time is not None:
            return self.metrics.total_time
        if self.created_at is not None and self.completed_at is not None:
            return (self.completed_at - self.created_at).total_seconds()
        return self.metrics.predict_time

    @property
    def url(self) -> str | None:
        """The address of its first output; None where that is no file, such as a text.

        The API deletes it about five minutes after completion; an archive's copies are in ``files``.
        """
        first = self.output[0] if self.output else ""
        return first if is_address(first) else None

    @property
    def image(self) -> Image:
        """Its first picture, as a Pillow image.

        Raises
        ------
        InvalidInputError
            It has none.
        OutputExpiredError, NetworkError
            As ``load`` does.
        """
        for index in range(len(self.output or ()) or len(self.files)):
            found = self.load(index)
            if not isinstance(found, bytes | str):
                return found
        still = "" if self.output or self.status == "succeeded" else f": it is {self.status}"
        raise InvalidInputError(f"Prediction {self.id} has no picture{still}.")

    def show(self, *, full: bool = False) -> None:
        """Show it here: drawn in a notebook, as text in a terminal (``sky.show``)."""
        _lazy.show(self, full=full)

    def save(self, path: str | os.PathLike[str], index: int | None = None) -> list[Path]:
        """Copy its outputs, or one of them, to a file or a folder, and return the paths; see `sky.save`."""
        saved: list[Path] = _lazy.save(self, path, index)
        return saved

    def load(self, index: int = 0) -> Image | bytes | str:
        """Open one output: a Pillow image, a text, or the bytes of anything else (``sky.load``)."""
        found: Image | bytes | str = _lazy.load(self, index)
        return found

    def rate(self, stars: int | None = None, tags: Iterable[str] = (), note: str = "") -> None:
        """Keep what you think of it, in the archive that has it; see `Archive.rate`."""
        _lazy.rate(self, stars, tags=tags, note=note)

    def again(self, *, reuse: bool | None = None, **changes: Any) -> Prediction:
        """Create one like it, with inputs changed or added; see `sky.again`."""
        made: Prediction = _lazy.again(self, reuse=reuse, **changes)
        return made

    def __hash__(self) -> int:
        return hash((self.origin, self.id))

    def __repr__(self) -> str:
        parts = [f"id={self.id!r}", f"status={self.status!r}", f"model={self.model!r}"]
        if self.cost is not None:
            parts.append(f"cost={self.cost}")
        if self.error is not None:
            parts.append(f"error={self.error!r}")
        if self.output:
            more = f", … {len(self.output)} in all" if len(self.output) > 1 else ""
            first = self.output[0] if len(self.output[0]) <= 80 else self.output[0][:79] + "…"
            parts.append(f"output=[{first!r}{more}]")
        return encodable(f"Prediction({', '.join(parts)})")  # people print it


def is_gone(prediction: Prediction) -> bool:
    """Whether the API says that it has deleted the outputs (skytells-api.md section 12)."""
    metadata = parse_mapping(prediction.raw.get("metadata")) or {}
    return prediction.raw.get("data_removed") is True or metadata.get("data_available") is False


def lacks_output(prediction: Prediction) -> bool:
    """Whether it succeeded and shows no output: in a short form, or a moment before its output is there."""
    return prediction.status == "succeeded" and not prediction.output and not is_gone(prediction)


class PredictionList(Finished, Drawn, list[Prediction]):
    """Predictions in order, newest first where they come from a listing. A real list.

    Examples
    --------
    >>> from skytells_nb import Prediction, PredictionList
    >>> PredictionList([Prediction.from_api({"id": "p1", "status": "succeeded"})])
    PredictionList of 1: 1 succeeded
    """

    @overload
    def __getitem__(self, index: SupportsIndex) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> PredictionList: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Prediction | PredictionList:
        if isinstance(index, slice):
            return type(self)(super().__getitem__(index))
        return super().__getitem__(index)

    def __repr__(self) -> str:
        counts = count_statuses(p.status for p in self)
        return f"PredictionList of {len(self)}" + (f": {counts}" if counts else "")

    def to_pandas(self) -> DataFrame:
        """Tabulate them: a DataFrame with one row per prediction (``sky.predictions_frame``)."""
        frame: DataFrame = _lazy.predictions_frame(self)
        return frame
