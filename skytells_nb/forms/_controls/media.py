"""Controls for files: a URL, a path, or an upload, with a thumbnail of what it is."""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Final

import ipywidgets as w

from ...archive import LIMIT
from ...filetypes import sniff
from ...models import Prediction
from .._fields import UNSET, Field, Value
from .._masked import Upload
from .._views import Layouts
from .base import Control, UnsupportedValue

__all__ = ["Media", "MediaList", "largest_upload"]

_IN_COLAB: Final = 1_000_000
_LARGEST: Final = (LIMIT - 100) // 4 * 3  # what is left of a data URI after its beginning, decoded
_SIDE: Final = 96
_DRAWN: Final = 30_000_000


def largest_upload() -> int:
    """Give how many bytes an upload may have: what the request bears, or what Colab lets through."""
    return _IN_COLAB if "google.colab" in sys.modules else _LARGEST


class Media(Control):
    """One file."""

    def build(self) -> None:
        self._given: Any = UNSET  # what has no text: an upload, a prediction, a picture
        kind = self.field.accept.removesuffix("/*") or "file"
        self.remark = f"A URL, a path, or an upload of up to {_megabytes(largest_upload())} MB."
        self.box = w.Text(
            **self.accessible_traits(
                placeholder=self.field.placeholder or f"https://… or path/to/{kind}",
                continuous_update=False,
                layout=self.layouts.growing,
            )
        )
        self.upload = w.FileUpload(
            accept=self.field.accept,
            multiple=False,
            description="Upload",  # which ipywidgets shows with a count, and the style sheet without
            layout=self.layouts.button,
            _dom_classes=("sky-upload",),
        )
        self.preview = self.layouts.html()
        self.box.observe(self._typed, "value")
        self.upload.observe(self._uploaded, "value")
        row = w.HBox([self.box, self.upload], layout=self.layouts.wide, _dom_classes=("sky-row",))
        self.widget = w.VBox([row, self.preview], layout=self.layouts.wide)

    def _typed(self, change: Any) -> None:
        if change["new"]:
            self._given = UNSET
        self._preview()
        self._changed()

    def _uploaded(self, change: Any) -> None:
        if not change["new"]:
            return
        file = change["new"][0]
        data, name = bytes(file["content"]), Path(str(file["name"])).name or "upload"
        self.upload.value = ()  # else the saved widget state would hold the file
        if len(data) > (most := largest_upload()):
            self.problem = (
                f"{name} has {len(data) / 1e6:.1f} MB; at most {_megabytes(most)} MB can be sent. "
                "Make it smaller, or give a URL."
            )
            self._changed()
            return
        mime = sniff(data[:4096]) or str(file.get("type") or "") or "application/octet-stream"
        self._show(Upload.of(data, mime, name))
        self._changed()

    def get(self) -> Value:
        if self._given is not UNSET:
            return self._given
        typed = self.box.value.strip()
        if not typed:
            return UNSET
        self.problem = ""
        if typed.lower().startswith(("http://", "https://", "data:")):
            return typed
        path = Path(typed).expanduser()
        try:
            size = path.stat().st_size if path.is_file() else None
        except (OSError, ValueError):
            size = None
        if size is None:
            self.problem = f"There is no file {typed[:80]!r} here, and it is no URL."
            return UNSET
        if size > _LARGEST:
            self.problem = (
                f"{path.name} has {size / 1e6:.1f} MB; at most {_megabytes(_LARGEST)} MB can be sent."
            )
            return UNSET
        return Path(typed)

    def set(self, value: Any) -> None:
        self.problem = ""
        if isinstance(value, Upload):
            self._show(value)
        elif isinstance(value, str | os.PathLike):
            text = os.fspath(value)
            if len(text) > 3_000:
                self._show(text)
                return
            self._given = UNSET
            self.box.value = str(text)
            self._preview()
        elif isinstance(value, bytes | Prediction) or hasattr(value, "mode"):
            self._show(value)
        else:
            raise UnsupportedValue

    def clear(self) -> None:
        self.problem = ""
        self._given = UNSET
        self.box.value = ""
        self._preview()

    def _show(self, given: Any) -> None:
        self.problem = ""
        self.box.value = ""
        self._given = given
        self._preview()

    def _preview(self) -> None:
        given = self.get()
        if given is UNSET:
            self.preview.value = ""
            return
        name, data = _seen(given)
        picture = _thumbnail(data) if data else ""
        if isinstance(given, str) and given.lower().startswith("http") and self.field.accept == "image/*":
            picture = given
        drawn = f'<img src="{escape(picture)}" alt="{escape(self.field.label)}">' if picture else ""
        words = f'<span class="sky-muted">{escape(name)}</span>' if name else ""
        self.preview.value = f'<div class="sky-file">{drawn}{words}</div>' if drawn or words else ""


