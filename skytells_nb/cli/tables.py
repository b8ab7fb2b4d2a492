"""``skytells-nb models`` and ``skytells-nb spend``: prices and spending as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._connect import connect
from ..archive import Archive
from ..exceptions import SkytellsError
from ..frames import models_table, predictions_frame, spend_table

__all__ = ["models", "spend"]


def models(*, criteria: bool = False) -> int:
    """Print the live price list.

    Parameters
    ----------
    criteria : bool
        A line for every rule by which an input changes a price.

    Returns
    -------
    int
        The exit code, 0.
    """
    with connect(archive=False) as client:
        print(models_table(client, criteria=criteria))
    return 0


def spend(*, by: Sequence[str], freq: str | None = None, folder: str = "", api: bool = False) -> int:
    """Print what was spent, from the archive or from the API's own listing.

    Parameters
    ----------
    by : sequence of str
        Columns to group by, such as ``model`` or ``input.seed``.
    freq : str, optional
        Any pandas frequency, such as ``D`` for days.
    folder : str
        The archive's folder.
    api : bool
        Whether to read the whole listing of the API instead.

    Returns
    -------
    int
        The exit code, 0.

    Raises
    ------
    SkytellsError
        There is no archive in that folder, or a column or frequency that does not exist.
    """
    columns = list(by) or ["model"]
    if api:
        with connect(archive=False) as client:
            frame = predictions_frame(client)
    else:
        if not (Path(folder) / "index.sqlite").exists():
            raise SkytellsError(
                f"There is no archive in {folder!r}, so there is nothing to sum up. Nothing was changed. "
                "Stand where your notebooks are, name the folder with --folder, or ask the API with --api."
            )
        with Archive(folder) as archive:
            frame = predictions_frame(archive)
    print(spend_table(frame, by=columns if len(columns) > 1 else columns[0], freq=freq))
    return 0
