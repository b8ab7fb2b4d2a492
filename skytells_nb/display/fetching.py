"""Outputs that are not at hand: from an archive, from a data URI, or from their URL while it lives.

Each is looked for when it is looked at, and what is not found is said in words. A host that does not answer
is not asked again for the same cell: a listing of last week's predictions does not wait for each of them.
"""

from __future__ import annotations

import io
from collections.abc import MutableSet
from typing import Any
from urllib.parse import urlsplit

from ..archive import decode_data_uri, form_of, is_gone
from ..exceptions import NetworkError, OutputExpiredError, SkytellsError
from .contents import EXPIRED, Blob, Content, Notice, Remote
from .escaping import clip, one_line
from .wording import path_told

__all__ = ["fetch", "png_bytes"]


def fetch(remote: Remote, silent_hosts: MutableSet[str]) -> Content:
    """Find one output, wherever it is.

    Parameters
    ----------
    remote : Remote
        What to find, and of which prediction it is.
    silent_hosts : set of str
        Hosts that did not answer before; one that does not answer now is added.

    Returns
    -------
    Blob or Notice
        What was found, or why it was not.
    """
    try:
        return _found(remote, silent_hosts)
    except OutputExpiredError:
        return Notice("No longer there", EXPIRED)
    except SkytellsError as error:
        return Notice("Not downloaded", clip(one_line(error.message), 300), remote.address)
    except Exception as error:  # noqa: BLE001 - whatever this trips over, the rest of the cell is shown
        told = f"{type(error).__name__}: {one_line(str(error))}"
        return Notice("Not downloaded", clip(told, 300), remote.address)


def _found(remote: Remote, silent_hosts: MutableSet[str]) -> Content:
    from ..archive import local_file

    prediction, index = remote.prediction, remote.index
    path = local_file(prediction, index) if prediction.id != remote.address else None
    if path is not None:
        return Blob(path=path)
    form = form_of(prediction, index) if index < len(prediction.output or ()) else None
    if form is not None and not remote.address:
        return Notice("No output", "The API lists an output here and nothing in it.")
    if form == "data":
        return from_data_uri(remote.address)
    if form is None:
        kept = prediction.files[index] if index < len(prediction.files) else None
        where = "" if kept is None else f"It was kept at {one_line(path_told(kept))}, and is no longer there."
        return Notice("File not found", where)
    if is_gone(prediction):
        return Notice("No longer there", EXPIRED)
    return _downloaded(remote, silent_hosts)


def _downloaded(remote: Remote, silent_hosts: MutableSet[str]) -> Content:
    host = urlsplit(remote.address).hostname or "its host"
    if host in silent_hosts:
        return Notice("Not downloaded", f"{host} does not answer.", remote.address)
    from ..client.fetch import download

    try:
        return Blob(data=download(remote.address, remote.prediction.origin))
    except NetworkError:
        silent_hosts.add(host)
        raise


def from_data_uri(address: str) -> Content:
    """Decode a ``data:`` URI; what does not decode is said in words."""
    try:
        return Blob(data=decode_data_uri(address))
    except ValueError:
        return Notice("Damaged output", "Its data URI cannot be decoded.")


def png_bytes(image: Any) -> bytes:
    """Give a Pillow image as the bytes of a PNG file, whatever its mode."""
    file = io.BytesIO()
    try:
        image.save(file, "PNG", compress_level=1)
    except OSError:  # CMYK, YCbCr and floats have no PNG
        file = io.BytesIO()
        image.convert("RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()
