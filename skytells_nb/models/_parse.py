"""How each field is parsed, whichever of the documented shapes it came in.

One small total function a field: it takes what JSON held and returns a value or None, never an error.
``Prediction.from_api`` is built from them. Section numbers are those of the API reference, skytells-api.md.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ..filetypes import FILE_TYPES, sniff
from ._status import status_from_wire

_ADDRESS: Final = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}://|data:)\S+", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# Nothing before its question mark may be one, or a long text takes seconds.
_SPACED_ADDRESS: Final = re.compile(r"https?://[^\s/?]+/[^\t\r\n?]*\.[a-z0-9]{2,5}(?:\?\S*)?", re.IGNORECASE)
# Addresses beside an output that lead to something else.
_NO_OUTPUTS: Final = frozenset(
    {"thumbnail", "thumbnail_url", "preview_url", "webhook", "webhook_url", "status_url", "response_url"}
    | {"cancel_url", "urls", "$schema", "input", "prompt"}
)
# Where other APIs put what a prediction made, in place of ``output``.
_OUTPUT_FIELDS: Final = (
    *("outputs", "results", "result", "output_text", "text", "output_url", "output_urls", "images", "image"),
    *("image_url", "videos", "video", "video_url", "audios", "audio", "audio_url", "files", "media"),
    *("assets", "artifacts", "urls", "data"),
)
_WORD_FIELDS: Final = _OUTPUT_FIELDS[:5]
# Where the field's models put their words, the most telling first.
_TEXT_KEYS: Final = (
    *("text", "output_text", "generated_text", "transcription", "transcript", "translation", "caption"),
    *("captions", "summary", "answer", "content", "completion", "response", "result", "output", "texts"),
    *("outputs", "lyrics", "markdown", "description"),
)
_PLAUSIBLE_DIGITS: Final = 30  # beyond that it is no money, and writing it out would fill the memory


def parse_text(value: object) -> str | None:
    """Return a string as it is, anything else as None."""
    return value if isinstance(value, str) else None


def parse_texts(value: object) -> tuple[str, ...] | None:
    """Return a list of strings as a tuple; None when it is anything else."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def parse_content(value: object) -> str:
    """Return a message's text: a string, or the texts of its parts (some routers send a list)."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return parse_text(value.get("text")) or ""
    return "".join(map(parse_content, value)) if isinstance(value, list) else ""


def parse_prompt(asked: Mapping[str, Any]) -> str | None:
    """Return what a text model was asked: its prompt, or what the user said last."""
    said = asked.get("prompt", asked.get("messages", asked.get("input")))
    if isinstance(said, list):
        if said and all(isinstance(each, str) for each in said):
            return "\n".join(said)  # texts to embed
        turns = [each for each in said if isinstance(each, Mapping) and each.get("role") == "user"]
        return parse_content(turns[-1].get("content")) or None if turns else None
    return parse_text(said)


def parse_mapping(value: object) -> dict[str, Any] | None:
    """Return a JSON object as it is, anything else as None."""
    return value if isinstance(value, dict) else None


def parse_number(value: object) -> float | None:
    """Parse a finite JSON number; a boolean is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def parse_count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse_amount(value: object) -> Decimal | None:
    """Parse money: a JSON number or a numeric string, exactly as written; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        read = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return read if read.is_finite() and abs(read.adjusted()) <= _PLAUSIBLE_DIGITS else None


def parse_time(value: object) -> datetime | None:
    """Parse either documented timestamp style as an aware UTC datetime (section 13, row 35)."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_outputs(value: object) -> list[str] | None:
    """Parse an output, in whatever shape a model gives it, into a flat list of texts: URLs, data URIs, words.

    A list may hold lists. Of an object the files count (``{"url": …}``, or any other value that is a URL,
    at any depth), else its text; an object with neither, and numbers, are their JSON. A picture, clip or song
    in base64 is a data URI, and the pieces in which a language model wrote its answer are one text.
    ``Prediction.raw`` keeps what came.

    Examples
    --------
    >>> parse_outputs({"images": [{"url": "https://cdn.example/a.png", "width": 40}], "seed": 3})
    ['https://cdn.example/a.png']
    >>> parse_outputs({"text": "Good morning.", "segments": [{"start": 0, "text": "Good morning."}]})
    ['Good morning.']
    >>> parse_outputs(["A", " fo", "x", " sleeps", "."])
    ['A fox sleeps.']
    """
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(only, str):
        return [_unpacked(only) or only]
    try:
        read = list(_items(value))
        if _is_in_pieces(read):
            return ["".join(read)]
        if read or value == []:
            return read
        return [json.dumps(value, ensure_ascii=False)] if _has_data(value) else None
    except (RecursionError, TypeError, ValueError):
        return None


def find_outputs(raw: Mapping[str, Any]) -> list[str] | None:
    """Return what a prediction that succeeded and has no ``output`` made: files it names elsewhere, or words.

    A word alone, such as ``"result": "ok"``, is no output, nor are links to the prediction or files that are
    said to be gone.
    """
    places = {name: raw[name] for name in _OUTPUT_FIELDS if isinstance(raw.get(name), str | list | Mapping)}
    if isinstance(places.get("urls"), Mapping):  # its links (section 6)
        del places["urls"]
    metadata = raw.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("data_available") is not False:
        places["storage"] = metadata.get("storage")
    try:
        for place in places.values():
            if files := list(dict.fromkeys(_files(place))):
                return files
        for name in _WORD_FIELDS:
            found = places.get(name)
            words = list(_items(found))
            if words and not (name == "result" and isinstance(found, str) and len(found.split()) == 1):
                return words
    except RecursionError:
        pass
    return None


