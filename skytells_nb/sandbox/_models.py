"""The models on offer: what ``catalogue.json`` says of them, what an input may be, and what it costs.

Every entry of the data file names the source of its facts. Where the documentation of prices is silent the
rule is ours: the first criterion that matches wins; a missing input takes the schema's default; blocks of
five seconds are rounded up and nothing else is; a token is four characters; failed and cancelled jobs cost
nothing. The wording of what breaks a schema is ours too.

Source: skytells-api.md, sections 5, 8 and 9.1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from . import _errors as errors
from ._inputs import LENGTHS, number
from ._options import is_number

#: Where something is in a JSON value.
Place = tuple[str | int, ...]

SCHEMAS: Final = ("input_schema", "output_schema")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model: what the API tells about it (`public`), and what only the sandbox knows.

    `kind` is what to draw, `seconds` how long a job takes, `plays` how long a medium is whose input does not
    say it, `least_seconds` the shortest length that is billed; `source`, where all that comes from, is never
    shown on the wire.
    """

    slug: str
    public: Mapping[str, Any]
    source: str
    kind: str
    seconds: float
    plays: float = 0
    least_seconds: float = 0

    @property
    def type(self) -> str:
        """``image``, ``video``, ``music``, ``audio`` or ``text``."""
        return str(self.public["type"])

    @property
    def input_schema(self) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = self.public["input_schema"]
        return schema

    @property
    def listed(self) -> bool:
        """Whether its output is a list of links; else it is one string."""
        return bool(self.public["output_schema"]["type"] == "array")

    @property
    def inference_only(self) -> bool:
        """Whether only the inference routes serve it (section 5.3)."""
        return bool(self.public["metadata"]["openai_compatible"])

    def defaults(self) -> dict[str, Any]:
        properties = self.input_schema["properties"]
        return {name: each["default"] for name, each in properties.items() if "default" in each}

    def body(self, wanted: Collection[str]) -> dict[str, Any]:
        """Show the model as the API does, with the schemas that were asked for."""
        return {name: value for name, value in self.public.items() if name not in SCHEMAS or name in wanted}


@lru_cache(maxsize=1)
def standard_catalogue() -> dict[str, CatalogueEntry]:
    """Return the models by slug, in the order of the data file."""
    listed = json.loads(files(__package__).joinpath("catalogue.json").read_text("utf-8"))["models"]
    entries = (
        CatalogueEntry(each["model"]["namespace"], each["model"], each["source"], **each["sandbox"])
        for each in listed
    )
    return {entry.slug: entry for entry in entries}


def find_model(slug: str) -> CatalogueEntry:
    """Return a model of the catalogue, or refuse as the API does; a vendor may stand before the slug."""
    vendor, slash, rest = slug.partition("/")
    entry = standard_catalogue().get(rest if slash else slug)
    if entry is None or (slash and entry.public["vendor"]["slug"] != vendor):
        raise errors.model_not_found(slug)
    return entry


COUNTS: Final = ("num_outputs", "number_of_images")
CHARACTERS_A_TOKEN: Final = 4
SMALLEST_UNIT: Final = Decimal("0.000001")
#: A picture whose size the input leaves open has 1024 by 1024 pixels.
OPEN_SIDE: Final = 1024


