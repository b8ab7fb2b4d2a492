"""Whatever a person wants to look at, as a flat list of items to draw.

Predictions in any shape (values, the API's JSON, pages of a listing, results of the published SDK), models,
files, addresses, bytes, Pillow images and arrays, alone or in lists. An item starts with its content: a file,
a text, a message, or the address of an output that is still to be fetched; the stages of `_pipeline` fill in
the rest.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import CoroutineType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, assert_never, cast

from ..archive import decode_data_uri, form_of, read_open_file
from ..exceptions import InvalidInputError
from ..filetypes import FileType
from ..models import STATUSES, ChatCompletion, Model, Prediction, Response, is_gone
from ..pictures import PictureError, encode, is_array, is_picture
from ..plaintext import clip, one_line

if TYPE_CHECKING:
    from ._thumbnails import Thumbnail

EXPIRED: Final = (
    "The API deletes files about five minutes after completion, and no archive at hand has a copy."
)
_TAKEN: Final = (
    "show and gallery take predictions and models, lists of them, the API's JSON, URLs, paths, open files, "
    "bytes, Pillow images and arrays."
)
_PLAYED: Final = frozenset(
    f"{kind}/{name}"
    for kind, names in (("video", "mp4 webm quicktime 3gpp ogg"), ("audio", "wav mpeg mp4 aac ogg flac"))
    for name in names.split()
)
_MODEL_KEYS: Final = ("namespace", "input_schema", "pricing", "capabilities")


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's content, in memory or on disk; ``name`` is what to call it where it has no path."""

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

    def size(self) -> int:
        if self.data is not None:
            return len(self.data)
        return 0 if self.path is None else self.path.stat().st_size

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()


@dataclass(frozen=True, slots=True)
class Text:
    """A text to be read: as much of it as is shown, and how many characters it has in all."""

    text: str
    length: int


@dataclass(frozen=True, slots=True)
class Message:
    """Words in the place of a picture: what is so, why, and an address where there is one."""

    title: str
    detail: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteOutput:
    """An output that is not at hand: in an archive, in a data URI, or still at its URL, if it is anywhere."""

    address: str
    prediction: Prediction
    index: int


Content = FileContent | Text | Message | RemoteOutput


@dataclass(frozen=True, slots=True)
class DisplayItem:
    """One thing to draw, from what was handed in to what stands in the page.

    Fetching turns the addresses in `content` into files, decoding turns what cannot be drawn into messages.
    """

    content: Content
    subject: object  # the prediction, path, URL, bytes or image it comes from
    index: int = 1  # which of its outputs, from 1
    count: int = 1
    caption: str | None = None
    type: FileType | None = None  # of a file, once it was decoded
    width: int = 0  # of a picture or a clip, in pixels of the original; 0 where that is not known
    height: int = 0
    seconds: float | None = None  # for which a clip or a song plays
    animated: bool = False
    thumbnail: Thumbnail | None = None  # of a clip, its poster
    shown: tuple[int, int] = (0, 0)  # the size it is shown at, in CSS pixels
    source: str | None = None  # this and `poster`: the data URIs that were embedded
    poster: str | None = None
    whole: bool = False  # whether `source` is the original's own bytes

    @property
    def prediction(self) -> Prediction | None:
        return self.subject if isinstance(self.subject, Prediction) else None

    @property
    def path(self) -> Path | None:
        """Where its file is, or was, on this computer."""
        if isinstance(self.content, FileContent):
            return self.content.path
        prediction = self.prediction
        if prediction is not None and self.index <= len(prediction.files):
            return prediction.files[self.index - 1]
        return None

    @property
    def name(self) -> str:
        """Its file's name, or the end of its address; empty where it has neither."""
        path = self.path
        if path is not None:
            return clip(one_line(path.name), 120)
        if isinstance(self.subject, str) and not self.subject.startswith("data:"):
            return clip(one_line(self.subject.partition("?")[0].rstrip("/").rpartition("/")[2]), 120)
        return ""

    @property
    def playable(self) -> bool:
        """Whether browsers play it as it is: not an AVI, an AIFF, a MIDI."""
        return self.type is not None and self.type.media_type in _PLAYED

    @property
    def can_play(self) -> bool:
        """Whether it plays, or a copy does, which is made of every song that can be read."""
        return self.playable or (self.kind == "audio" and self.seconds is not None)

    @property
    def kind(self) -> Literal["image", "video", "audio", "file", ""]:
        """What it is drawn as: ``image``, ``video``, ``audio`` or ``file``; empty for texts and messages."""
        if not isinstance(self.content, FileContent) or self.type is None:
            return ""
        match self.type.kind:
            case "image" | "video" | "audio" as drawn:
                return drawn
            case "text" | "model" | "other":
                return "file"
            case _:
                assert_never(self.type.kind)


