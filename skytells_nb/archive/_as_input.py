"""From what people have (an output, a file, a picture) to what a model takes (a URL, a data URI).

A Prediction, a path, an open file, a picture and bytes are converted wherever they stand. A text is taken for
a path only where the model's schema wants a file, since elsewhere "fox.png" may well be the prompt.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..api import download_bytes, kind_of_address, literal
from ..exceptions import InvalidInputError, OutputExpiredError, warn_user
from ..filetypes import HEAD, file_type, is_path_like, path_of, sniff
from ..formatting import format_bytes
from ..models import Prediction, is_gone
from ..pictures import PictureError, encode, is_array, is_picture, unchanged_file, upright
from ..schema import PROMPT_NAMES, Property, as_lists, parse, to_plain
from ._download import form_of, is_young
from ._load_save import local_file, position_of
from ._serialize import decode_data_uri

LIMIT: Final = 10 * 2**20
"""How many characters a data URI may have. A larger file has to be put on the web and named by URL."""

LARGEST: Final = (LIMIT - 100) // 4 * 3
"""How many bytes a file may have: what is left of a data URI after its beginning, decoded."""

_SENT_BY_NAME: Final = frozenset({"image", "video", "audio", "model"})
"""Kinds of file that a text may name. Others need a Path: a table from elsewhere could name anything."""


def prepare(
    input: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
    *,
    origin: str | None = None,
    lasting: bool = False,
) -> dict[str, Any]:
    """Convert every value of what ``predictions.create`` was given to what a model takes, by its schema.

    A Prediction becomes the URL of its first output while that lives for another minute, else a data URI from
    its archived file, or its text. A Path, an open file, bytes, and a picture (of Pillow, or an array) become
    data URIs whose type is recognised by content; pictures are sent upright. Lists and dicts are converted
    inside, and so is what stands for plain JSON, such as numpy's numbers.

    Where the schema takes an array, one value becomes a list of one and a Prediction the list of its outputs,
    and where it takes a file, a text is a file's path. An output of another API than ``origin`` is sent as
    data, since that API's URLs may be out of its reach. What is to be ``lasting`` has a file's data also
    while its URL lives.
    """
    rules, how = parse(schema), (origin, lasting)
    return {name: to_plain(_converted(value, rules.get(name), *how)) for name, value in input.items()}


def _converted(value: Any, rule: Property | None, origin: str | None, lasting: bool) -> Any:
    rule = _kind_meant(rule, value)
    wants_list = rule is not None and "array" in rule.types and "string" not in rule.types
    value = as_lists(value, rule)
    if is_array(value) and value.ndim == 4 and (wants_list or len(value) == 1):
        value = list(value) if wants_list else value[0]  # pictures as models of one's own give them
    if hasattr(value, "to_prediction"):  # what a text model answered: its words
        value = value.to_prediction()
    if isinstance(value, Prediction):
        amount = len(value.output or ()) if wants_list else 1
        of = rule.item if rule is not None and wants_list else rule
        if of is not None and value.output and bool(of.media) == (form_of(value, 0) == "text"):
            if of.media:
                raise InvalidInputError(
                    f"{of.name or 'This'} takes a file, and prediction {value.id} is text."
                )
            if of.name in PROMPT_NAMES:
                raise InvalidInputError(f"{of.name} takes words, and prediction {value.id} is a file.")
        found = [_from_prediction(value, at, origin, lasting) for at in range(max(1, amount))]
        return found if wants_list else found[0]
    if isinstance(value, Mapping):
        inner = {} if rule is None else {each.name: each for each in rule.properties}
        return {key: _converted(item, inner.get(key), origin, lasting) for key, item in value.items()}
    item_rule = None if rule is None else rule.item
    if isinstance(value, list | tuple):
        return [_converted(item, item_rule, origin, lasting) for item in value]
    if isinstance(value, str):
        uri = _from_text(value, item_rule if wants_list else rule)
    elif is_picture(value) and rule is not None and not rule.media and not (item_rule and item_rule.media):
        uri = None if hasattr(value, "ndim") else _from_picture(value)  # an array that is no picture here
    elif isinstance(value, os.PathLike):
        uri = _from_path(Path(os.fsdecode(value)))
    elif isinstance(value, bytes | bytearray | memoryview):
        uri = _data_uri(_not_text(bytes(value)), "these bytes")
    elif is_picture(value):
        uri = _from_picture(value)
    else:
        is_file = callable(getattr(value, "read", None))
        uri = _data_uri(_not_text(read_open_file(value, LIMIT + 1)), _name_of(value)) if is_file else None
    if uri is None:
        return value
    return [uri] if wants_list else uri


def _kind_meant(rule: Property | None, value: Any) -> Property | None:
    """Return, of an input that may be a file or a list of them, say, what a value is to be."""
    kind = "object" if isinstance(value, Mapping) else "string"
    kind = "array" if isinstance(value, list | tuple) else kind
    fitting = [each for each in (() if rule is None else rule.variants) if kind in each.types]
    return next((each for each in fitting if each.media), fitting[0] if fitting else rule)


def _from_text(text: str, rule: Property | None) -> str | None:
    """Read the file that a text names, where the schema wants one; None where it is a URL or an id."""
    if rule is None or not rule.media or not is_path_like(text):
        return None
    path = path_of(text)
    if not path.is_file():
        raise InvalidInputError(
            f"{rule.name} is {text!r:.200}, and there is no such file here, nor is it a URL. Check the "
            f"name and the folder, {os.getcwd()}."
        )
    with _readable(path), path.open("rb") as file:
        kind = file_type(file.read(HEAD))
    if kind.kind not in _SENT_BY_NAME:
        raise InvalidInputError(
            f"{rule.name} is {text!r:.200}, a file that holds {kind.name} and no picture, clip or song. Pass "
            f"Path({text!r:.200}) to send it all the same."
        )
    return _from_path(path)


def _from_prediction(prediction: Prediction, position: int, origin: str | None, lasting: bool) -> str:
    outputs = prediction.output or []
    if prediction.status != "succeeded" or not is_gone(prediction):
        position_of(prediction, position)
    form = form_of(prediction, position) if position < len(outputs) else None
    if form == "text":
        return outputs[position]
    if form == "data":
        said = outputs[position]
        unnamed = said.lower().startswith("data:application/octet-stream")
        return _data_uri(decode_data_uri(said), f"prediction {prediction.id}") if unnamed else said
    elsewhere = origin is not None and prediction.origin is not None and origin != prediction.origin
    if form == "url" and is_young(prediction) and not elsewhere:
        # A sandbox's own pictures only a sandbox can reach.
        hosts = [urlsplit(text).hostname or "" for text in (outputs[position], prediction.origin or "")]
        is_public = all(kind_of_address(address) is None for address in literal(hosts[0]))
        if (is_public or hosts[0] == hosts[1]) and not (lasting and local_file(prediction, position)):
            return outputs[position]
    path = local_file(prediction, position)
    if path is not None:
        return _from_path(path)
    if form == "url" and is_young(prediction, margin=0.0):
        return _data_uri(download_bytes(outputs[position], prediction.origin), f"prediction {prediction.id}")
    raise OutputExpiredError(
        f"Prediction {prediction.id} cannot be an input: the API has deleted its output, and no archive here "
        "has a copy. Create it again, with an archive.",
        prediction=prediction,
        charged=False,
    )


def _from_picture(picture: Any) -> str:
    """Encode a picture; one that its file still holds is that file, so that both are one input."""
    own = unchanged_file(picture)
    if own is not None and own.stat().st_size <= LARGEST:
        return _from_path(own)
    try:
        data = encode(picture, "PNG")
        if len(data) > LARGEST and getattr(picture, "mode", "") in ("RGB", "CMYK", "YCbCr"):
            photo = encode(picture, "JPEG")
            if len(photo) <= LARGEST:
                was = format_bytes(len(data))
                warn_user(f"This picture is sent as JPEG: without loss it has {was}, which is too large.")
                data = photo
        return _data_uri(data, "this picture")
    except PictureError as error:
        raise InvalidInputError(f"This picture cannot be sent: {error}") from error


def _name_of(file: Any) -> str:
    return str(getattr(file, "name", "") or f"this {type(file).__name__}")


def read_open_file(file: Any, most: int = -1) -> bytes:
    """Read an open file whole, and leave it where it was: the same input may be sent again.

    InvalidInputError for one that is closed, or open as text.
    """
    name = _name_of(file)
    try:
        seekable = getattr(file, "seekable", None)
        at = file.tell() if seekable is not None and seekable() else None
        if at is not None:
            file.seek(0)
        data = file.read(most)
        if at is not None:
            file.seek(at)
    except UnicodeDecodeError:
        data = ""  # read as text, and none
    except Exception as error:
        raise InvalidInputError(
            f"{name} cannot be read: {str(error).rstrip('.')}. Open it again, or pass its path."
        ) from error
    if not isinstance(data, bytes | bytearray):
        raise InvalidInputError(
            f'{name} is open as text. Open it with open(…, "rb"), or pass its path; pass a prompt as a str.'
        )
    return bytes(data)


def _not_text(data: bytes) -> bytes:
    """Return the bytes of a picture, a clip or a song; a prompt in bytes would be billed as a file."""
    if (sniff(data[:HEAD]) or "").startswith("text/"):
        raise InvalidInputError(
            f"{data[:40]!r} is text in bytes, and would be sent as a file. Pass text as a str, such as "
            "data.decode(), or a text file by its path."
        )
    return data


def _from_path(path: Path) -> str:
    place = path.expanduser()
    with _readable(path), place.open("rb") as file:
        data = file.read(LIMIT + 1)  # a device has no size, and no end
        if len(data) > LIMIT:
            raise _too_large(str(path), max(len(data), place.stat().st_size) * 4 // 3)
    return _data_uri(data, str(path))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be an input: {error.strerror or error}. Pass the path of a file."
        ) from error


def _data_uri(data: bytes, name: str) -> str:
    if not data:
        raise InvalidInputError(f"{name} is empty, and would be billed as an input all the same.")
    media_type = sniff(data[:HEAD]) or "application/octet-stream"
    if media_type.startswith("image/"):
        data = upright(data) or data
    head = f"data:{media_type};base64,"
    length = len(head) + (len(data) + 2) // 3 * 4
    if length > LIMIT:
        raise _too_large(name, length)
    return head + base64.b64encode(data).decode("ascii")


def _too_large(name: str, length: int) -> InvalidInputError:
    return InvalidInputError(
        f"{name} is too large to be sent as an input: {format_bytes(length)} encoded, and at most "
        f"{format_bytes(LIMIT)} are. Make it smaller, save it as JPEG or WebP, or pass a URL."
    )