def _is_in_pieces(texts: list[str]) -> bool:
    """Whether texts are short, and space between words was left at their edges: no answers of their own."""
    if len(texts) < 3 or sum(map(len, texts)) > 20 * len(texts):
        return False
    return any(text != text.strip() for text in texts) and not any(map(is_address, texts))


def is_address(value: str) -> bool:
    """Whether a text is a URL or a data URI, and nothing else."""
    return _ADDRESS.fullmatch(value) is not None


def _items(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield _unpacked(value) or value
    elif isinstance(value, list):
        for item in value:
            yield from _items(item)
    elif isinstance(value, Mapping):
        # An object may name one file twice, as ``image`` and in ``images``; a list that does means it.
        files = list(dict.fromkeys(_files(value)))
        yield from files or _words(value)


def _files(value: object) -> Iterator[str]:
    if isinstance(value, str):
        found = value if is_address(value) else _unpacked(value)
        if found:
            yield found
    elif isinstance(value, list):
        for item in value:
            yield from _files(item)
    elif isinstance(value, Mapping):
        found = next((parse_text(value[key]) for key in ("url", "uri") if parse_text(value.get(key))), None)
        packed = next(
            (parse_text(value[key]) for key in ("b64_json", "base64") if parse_text(value.get(key))), None
        )
        if found:
            yield _unpacked(found) or (found.replace(" ", "%20") if "://" in found else found)
        elif packed:
            packed = packed.rpartition(",")[2]
            media_type = parse_text(value.get("content_type")) or "application/octet-stream"
            yield _unpacked(packed) or f"data:{media_type};base64,{packed}"
        else:
            for key, item in value.items():
                if key not in _NO_OUTPUTS or (key == "urls" and isinstance(item, list)):
                    yield from _files(item)


def _unpacked(text: str) -> str | None:
    """Return the base64 of a picture, a clip or a song as a data URI, and an address without its spaces.

    None for any other text. Base64 may be broken into lines, as in mail. Spaces within an address, such as
    that of ``my fox.png``, are written as a browser does.
    """
    bare = text.strip()
    if bare != text and is_address(bare):
        return bare
    if " " in bare and _SPACED_ADDRESS.fullmatch(bare):
        return bare.replace(" ", "%20")
    head = bare[:64]
    if len(head) < 64 or not _BASE64.fullmatch(head):
        return None
    media_type = sniff(base64.b64decode(head))
    kind = FILE_TYPES[media_type].kind if media_type else "other"
    whole = "".join(bare.split()) if kind in ("image", "video", "audio", "model") else ""
    return f"data:{media_type};base64,{whole}" if whole and _BASE64.fullmatch(whole) else None


def _words(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, Mapping):
        for key in _TEXT_KEYS:
            found = value.get(key)
            if isinstance(found, str) and found:
                yield found
                return
            if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
                yield from found
                return
        for item in value.values():
            yield from _words(item)


def _has_data(value: object) -> bool:
    return any(map(_has_data, value)) if isinstance(value, list) else value not in (None, {}, "")


def parse_error(raw: Mapping[str, Any]) -> str | None:
    """Return why a prediction failed, in any of the four places it is put (section 13, row 10)."""
    error = raw.get("error")
    if isinstance(error, str) and error:
        return error
    if status_from_wire(raw.get("status")) not in ("failed", "canceled"):
        return None
    if isinstance(error, Mapping) and isinstance(error.get("message"), str):
        return str(error["message"])
    for key in ("error_message", "response"):
        found = raw.get(key)
        if isinstance(found, str) and found:
            return found
    return None


def parse_model_name(value: object) -> str | None:
    """Parse a model given as a slug or as an object (section 13, row 8)."""
    if isinstance(value, Mapping):
        for key in ("namespace", "slug", "id", "name"):
            if isinstance(value.get(key), str):
                return str(value[key])
        return None
    return parse_text(value)


def parse_model_type(raw: Mapping[str, Any]) -> str | None:
    """Return the kind of model (image, video, …) that made a prediction, where it is said."""
    model = raw.get("model")
    found = parse_text(model.get("type")) if isinstance(model, Mapping) else None
    return found or parse_text(raw.get("model_type"))


def parse_billing(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the API says about billing, under ``metadata`` or ``metrics`` (section 6)."""
    found: dict[str, Any] = {}
    for place in ("metrics", "metadata"):
        outer = raw.get(place)
        inner = outer.get("billing") if isinstance(outer, Mapping) else None
        if isinstance(inner, Mapping):
            found.update(inner)
        elif isinstance(outer, Mapping) and "credits_used" in outer:
            found.setdefault("credits_used", outer["credits_used"])
    return found


def parse_webhook(value: object) -> dict[str, Any] | None:
    """Parse a registered webhook as ``{"url", "events"}``; None when none is set (section 7)."""
    if isinstance(value, str):
        return {"url": value, "events": []}
    if isinstance(value, Mapping) and isinstance(value.get("url"), str):
        return {"url": value["url"], "events": list(parse_texts(value.get("events")) or ())}
    return None
