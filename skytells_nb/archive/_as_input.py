"""From what people have (an output, a file, a picture) to what a model takes (a URL, a data URI).

Only a Prediction, a ``pathlib.Path``, a PIL image and bytes are converted. A string always stays as it
is: whether it is a prompt or a path cannot be told.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..exceptions import InvalidInputError, OutputExpiredError
from ..filetypes import sniff
from ..models import Prediction
from ..wire.addresses import kind_of_address, literal
from ._load_save import local_file
from ._outputs import form_of, is_young

__all__ = ["LIMIT", "as_input", "prepare"]

LIMIT: Final = 10 * 2**20
"""How many characters a data URI may have. A larger file has to be put on the web and named by URL."""


def as_input(
    value: Any, schema_property: Mapping[str, Any] | None = None, *, origin: str | None = None
) -> Any:
    """Turn one value into what a model's input takes.

    Parameters
    ----------
    value : object
        A Prediction becomes the URL of its first output while that lives for another minute, else a data
        URI from its archived file, or its text. A Path, a PIL image and bytes become data URIs whose type
        is told from content. Lists and dicts are converted inside. Anything else is given back.
    schema_property : mapping, optional
        The parameter's JSON schema; where it takes an array, one value becomes a list of one, and a
        Prediction the list of its outputs.
    origin : str, optional
        The base URL of the API it goes to. An output of another API is sent as data, since that API's
        URLs may be out of its reach.

    Raises
    ------
    InvalidInputError
        No such file, text in bytes, or more than `LIMIT` characters once encoded. Nothing was sent.
    OutputExpiredError
        The output is gone, and no archive has it. Nothing was sent.

    Examples
    --------
    >>> as_input(b"GIF89a")
    'data:image/gif;base64,R0lGODlh'
    """
    wants_list = (schema_property or {}).get("type") == "array"
    if isinstance(value, Prediction):
        amount = len(value.output or ()) if wants_list else 1
        found = [_from_prediction(value, position, origin) for position in range(max(1, amount))]
        return found if wants_list else found[0]
    if isinstance(value, Mapping):
        return {key: as_input(item, origin=origin) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_input(item, origin=origin) for item in value]
    converted = _from_bytes_or_file(value)
    if converted is None:
        return value
    return [converted] if wants_list else converted


def prepare(
    input: Mapping[str, Any], schema: Mapping[str, Any] | None = None, *, origin: str | None = None
) -> dict[str, Any]:
    """Convert every value of an input; see `as_input`. What needs no conversion stays as it is.

    Parameters
    ----------
    input : mapping
        What ``predictions.create`` was given.
    schema : mapping, optional
        The model's input schema.
    origin : str, optional
        The base URL of the API it goes to.

    Examples
    --------
    >>> prepare({"prompt": "the same fox, older", "strength": 0.4})
    {'prompt': 'the same fox, older', 'strength': 0.4}
    """
    known = (schema or {}).get("properties")
    rules: Mapping[str, Any] = known if isinstance(known, Mapping) else {}

    def rule(name: str) -> Mapping[str, Any] | None:
        found = rules.get(name)
        return found if isinstance(found, Mapping) else None

    return {name: as_input(value, rule(name), origin=origin) for name, value in input.items()}


def _from_prediction(prediction: Prediction, position: int, origin: str | None) -> str:
    outputs = prediction.output or []
    form = form_of(prediction, position) if position < len(outputs) else None
    if form in ("text", "data"):
        return outputs[position]
    elsewhere = origin is not None and prediction.origin is not None and origin != prediction.origin
    if form == "url" and is_young(prediction) and not elsewhere and _public(outputs[position], prediction):
        return outputs[position]
    path = local_file(prediction, position)
    if path is not None:
        return _from_file(path)
    if form == "url" and is_young(prediction, margin=0.0):
        from ..client.fetch import download

        return _data_uri(download(outputs[position], prediction.origin), f"prediction {prediction.id}")
    raise OutputExpiredError(
        f"Prediction {prediction.id} cannot be an input: the API has deleted its output, and no archive here "
        "has a copy. Nothing was sent. Create it again, with an archive.",
        prediction=prediction,
        charged=False,
    )


def _public(url: str, prediction: Prediction) -> bool:
    """Whether an API can reach this URL: a sandbox's own pictures only a sandbox can."""
    hosts = [urlsplit(text).hostname or "" for text in (url, prediction.origin or "")]
    at = [address for address in literal(hosts[0]) if kind_of_address(address) is not None]
    return not at or hosts[0] == hosts[1]


def _from_bytes_or_file(value: Any) -> str | None:
    if isinstance(value, Path):
        return _from_file(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _data_uri(_not_text(bytes(value)), "these bytes")
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(value, pillow.Image):
        return _data_uri(_encoded(value), "this picture")
    return None


def _not_text(data: bytes) -> bytes:
    """Give the bytes of a picture, a clip or a song; a prompt in bytes would be billed as a file."""
    if (sniff(data[:4096]) or "").startswith("text/"):
        raise InvalidInputError(
            f"{data[:40]!r} is text in bytes, and would be sent as a file. Nothing was sent. Pass text as a "
            "str, such as data.decode(), or a text file by its path.",
            charged=False,
        )
    return data


def _from_file(path: Path) -> str:
    place = path.expanduser()
    try:
        size = place.stat().st_size
        if size > LIMIT:
            raise _too_large(str(path), size * 4 // 3)
        data = place.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be an input: {error.strerror or error}. Nothing was sent. Pass the path of "
            "a file.",
            charged=False,
        ) from error
    return _data_uri(data, str(path))


def _encoded(picture: Any) -> bytes:
    file = io.BytesIO()
    if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        picture = picture.convert("RGB")
    picture.save(file, "PNG")
    return file.getvalue()


def _data_uri(data: bytes, name: str) -> str:
    media_type = sniff(data[:4096]) or "application/octet-stream"
    head = f"data:{media_type};base64,"
    length = len(head) + (len(data) + 2) // 3 * 4
    if length > LIMIT:
        raise _too_large(name, length)
    return head + base64.b64encode(data).decode("ascii")


def _too_large(name: str, length: int) -> InvalidInputError:
    return InvalidInputError(
        f"{name} is too large to be sent as an input: {length / 2**20:.1f} MiB encoded, and at most "
        f"{LIMIT // 2**20} MiB are. Nothing was sent. Make it smaller, save it as JPEG or WebP, or pass "
        "a URL.",
        charged=False,
    )