def things_in(x: object) -> list[Prediction | Model | DisplayItem]:
    """Parse anything that can be shown as predictions, models and loose files, in order.

    InvalidInputError when it is none of the things that can be shown; nothing was fetched.
    """
    if isinstance(x, Prediction | Model | DisplayItem):
        return [x]
    if isinstance(x, ChatCompletion | Response):
        return [x.to_prediction()]
    if isinstance(x, Mapping):
        return _from_json(x)
    if isinstance(x, str):
        return [_from_string(x)]
    if isinstance(x, os.PathLike):
        return [_from_path(Path(x))]
    if isinstance(x, bytes | bytearray | memoryview):
        return [DisplayItem(FileContent(data=bytes(x)), x)]
    if is_picture(x):  # as the file that it would be, without loss
        try:
            return [DisplayItem(FileContent(data=encode(x, "PNG", fast=True)), x)]
        except PictureError as error:
            words = error.detail[:1].upper() + error.detail[1:]
            return [DisplayItem(Message(error.title, words), x)]
    if callable(getattr(x, "read", None)):  # else it would be its lines
        return [DisplayItem(FileContent(data=read_open_file(x)), x)]
    raw = _sdk_json(x)
    if raw is not None:
        return things_in(raw)
    if hasattr(x, "__dataframe__"):  # whose columns' names it would go through
        raise InvalidInputError(
            "A table cannot be shown as pictures: display() draws it, and archive.get(id) has the outputs."
        )
    if isinstance(x, Iterable) or is_array(x):  # an array of four dimensions is several pictures
        return [thing for item in cast("Iterable[object]", x) for thing in things_in(item)]
    wanted = "It needs `await` before it." if isinstance(x, CoroutineType) else _TAKEN
    name = type(x).__name__
    raise InvalidInputError(f"{'An' if name[0] in 'aeiou' else 'A'} {name} cannot be shown. {wanted}")


def items_of(things: Iterable[Prediction | DisplayItem], captions: Iterable[str | None]) -> list[DisplayItem]:
    """List what there is to draw of predictions and loose files: one item for every output."""
    found: list[DisplayItem] = []
    for thing, caption in zip(things, captions, strict=True):
        if isinstance(thing, DisplayItem):
            found.append(replace(thing, caption=caption))
            continue
        found += prediction_items(thing, caption)
    return found


def prediction_items(prediction: Prediction, caption: str | None = None) -> list[DisplayItem]:
    """List what there is to draw of one prediction; never empty."""
    contents = outputs_of(prediction)
    return [
        DisplayItem(content, prediction, index, len(contents), caption)
        for index, content in enumerate(contents, start=1)
    ]


def outputs_of(prediction: Prediction) -> list[Content]:
    """List what there is to show of a prediction; never empty, because its status can always be told."""
    amount = max(len(prediction.output or ()), len(prediction.files))
    found = [_output(prediction, index) for index in range(amount)]
    if prediction.status != "succeeded" or not found:
        return [_status_message(prediction), *(c for c in found if isinstance(c, FileContent | Text))]
    return found


