"""What the embeddings route answers with (skytells-api-text.md section 4)."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from .. import _lazy
from ._chat import Usage, as_prediction
from ._finished import Finished
from ._parse import parse_count, parse_text
from ._prediction import Prediction
from ._status import Status

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from pandas import DataFrame


@dataclass(frozen=True, slots=True, repr=False)
class Embeddings(Finished):
    """Vectors of texts, in the order of the texts. A plain value, which can be pickled.

    Attributes
    ----------
    vectors : tuple of tuple of float
        One for each text; they came as numbers or as base64, and by their ``index``.
    texts : tuple of str
        What was embedded; empty where it was token ids.
    model, requested_model : str or None
        The model that answered, and the one that was asked, whose price counts.
    usage : Usage or None
        Tokens; None where the API did not say.
    cost : Decimal or None
        By usage and price list; None is unknown, which is not zero.
    id : str
        The API gives it none, so this is made up here, for the archive.
    created_at : datetime or None
        When the answer came, aware, in UTC.
    seconds : float or None
        From the request to the whole answer, as measured here.
    input : dict
        What was sent, but for the model.
    origin : str or None
        The base URL of the API that it came from.
    raw : dict
        The answer, but for its ``data``, which are the vectors.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     made = client.embeddings.create("skytells-embed-3-small", ["a fox", "a hen"], dimensions=8)
    >>> len(made), made.to_numpy().shape, list(made.to_pandas().index)
    (2, (2, 8), ['a fox', 'a hen'])
    """

    vectors: tuple[tuple[float, ...], ...] = ()
    texts: tuple[str, ...] = ()
    model: str | None = None
    requested_model: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    id: str = ""
    created_at: datetime | None = None
    seconds: float | None = None
    input: dict[str, Any] = field(default_factory=dict)
    origin: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_api(
        cls,
        raw: Mapping[str, Any],
        *,
        requested_model: str | None = None,
        input: Mapping[str, Any] | None = None,
        origin: str | None = None,
    ) -> Self:
        """Read an answer of the embeddings route; parameters are those of `ChatCompletion.from_api`."""
        listed = raw.get("data")
        found = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
        numbered = [(parse_count(each.get("index")), place, each) for place, each in enumerate(found)]
        numbered.sort(key=lambda each: each[1] if each[0] is None else each[0])
        given = (input or {}).get("input")
        texts: Sequence[object] = (
            [given] if isinstance(given, str) else given if isinstance(given, list) else []
        )
        return cls(
            vectors=tuple(_vector(each.get("embedding")) for _, _, each in numbered),
            texts=tuple(each for each in texts if isinstance(each, str)),
            model=parse_text(raw.get("model")),
            requested_model=requested_model,
            usage=Usage.from_api(raw.get("usage")),
            id=parse_text(raw.get("id")) or "",
            input=dict(input or {}),
            origin=origin,
            raw={name: value for name, value in raw.items() if name != "data"},
        )

    def to_numpy(self) -> NDArray[float64]:
        """Return the vectors as an array of shape (texts, dimensions)."""
        import numpy as np

        return np.array(self.vectors, dtype=float)

    def to_pandas(self) -> DataFrame:
        """Return the vectors as a DataFrame: a row for each text, under its text, a column a dimension."""
        frame: DataFrame = _lazy.embeddings_frame(self)
        return frame

    def to_prediction(self, status: Status = "succeeded", error: str | None = None) -> Prediction:
        """Return the same call as an archive keeps it and a frame counts it, without its vectors.

        Parameters
        ----------
        status, error : str, optional
            How it ended, where not well.
        """
        return as_prediction(self, [], status, error)

    def __len__(self) -> int:
        return len(self.vectors)

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        return iter(self.vectors)

    def __getitem__(self, index: int) -> tuple[float, ...]:
        return self.vectors[index]

    def __hash__(self) -> int:
        return hash((self.origin, self.id))

    def __repr__(self) -> str:
        size = len(self.vectors[0]) if self.vectors else 0
        return f"Embeddings of {len(self.vectors)}, {size} dimensions each, model={self.model!r}"


def _vector(value: object) -> tuple[float, ...]:
    """Read a vector: numbers, or base64 of float32, little endian; empty where it is neither."""
    if isinstance(value, str):
        try:
            packed = base64.b64decode(value, validate=True)
            return struct.unpack(f"<{len(packed) // 4}f", packed)
        except (binascii.Error, ValueError, struct.error):
            return ()
    if isinstance(value, list) and all(type(each) in (float, int) for each in value):
        return tuple(map(float, value))
    return ()
