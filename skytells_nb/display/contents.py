"""What there is to show of a prediction: bytes, text, something still to be fetched, or words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, assert_never

from ..archive import form_of, is_gone
from ..models import Prediction
from .escaping import clip, one_line
from .sniffing import HEAD

__all__ = ["Blob", "Content", "Notice", "Prose", "Remote", "contents_of", "is_there"]

EXPIRED: Final = (
    "The API deletes files about five minutes after completion, and no archive at hand has a copy."
)


@dataclass(frozen=True, slots=True)
class Blob:
    """A file's content, in hand or on disk.

    Attributes
    ----------
    data : bytes, optional
        The content itself.
    path : Path, optional
        Where it is on disk.
    name : str, optional
        What to call it where it has no path.
    """

    data: bytes | None = None
    path: Path | None = None
    name: str | None = None

    def open(self) -> BinaryIO:
        """Open it for reading; the file may have gone, which raises ``OSError``."""
        if self.data is not None:
            return io.BytesIO(self.data)
        if self.path is None or not self.path.is_file():
            raise FileNotFoundError(f"no file at {self.path}")
        return self.path.open("rb")

    def head(self) -> bytes:
        """Read its first bytes, enough to tell what it is."""
        with self.open() as file:
            return file.read(HEAD)

    def size(self) -> int:
        """Give its size in bytes."""
        if self.data is not None:
            return len(self.data)
        return 0 if self.path is None else self.path.stat().st_size

    def read(self) -> bytes:
        """Read all of it."""
        with self.open() as file:
            return file.read()


@dataclass(frozen=True, slots=True)
class Prose:
    """A text to be read."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Words in the place of a picture: what is so, why, and an address where there is one."""

    title: str
    detail: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """An output that is not at hand: in an archive, in a data URI, or still at its URL, if it is anywhere."""

    address: str
    prediction: Prediction
    index: int


Content = Blob | Prose | Notice | Remote


def contents_of(prediction: Prediction) -> Sequence[Content]:
    """List what there is to show of a prediction; never empty, because there is always something to say."""
    outputs = prediction.output or []
    found = [_output(prediction, index) for index in range(max(len(outputs), len(prediction.files)))]
    if prediction.status != "succeeded" or not found:
        return [_state(prediction), *(item for item in found if isinstance(item, Blob | Prose))]
    return found


def _output(prediction: Prediction, index: int) -> Content:
    outputs = prediction.output or []
    output = outputs[index] if index < len(outputs) else ""
    if output and form_of(prediction, index) == "text":
        return Prose(output)
    # Files and outputs correspond where there are as many; the archive knows better where there are not.
    if len(prediction.files) == len(outputs) or not outputs:
        path = prediction.files[index]
        if is_there(path):
            return Blob(path=path)
    return Remote(output, prediction, index)


def is_there(path: Path) -> bool:
    """Whether there is a file at a path, whatever the path looks like."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _state(prediction: Prediction) -> Notice:
    """Say how a prediction stands that has nothing to show."""
    told = clip(one_line(prediction.error or ""), 400)
    match prediction.status:
        case "failed":
            return Notice("Failed", told or "The API gives no reason.")
        case "canceled":
            return Notice("Canceled", told or "It was stopped before it was done.")
        case "not_sent":
            return Notice("Not sent", told or "Its batch stopped before its turn. Nothing was billed for it.")
        case "queued":
            return Notice("Queued", "Waiting for its turn; client.predictions.wait(prediction) follows it.")
        case "processing":
            done = prediction.metrics.progress
            return Notice(
                "Running" if done is None else f"Running, {done:.0f} %",
                "Not finished yet; client.predictions.wait(prediction) follows it.",
            )
        case "succeeded":
            if is_gone(prediction):
                return Notice("No longer there", EXPIRED)
            return Notice("No output", "It succeeded, and the API lists nothing that it made.")
        case _:
            assert_never(prediction.status)