def resolve(entry: CatalogueEntry, input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model understands: its schema's fields, by default where the input says nothing."""
    known = entry.input_schema["properties"]
    given = {name: value for name, value in input.items() if name in known and value is not None}
    return {**entry.defaults(), **given}


def count(entry: CatalogueEntry, input: Mapping[str, Any]) -> int:
    """Return how many files the prediction makes."""
    return max(1, int(number(resolve(entry, input), *COUNTS) or 1))


def length(entry: CatalogueEntry, input: Mapping[str, Any]) -> float:
    """Return how many seconds its clip or its sound has."""
    found = number(resolve(entry, input), *LENGTHS)
    return entry.plays if found is None else found


def megapixels(entry: CatalogueEntry, input: Mapping[str, Any]) -> Decimal:
    """Return how many megapixels (of a million pixels) it makes, all pictures together."""
    sides = (number(resolve(entry, input), name) for name in ("width", "height"))
    width, height = (OPEN_SIDE if side is None else side for side in sides)
    return _decimal(width) * _decimal(height) * count(entry, input) / 1_000_000


def price(
    entry: CatalogueEntry, input: Mapping[str, Any], *, computing: float, text: str | None = None
) -> Decimal:
    """Calculate the price of one prediction in the pricing's currency."""
    pricing = entry.public["pricing"]
    if pricing.get("formula"):
        return _formula(entry, input, pricing["formula"]).quantize(SMALLEST_UNIT)
    resolved, amount, unit = resolve(entry, input), pricing["amount"], pricing["unit"]
    for criterion in pricing.get("criterias") or []:
        if resolved.get(criterion["field"]) == criterion["value"]:
            amount, unit = criterion["billable_price"], criterion["unit"]
            break
    return (_decimal(amount) * _quantity(entry, input, unit, computing, text)).quantize(SMALLEST_UNIT)


def token_price(entry: CatalogueEntry, tokens_in: int, tokens_out: int) -> Decimal:
    """Calculate what a text model's tokens cost; written ones at a price of their own where there is one."""
    pricing = entry.public["pricing"]
    rates = {each["value"]: each["billable_price"] for each in pricing.get("criterias") or []}
    usual = pricing["amount"]
    read, written = (_decimal(rates.get(kind, usual)) for kind in ("input", "output"))
    return (read * tokens_in + written * tokens_out) / 1_000_000


def _quantity(
    entry: CatalogueEntry, input: Mapping[str, Any], unit: str, computing: float, text: str | None
) -> Decimal:
    seconds = max(_decimal(length(entry, input)), _decimal(entry.least_seconds))
    match unit:
        case "image" | "video" | "audio":
            return Decimal(count(entry, input))
        case "second" | "video_second" | "audio_second":
            return seconds
        case "5 seconds":
            return Decimal(math.ceil(seconds / 5))
        case "minute":
            return seconds / 60
        case "megapixel" | "image_megapixel":
            return megapixels(entry, input)
        case "gpu" | "computing_second":
            return _decimal(computing)
        case "token" | "million_token":
            tokens = Decimal(count_tokens(str(input.get("prompt", ""))) + count_tokens(text or ""))
            return tokens if unit == "token" else tokens / 1_000_000
        case _:  # prediction
            return Decimal(1)


def _formula(entry: CatalogueEntry, input: Mapping[str, Any], formula: Mapping[str, Any]) -> Decimal:
    """Sum megapixels times rate over the terms; a picture that is read counts as one megapixel (ours)."""
    read = resolve(entry, input).get("input_images")
    amounts = {
        "input_megapixels": Decimal(len(read) if isinstance(read, list) else 0),
        "output_megapixels": megapixels(entry, input),
    }
    rates = formula["variables"]
    terms = (amounts[term["megapixels_key"]] * _decimal(rates[term["rate_key"]]) for term in formula["terms"])
    return sum(terms, Decimal(0))


def count_tokens(text: str) -> int:
    """Count the tokens of a text: four characters are one."""
    return math.ceil(len(text) / CHARACTERS_A_TOKEN)


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


#: Where a file may come from: the API takes links; data URIs are what notebooks send for small files.
FILE_SCHEMES: Final = frozenset({"http", "https", "data"})


_TYPES: Final[dict[str, type]] = {
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def schema_errors(
    schema: Mapping[str, Any], value: Any, root: Mapping[str, Any] | None = None, path: Place = ()
) -> Iterator[tuple[Place, str]]:
    """Yield what breaks a schema, in words, and where it is; nothing where nothing does.

    Keys that the schema does not name are let through, as the API does nothing known about them. `words` of a
    schema say what is wrong where its keywords would say it badly. No jsonschema: where Jupyter has brought
    its formats along, importing that takes seconds, and the first create would wait for them.
    """
    root = schema if root is None else root
    if value is None and schema.get("nullable") is True:
        return
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is_of(kind, value) for kind in kinds):
        yield path, f"{_short(value)} is not of type {' or '.join(kinds)}"
        return
    for keyword, limit in schema.items():
        wrong = _wrong(keyword, limit, value)
        if wrong is not None:
            yield path, schema.get("words", wrong)
    parts = [*schema.get("allOf", ())]
    if "$ref" in schema:
        parts.append(root["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    if "if" in schema:
        parts.append(schema.get("else" if any(schema_errors(schema["if"], value, root)) else "then", {}))
    for part in parts:
        yield from schema_errors(part, value, root, path)
    any_of = schema.get("anyOf", ())
    if any_of and all(any(schema_errors(part, value, root)) for part in any_of):
        yield path, schema.get("words", "is none of the forms that it may have")
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield (*path, name), "this field is required"
        for name, each in schema.get("properties", {}).items():
            if name in value:
                yield from schema_errors(each, value[name], root, (*path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, each in enumerate(value):
            yield from schema_errors(schema["items"], each, root, (*path, index))


def _is_of(kind: str, value: Any) -> bool:
    if kind in _TYPES:
        return isinstance(value, _TYPES[kind])
    return is_number(value) and (kind == "number" or isinstance(value, int) or value.is_integer())


def _wrong(keyword: str, limit: Any, value: Any) -> str | None:
    """Return what is wrong with a value by one keyword; None where it is right, or of another type."""
    match keyword, value:
        case "enum", _ if not any(
            each == value and isinstance(each, bool) is isinstance(value, bool) for each in limit
        ):
            return f"{_short(value)} is not one of {', '.join(map(_short, limit))}"
        case "minimum", _ if is_number(value) and value < limit:
            return f"{_short(value)} is less than the minimum of {limit}"
        case "maximum", _ if is_number(value) and value > limit:
            return f"{_short(value)} is greater than the maximum of {limit}"
        case ("minLength", str()) | ("minItems", list()) if len(value) < limit:
            return f"at least {limit} {_things(value)} are needed"
        case ("maxLength", str()) | ("maxItems", list()) if len(value) > limit:
            return f"{len(value)} {_things(value)} are more than the maximum of {limit}"
        case "format", str() if limit == "uri" and not is_file_uri(value):
            return f"{_short(value)} is not a link (http, https or data)"
    return None


def _things(value: str | list[Any]) -> str:
    return "characters" if isinstance(value, str) else "items"


def spell(path: Place) -> str:
    """Write where something is in a JSON value: ``messages[0].role``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def is_file_uri(text: str) -> bool:
    """Return whether a text can be where a file comes from."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in FILE_SCHEMES and bool(parts.netloc or parts.scheme == "data")


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = "a very long number"
    return text if len(text) <= 80 else f"{text[:77]}…"
