"""The control for a file: a URL, a path, or an upload, with a thumbnail of what it is."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any, Final

import ipywidgets as w

from ..archive import LARGEST, decode_data_uri
from ..filetypes import HEAD, file_type, path_of
from ..formatting import format_bytes
from ..models import Prediction
from ..pictures import PictureError, decode
from ..schema import UNSET
from ._codegen import Upload, take_files
from ._controls import Control, UnsupportedValueError

_IN_COLAB: Final = 1_000_000  # above, an upload fails there without a word (ipywidgets issue 3452)
_SIDE: Final = 96
_TAKES: Final = {"image": "a picture", "audio": "sound", "video": "a clip"}
_LONGEST_TEXT: Final = 3_000  # what stands in a box is saved with the notebook, a data URI's megabytes too
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # of one letter it is a drive: C:\fox.png
_LIKE_A_PATH: Final = re.compile(r"[/\\~]|\.\w{2,5}$")


def largest_upload() -> int:
    """Return how many bytes an upload may have: what the request bears, or what Colab lets through."""
    return _IN_COLAB if "google.colab" in sys.modules else LARGEST


class MediaInput(Control):
    """One file."""

    def build(self) -> None:
        kind = self.field.accept.removesuffix("/*") or "file"
        self.hint = f"A URL, a path, or an upload of up to {_megabytes(largest_upload())} MB."
        self.box = self.make(
            w.Text,
            self._typed,
            placeholder=self.field.placeholder or f"https://… or path/to/{kind}",
            continuous_update=False,
            layout=self.layouts.growing,
        )
        self.upload = w.FileUpload(
            accept=self.field.accept,
            multiple=False,
            description="Upload",  # which ipywidgets shows with a count, and the style sheet without
            layout=self.layouts.button,
            _dom_classes=("sky-upload",),
        )
        self.preview = self.layouts.html()
        self.upload.observe(self._uploaded, "value")
        row = w.HBox([self.box, self.upload], layout=self.layouts.wide, _dom_classes=("sky-row",))
        self.widget = w.VBox([row, self.preview], layout=self.layouts.wide)

    def _typed(self, text: str) -> None:
        if self._showing:
            return
        value, problem = _read(text.strip())
        if isinstance(value, Path):
            with suppress(OSError), value.open("rb") as file:
                problem = self._misfit(value.name, file.read(HEAD))
        self._preview(value)
        self.edited(UNSET if problem else value, problem)

    def _uploaded(self, change: Any) -> None:
        if not change["new"]:
            return
        ((data, mime, name),) = take_files(self.upload)
        if len(data) > (most := largest_upload()):
            self.edited(self.value, f"{_too_large(name, len(data), most)} Make it smaller, or give a URL.")
            return
        if problem := self._misfit(name, data[:HEAD]):
            self.edited(self.value, problem)
            return
        value = Upload.of(data, mime or "application/octet-stream", name)
        self._showing += 1
        try:
            self.display(value)
        finally:
            self._showing -= 1
        self.edited(value)

    def _misfit(self, name: str, head: bytes) -> str:
        """Say of a file that it is empty, a text, or a song for a picture: it would be billed, too."""
        found, wanted = file_type(head), self.field.accept.removesuffix("/*")
        is_text = found.kind == "text" or found.media_type.startswith("text/")
        if head and (wanted not in _TAKES or not (is_text or {found.kind, wanted} == {"image", "audio"})):
            return ""
        return f"{name} is {found.name if head else 'empty'}; this takes {_TAKES.get(wanted, 'a file')}."

    def display(self, value: Any) -> None:
        text = ""
        if isinstance(value, str | os.PathLike) and not isinstance(value, Upload):
            text = str(os.fspath(value))
        elif not (
            value is UNSET
            or isinstance(value, str | bytes | os.PathLike | Prediction)
            or any(hasattr(value, name) for name in ("read", "mode", "shape"))  # a file, picture or array
        ):
            raise UnsupportedValueError
        self.box.value = text if len(text) <= _LONGEST_TEXT else ""
        self._preview(value)

    def _preview(self, value: Any) -> None:
        from ..display import data_uri, make_thumbnail

        name, data = ("", b"") if value is UNSET else _described(value)
        picture = ""
        with suppress(PictureError, OSError):
            if data:
                small = make_thumbnail(decode(data, _SIDE), limit=12_000)
                picture = data_uri(small.data, small.mime)
        if isinstance(value, str) and value.lower().startswith("http") and self.field.accept == "image/*":
            picture = value
        image = f'<img src="{escape(picture)}" alt="{escape(self.field.label)}">' if picture else ""
        caption = f'<span class="sky-muted">{escape(name)}</span>' if name else ""
        self.preview.value = f'<div class="sky-file">{image}{caption}</div>' if image or caption else ""


def _read(typed: str) -> tuple[Any, str]:
    """Read what was typed: an address of any scheme, a path, or the id of a file that the API knows."""
    if not typed or (_SCHEME.match(typed) and not typed.startswith("file:")):
        return typed or UNSET, ""
    try:
        path = path_of(typed)
        size = path.stat().st_size if path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        size = None
    if size is None:
        if _LIKE_A_PATH.search(typed):
            return UNSET, f"There is no file {typed[:80]!r} here, and it is no URL."
        return typed, ""
    if size > LARGEST:
        return UNSET, _too_large(path.name, size, LARGEST)
    return (Path(typed) if typed == str(path) else path), ""


def _too_large(name: str, size: int, most: int) -> str:
    return f"{name} has {size / 1e6:.1f} MB; at most {_megabytes(most)} MB can be sent."


def _megabytes(size: int) -> str:
    """Format a limit, rounded down, so that what is promised is held."""
    return f"{size // 100_000 / 10:g}"


def _described(value: Any) -> tuple[str, Any]:
    """Return what is said of a file, and what a thumbnail can be made of; nothing where there is none."""
    if isinstance(value, Upload):
        return f"{value.caption} · {format_bytes(len(value.data))}", value.data
    if isinstance(value, os.PathLike):
        path = Path(value)
        return path.name, path.expanduser()
    if isinstance(value, bytes):
        return format_bytes(len(value)), value
    if isinstance(value, str):
        if not value.lower().startswith("data:"):
            return "", b""
        try:
            data = decode_data_uri(value)
        except ValueError:
            data = b""
        return f"A data URI · {format_bytes(len(data))}", data
    if isinstance(value, Prediction):
        return f"The output of {value.id}", value.files[0] if value.files else b""
    if hasattr(value, "thumbnail"):
        return f"A picture · {value.width} × {value.height}", value
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return f"A picture · {shape[1]} × {shape[0]}" if len(shape) > 1 else str(value)[:80], b""
