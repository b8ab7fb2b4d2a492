"""`again`: what a prediction, or the file of one, was made with, asked for once more, with changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..api import AsyncClient, Client, client_of, connections
from ..exceptions import InvalidInputError
from ..models import Prediction
from ._load_save import archives_of
from ._metadata import read_provenance
from ._serialize import canonical


def again(
    source: Prediction | str | os.PathLike[str],
    /,
    *,
    client: Client | AsyncClient | None = None,
    reuse: bool | None = None,
    **changes: Any,
) -> Prediction:
    """Create a prediction like an earlier one, with changes.

    Parameters
    ----------
    source : Prediction or path
        The earlier one; or a file from an archive, wherever it is now, which says itself how it was made.
    client : Client or AsyncClient, optional
        The newest open one of the API that made it, else the newest; ``sky.connect()`` when there is none.
    reuse : bool, optional
        Whether to look in the client's archive first; None leaves it to ``sky.options.reuse``.
    **changes
        Inputs to change or add; None leaves one out.

    Returns
    -------
    Prediction
        The new one.

    Raises
    ------
    InvalidInputError
        There is no such file, or nothing says what it was made with. Nothing was sent.
    PredictionError, SkytellsError
        As a create raises them.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client() as client:
    ...     fox = client.predictions.create("truefusion", {"prompt": "a red fox", "seed": 7})
    ...     sky.again(fox, seed=8, client=client).input
    {'prompt': 'a red fox', 'seed': 8}
    """
    made = source if isinstance(source, Prediction) else _described(source)
    if not made.input or _lost(made.input):  # what lies beside the outputs may be whole
        for archive in archives_of(made, None):
            kept = archive.get(made.id, made.origin)
            if kept is not None and kept.input:
                made = kept
                break
    if not made.model or not made.input:
        raise InvalidInputError(
            f"Nothing says what {_name(source)} was made with. Use client.predictions.create.", charged=False
        )
    changed = {**made.input, **changes}
    input = {name: value for name, value in changed.items() if value is not None or name not in changes}
    if lost := _lost(input):
        raise InvalidInputError(
            f"{_name(source)} was made with a file that is not kept. Pass it: "
            f"again(…, {', '.join(f'{name}=…' for name in lost)}).",
            charged=False,
        )
    if client is None:
        same = (each for each in connections() if not each.closed and each.origin == made.origin)
        connection = next(same, None)
        client = client_of(None) if connection is None else Client.of(connection)
    created: Prediction = client.as_sync().predictions.create(made.model, input, reuse=reuse)
    return created


def _described(path: str | os.PathLike[str]) -> Prediction:
    """Return what a file says of the prediction that it is of."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidInputError(
            f"again takes a prediction, or the path of a file, not a {type(path).__name__}.", charged=False
        )
    record = read_provenance(os.fspath(path))
    if record is None:
        raise InvalidInputError(
            f"{os.fspath(path)} does not say how it was made. Files of an archive do, and those of sky.save.",
            charged=False,
        )
    return Prediction(
        id=str(record.get("id")),
        status="succeeded",
        model=record.get("model"),
        input=record.get("input"),
        origin=record.get("origin"),
    )


def _lost(input: Mapping[str, Any]) -> list[str]:
    """List the inputs that were files and are only notes of them."""
    lost = []
    for name, value in input.items():
        try:
            canonical(value)
        except ValueError:
            lost.append(name)
    return lost


def _name(source: object) -> str:
    return f"prediction {source.id}" if isinstance(source, Prediction) else str(source)
