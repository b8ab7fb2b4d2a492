"""Copies of outputs for people without the archive, with a table of what they are."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from ..checks import check_path
from ..exceptions import InvalidInputError
from ..models import Prediction
from ..plaintext import FORMULA
from ._serialize import Rating

_COLUMNS: Final = ("file", "prompt", "model", "rating", "tags", "note", "cost", "created_at", "id")


def export(folder: str | os.PathLike[str], chosen: Iterable[tuple[Prediction, Rating]]) -> list[Path]:
    """Copy the outputs of predictions, write ``outputs.csv`` beside them, and return the copies' paths."""
    target = check_path("folder", folder)
    copies: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        with open(target / "outputs.csv", "w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS)
            for prediction, rating in chosen:
                facts = (
                    *(prediction.prompt, prediction.model, rating.stars, ", ".join(rating.tags)),
                    *(rating.note, prediction.cost, prediction.created_at, prediction.id),
                )
                for path in filter(Path.is_file, prediction.files):
                    copies.append(Path(shutil.copyfile(path, target / path.name)))
                    table.writerow([path.name, *map(_as_cell, facts)])
    except OSError as error:
        raise InvalidInputError(
            f"{target} could not be written: {error.strerror or error}. Choose another folder.", charged=False
        ) from error
    return copies


def _as_cell(value: object) -> str:
    """Write a value so that no spreadsheet takes it for a formula."""
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if FORMULA.search(text) else text