def _output(prediction: Prediction, index: int) -> Content:
    outputs = prediction.output or []
    output = outputs[index] if index < len(outputs) else ""
    if output and form_of(prediction, index) == "text":
        return Text(output, len(output))
    # Files and outputs correspond where there are as many; the archive knows better where there are not.
    if len(prediction.files) == len(outputs) or not outputs:
        path = prediction.files[index]
        if is_file(path):
            return FileContent(path=path)
    return RemoteOutput(output, prediction, index)


def is_file(path: Path) -> bool:
    """Check for a file at a path, whatever the path looks like; what a bucket has may still have to come."""
    return os.path.isfile(str(path))


def _status_message(prediction: Prediction) -> Message:
    error = clip(one_line(prediction.error or ""), 400)
    status = prediction.status
    if status not in STATUSES:  # made by hand; what the API sends is one of the list
        return Message(clip(one_line(str(status)), 40).capitalize(), "This status is not known here.")
    match status:
        case "failed":
            return Message("Failed", error or "The API gives no reason.")
        case "canceled":
            return Message("Canceled", error or "It was stopped before it was done.")
        case "not_sent":
            return Message(
                "Not sent", error or "Its batch stopped before its turn. Nothing was billed for it."
            )
        case "queued":
            return Message("Queued", "Waiting for its turn; client.predictions.wait(prediction) follows it.")
        case "processing":
            progress = prediction.metrics.progress
            return Message(
                "Running" if progress is None else f"Running, {progress:.0f} %",
                "Not finished yet; client.predictions.wait(prediction) follows it.",
            )
        case "succeeded":
            if is_gone(prediction):
                return Message("No longer there", EXPIRED)
            return Message("No output", "Succeeded without output.")
        case _:
            assert_never(status)


def _from_json(raw: Mapping[str, Any]) -> list[Prediction | Model | DisplayItem]:
    rows = raw.get("data")
    if isinstance(rows, list) and "id" not in raw:
        return [thing for row in rows for thing in things_in(row)]
    if isinstance(rows, Mapping) and str(raw.get("type", "")).startswith("prediction."):
        return things_in(rows)  # a webhook's envelope, skytells-api.md section 7
    looks_like_model = any(key in raw for key in _MODEL_KEYS) and "output" not in raw
    return [Model.from_api(raw) if looks_like_model else Prediction.from_api(raw)]


def _from_string(value: str) -> DisplayItem:
    start = value[:8].lower()
    if start.startswith(("http://", "https://")):
        shell = Prediction(id=value, status="succeeded", output=[value], origin=value)  # typed, so trusted
        return DisplayItem(RemoteOutput(value, shell, 0), value)
    if start.startswith("data:"):
        return DisplayItem(from_data_uri(value), value)
    return _from_path(Path(value))


def from_data_uri(address: str) -> FileContent | Message:
    """Decode a ``data:`` URI, or say that it is damaged."""
    try:
        return FileContent(data=decode_data_uri(address))
    except ValueError:
        return Message("Damaged output", "Its data URI cannot be decoded.")


def _from_path(path: Path) -> DisplayItem:
    if not is_file(path):
        shown = clip(one_line(str(path)), 200)
        if path.is_dir():
            raise InvalidInputError(
                f"{shown!r} is a folder. Pass its files, such as Path({shown!r}).glob('*.png')."
            )
        raise InvalidInputError(f"{shown!r} is neither a file nor a URL. Use print() for text.")
    return DisplayItem(FileContent(path=path), path)


def _sdk_json(x: object) -> object:
    """Find the API's JSON inside a result of the published SDK, by its shape and not by an import."""
    inside = getattr(x, "response", None)
    if isinstance(inside, Mapping) and "id" in inside:
        return inside
    page = getattr(x, "data", None)
    if isinstance(page, list) and hasattr(x, "pagination"):
        return page
    return None
