"""Outputs that are still at their URL: fetched when they are looked at, or said to be gone.

The archive knows how to fetch safely; it is asked by name when something is missing, so that looking at what
is on disk costs nothing of it. A host that does not answer is not asked again for the same cell.
"""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..exceptions import NetworkError, OutputExpiredError, SkytellsError
from .contents import EXPIRED, Blob, Content, Notice, Prose, Remote
from .escaping import clip, one_line

__all__ = ["fetch"]

_OPENING: Final = ("skytells_nb.archive.opening", "load")


def fetch(remote: Remote, silent_hosts: set[str]) -> Content:
    """Fetch one output.

    Parameters
    ----------
    remote : Remote
        What to fetch, and of which prediction it is.
    silent_hosts : set of str
        Hosts that did not answer before; one that does not answer now is added.

    Returns
    -------
    Blob, Prose or Notice
        What was fetched, or why it was not.
    """
    host = _host(remote.address)
    if host in silent_hosts:
        return Notice("Not downloaded", f"{host} does not answer.", remote.address)
    try:
        load: Any = getattr(import_module(_OPENING[0]), _OPENING[1])
    except (ImportError, AttributeError):
        return Notice("Not downloaded", "", remote.address)
    try:
        return _content(load(remote.prediction, remote.index))
    except OutputExpiredError:
        return Notice("No longer there", EXPIRED, remote.address)
    except NetworkError:
        silent_hosts.add(host)
        return Notice("Not downloaded", f"{host} does not answer.", remote.address)
    except SkytellsError as error:
        return Notice("Not downloaded", clip(one_line(error.message), 300), remote.address)
    except Exception as error:  # noqa: BLE001 - whatever a download trips over, the rest of the cell is shown
        told = f"{type(error).__name__}: {one_line(str(error))}"
        return Notice("Not downloaded", clip(told, 300), remote.address)


def _content(loaded: object) -> Content:
    if isinstance(loaded, bytes):
        return Blob(data=loaded)
    if isinstance(loaded, Path):
        return Blob(path=loaded)
    if isinstance(loaded, str):
        return Prose(loaded)
    return Blob(data=png_bytes(loaded))


def png_bytes(image: Any) -> bytes:
    """Give a Pillow image as the bytes of a PNG file, whatever its mode."""
    file = io.BytesIO()
    try:
        image.save(file, "PNG", compress_level=1)
    except OSError:  # CMYK, YCbCr and floats have no PNG
        file = io.BytesIO()
        image.convert("RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "its host"
    except ValueError:
        return "its host"