class MediaList(Control):
    """A list of files: one row each, with a button for one more."""

    def __init__(self, field: Field, layouts: Layouts, changed: Callable[[], None]) -> None:
        self._rows: list[tuple[Media, Any]] = []
        super().__init__(field, layouts, changed)

    def build(self) -> None:
        self.remark = f"URLs, paths, or uploads of up to {_megabytes(largest_upload())} MB each."
        more = w.Button(
            description="Add", icon="plus", layout=self.layouts.button, _dom_classes=("sky-quiet", "sky-add")
        )
        more.on_click(lambda _: self._add())
        self._more = more
        self.widget = w.VBox([more], layout=self.layouts.wide)

    def _add(self) -> Media:
        media = Media(replace(self.field, kind="media", default=UNSET), self.layouts, self._changed)
        less = w.Button(
            icon="minus", tooltip="Remove this one", layout=self.layouts.button, _dom_classes=("sky-quiet",)
        )
        row = w.HBox([media.widget, less], layout=self.layouts.wide, _dom_classes=("sky-row",))
        entry = (media, row)
        less.on_click(lambda _: self._remove(entry))
        self._rows.append(entry)
        self._arrange()
        return media

    def _remove(self, entry: tuple[Media, Any]) -> None:
        if entry in self._rows:
            self._rows.remove(entry)
            self._arrange()
            self._changed()

    def _arrange(self) -> None:
        self.widget.children = (*(row for _, row in self._rows), self._more)

    def get(self) -> Value:
        found = [media.get() for media, _ in self._rows]
        self.problem = next((media.problem for media, _ in self._rows if media.problem), "")
        set_ones = [value for value in found if value is not UNSET]
        return set_ones or ([] if self.field.required else UNSET)

    def set(self, value: Any) -> None:
        given = value if isinstance(value, list | tuple) else [value]
        self.clear()
        for item in given:
            self._add().set(item)

    def clear(self) -> None:
        self._rows.clear()
        self._arrange()


def _megabytes(size: int) -> str:
    """Write a limit in megabytes, rounded down, so that what is promised is held."""
    return f"{size // 100_000 / 10:g}"


def _seen(given: Any) -> tuple[str, bytes]:
    """Give what is said of a file, and its bytes where a thumbnail can be made of them."""
    if isinstance(given, Upload):
        return f"{given.name} · {_size(given.data)}", given.data
    if isinstance(given, Path):
        return given.name, _content(given.expanduser())
    if isinstance(given, bytes):
        return _size(given), given
    if isinstance(given, str):
        if not given.lower().startswith("data:"):
            return "", b""
        data = _decoded(given)
        return f"A data URI · {_size(data)}", data
    if isinstance(given, Prediction):
        return f"The output of {given.id}", _content(given.files[0]) if given.files else b""
    if hasattr(given, "thumbnail"):
        return f"A picture · {given.width} × {given.height}", _as_png(given)
    return str(given)[:80], b""


def _size(data: bytes) -> str:
    return f"{max(len(data) / 1000, 1):,.0f} kB"


def _decoded(uri: str) -> bytes:
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except ValueError:
        return b""


def _as_png(picture: Any) -> bytes:
    """Encode a small copy of a picture that is in memory; the picture itself is sent whole."""
    small = picture.convert("RGBA")
    small.thumbnail((_SIDE * 2, _SIDE * 2))
    file = io.BytesIO()
    small.save(file, "PNG")
    return file.getvalue()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size < _DRAWN else b""
    except OSError:
        return b""


def _thumbnail(data: bytes) -> str:
    from ...display import data_uri, make_thumbnail
    from ...pictures import PictureError

    try:
        small = make_thumbnail(data, _SIDE, limit=12_000)
    except PictureError:
        return ""
    return data_uri(small.data, small.mime)
