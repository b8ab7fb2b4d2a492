"""What there is to show of a prediction: bytes, text, something still to be fetched, or words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote_to_bytes

from ..types import Prediction
from .escaping import clip, one_line
from .sniffing import HEAD

__all__ = ["Blob", "Content", "Notice", "Prose", "Remote", "contents_of"]

EXPIRED: Final = "The API deletes files about five minutes after completion, and no copy was kept."
_WRITTEN_TYPES: Final = frozenset({"text", "code"})


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
    """An output that is still at its URL, if it is still anywhere."""

    address: str
    prediction: Prediction
    index: int


Content = Blob | Prose | Notice | Remote


def contents_of(prediction: Prediction) -> Sequence[Content]:
    """List what there is to show of a prediction; never empty, because there is always something to say.

    Local files come first, then data URIs in the output, then the URLs themselves.
    """
    outputs = prediction.output or []
    found = [
        _output(prediction, index, outputs[index] if index < len(outputs) else None)
        for index in range(max(len(outputs), len(prediction.files)))
    ]
    if prediction.status != "succeeded" or not found:
        return [_state(prediction), *(item for item in found if isinstance(item, Blob | Prose))]
    return found


def _output(prediction: Prediction, index: int, output: str | None) -> Content:
    written = output is not None and _is_written(prediction, output)
    if written and output is not None:
        return Prose(output)
    if index < len(prediction.files):
        return _on_disk(prediction, prediction.files[index])
    if output is None:
        return Notice("Nothing here")
    if output.startswith("data:"):
        return from_data_uri(output)
    if _is_gone(prediction):
        return Notice("No longer there", EXPIRED, output)
    return Remote(output, prediction, index)


def _is_written(prediction: Prediction, output: str) -> bool:
    if (prediction.model_type or "").lower() in _WRITTEN_TYPES:
        return True
    start = output[:8].lower()
    return not start.startswith(("http://", "https://", "data:"))


def _on_disk(prediction: Prediction, path: Path) -> Content:
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if there:
        return Blob(path=path)
    del prediction
    return Notice("File not found", f"It was kept at {path}, and is no longer there.")


def _is_gone(prediction: Prediction) -> bool:
    facts = prediction.raw.get("metadata")
    told = facts.get("data_available") if isinstance(facts, dict) else None
    return prediction.raw.get("data_removed") is True or told is False


def from_data_uri(address: str) -> Content:
    """Decode a ``data:`` URI; what does not decode is said in words."""
    import base64
    import binascii

    head, comma, body = address.partition(",")
    if not comma:
        return Notice("Damaged output", "Its data URI holds no data.")
    try:
        if head.rstrip().lower().endswith(";base64"):
            data = base64.b64decode(unquote_to_bytes(body), validate=False)
        else:
            data = unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        return Notice("Damaged output", "Its data URI cannot be decoded.")
    return Blob(data=data)


def _state(prediction: Prediction) -> Notice:
    """Say how a prediction stands that has nothing to show."""
    told = clip(one_line(prediction.error or ""), 400)
    if prediction.status == "failed":
        return Notice("Failed", told or "The API gives no reason.")
    if prediction.status == "canceled":
        return Notice("Canceled", told or "It was stopped before it was done.")
    if prediction.status == "queued":
        return Notice("Queued", "Waiting for its turn; client.predictions.wait(prediction) follows it.")
    if prediction.status == "processing":
        done = prediction.metrics.progress
        return Notice(
            "Running" if done is None else f"Running, {done:.0f} %",
            "Not finished yet; client.predictions.wait(prediction) follows it.",
        )
    if _is_gone(prediction):
        return Notice("No longer there", EXPIRED)
    return Notice("No output", "It succeeded, and the API lists nothing that it made.")
