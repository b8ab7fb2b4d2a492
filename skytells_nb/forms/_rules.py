"""From a model's input schema to the fields of a form, by one table that fits on a screen.

Each line of `RULES` says how a property is known and which field is made of it; the first that fits wins.
A rule of one's own is put in front:

    from skytells_nb.forms import PromptForm, Rule

    mood = Rule("mood", lambda p: p.name == "mood",
                lambda p: p.field("suggestions", choices=(("calm", "calm"), ("wild", "wild"))))
    PromptForm("beatfusion-1.0", rules=[mood])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from ..exceptions import InvalidInputError
from ..validation.folding import fold
from . import kinds
from ._fields import UNSET, Field, Place, Property

__all__ = ["RULES", "Rule", "SchemaFields", "field_for", "fields_from_schema", "select_fields"]


class Rule(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    name : str
        What it is for.
    fits : callable
        Tells of a `Property` whether this rule is for it.
    build : callable
        Makes the `Field` of it, best with ``property.field(kind, …)``.
    """

    name: str
    fits: Callable[[Property], bool]
    build: Callable[[Property], Field]


@dataclass(frozen=True, slots=True)
class SchemaFields:
    """What was read of a schema.

    Attributes
    ----------
    fields : tuple of Field
        In the order in which they are shown.
    note : str
        What a person should know of a schema that is missing or odd.
    """

    fields: tuple[Field, ...]
    note: str = ""


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("fixed",       lambda p: _is_fixed(p),                              lambda p: _fixed(p)),
    Rule("recursive",   lambda p: "x-recursive" in p.schema or p.depth > 1,  lambda p: p.field("json")),
    Rule("secret",      kinds.is_secret,                                     lambda p: p.field("secret")),
    Rule("media",       kinds.is_media,                                      lambda p: _media(p, "media")),
    Rule("medias",      lambda p: _lists(p, kinds.is_media),                 lambda p: _media(p, "medias")),
    Rule("choices",     lambda p: _lists(p, lambda item: bool(item.enum)),   lambda p: _choices(p)),
    Rule("lines",       lambda p: _lists(p, lambda item: item.is_only("string")), lambda p: p.field("lines")),
    Rule("group",       lambda p: p.is_only("object") and _has_properties(p), lambda p: _group(p)),
    Rule("choice",      kinds.is_closed,                                     lambda p: _choice(p)),
    Rule("checkbox",    lambda p: p.is_only("boolean"),                      lambda p: p.field("checkbox")),
    Rule("seed",        kinds.is_seed,                                       lambda p: _number(p, "seed")),
    Rule("slider",      kinds.is_slider,                                     lambda p: _number(p, "slider")),
    Rule("number",      kinds.is_numeric,                                    lambda p: _number(p, "number")),
    Rule("colour",      kinds.is_colour,                                     lambda p: p.field("colour")),
    Rule("prose",       kinds.is_long,                                       lambda p: p.field("prose")),
    Rule("suggestions", lambda p: p.is_only("string") and len(_examples(p)) > 1, lambda p: _suggestions(p)),
    Rule("text",        lambda p: p.is_only("string"),                       lambda p: p.field("text")),
    Rule("json",        lambda _: True,                                      lambda p: p.field("json")),
)
# fmt: on
"""The whole mapping, in order of precedence. What nothing else knows becomes a JSON text area."""

_IMPORTANT: Final = frozenset(
    (
        *("aspect_ratio", "width", "height", "size", "resolution", "style", "quality", "voice", "seed"),
        *("num_outputs", "number_of_images", "n", "duration", "duration_seconds", "seconds"),
        *("generate_audio", "max_tokens", "temperature"),
    )
)
_FEW: Final = 6
_PLACES: Final[tuple[Place, ...]] = ("prompt", "media", "main", "advanced", "hidden")
_ORDERS: Final = ("x-fal-order-properties", "propertyOrdering", "ui:order", "x-order")


def fields_from_schema(
    schema: object, *, rules: Iterable[Rule] = (), important: Iterable[str] = ()
) -> SchemaFields:
    """Read an input schema as fields, whatever it looks like; nothing here raises.

    Parameters
    ----------
    schema : object
        The model's ``input_schema``; None and nonsense give one JSON field for the whole input.
    rules : iterable of Rule
        Rules that come before those of `RULES`.
    important : iterable of str
        Names that belong at the top, such as those that the price depends on.

    Returns
    -------
    SchemaFields

    Examples
    --------
    >>> from skytells_nb.forms import fields_from_schema
    >>> schema = {"required": ["prompt"], "properties": {
    ...     "steps": {"type": "integer", "minimum": 1, "maximum": 50},
    ...     "prompt": {"type": "string"}}}
    >>> [(field.name, field.kind, field.default) for field in fields_from_schema(schema).fields]
    [('prompt', 'prose', UNSET), ('steps', 'slider', UNSET)]
    """
    if not isinstance(schema, Mapping):
        return SchemaFields((_WHOLE,), "This model says nothing about its inputs. Write them as JSON.")
    root = fold(schema, schema)
    if not _properties(root):
        return SchemaFields((_WHOLE,), "This model lists no inputs. Write them as JSON, if it takes any.")
    table = (*rules, *RULES)
    found = [field_for(each, table) for each in _in_order(root, schema)]
    return SchemaFields(_arranged(found, frozenset(important)))


def select_fields(fields: Sequence[Field], names: Sequence[str] | None) -> list[Field]:
    """Give the fields of these names in this order, and the others hidden; all of them for None.

    Raises
    ------
    InvalidInputError
        There is no input of such a name.
    """
    if names is None:
        return list(fields)
    wanted = [names] if isinstance(names, str) else list(names)
    known = {field.name: field for field in fields}
    for name in wanted:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidInputError(
                f"This model has no input {name!r}.{hint} It has {', '.join(known)}. Nothing was sent.",
                charged=False,
            )
    shown = [known[name].moved("main") if known[name].place == "advanced" else known[name] for name in wanted]
    rest = [field.moved("hidden") for field in fields if field.name not in wanted]
    return [*shown, *rest]


def field_for(p: Property, rules: Sequence[Rule] = RULES) -> Field:
    """Make the field of one property by the first rule that fits; a rule that fails is passed over."""
    for rule in rules:
        try:
            if rule.fits(p):
                return _finished(rule.build(p), p)
        except Exception:  # noqa: BLE001, S112 - odd schemas are what this is for, and JSON fits them all
            continue
    return p.field("json", default=UNSET)


_WHOLE: Final = Field(name="", kind="json", label="Input", place="prompt", placeholder='{"prompt": "…"}')


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _in_order(folded: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> list[Property]:
    needed = folded.get("required")
    required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
    found = [
        Property(str(name), fold(part, root), name in required, root, depth)
        for name, part in _properties(folded).items()
    ]
    listed: list[Any] = next((folded[key] for key in _ORDERS if isinstance(folded.get(key), list)), [])
    place = {name: at for at, name in enumerate(listed) if isinstance(name, str)}

    def rank(p: Property) -> float:
        stated = p.number("x-order")
        stated = p.number("propertyOrder") if stated is None else stated
        return place.get(p.name, math.inf) if stated is None else stated

    return sorted(found, key=rank)


def _finished(field: Field, p: Property) -> Field:
    """Fill in what every field has: a default that fits, a placeholder, its place."""
    default, remark = kinds.fitting_default(p)
    examples = _examples(p)
    longest = p.number("maxLength")
    told = [field.help, f"Up to {longest:,} characters." if longest and field.kind == "prose" else "", remark]
    return replace(
        field,
        default=default if field.default is not UNSET and field.kind != "fixed" else field.default,
        help=" ".join(word for word in told if word),
        placeholder=field.placeholder or (str(examples[0])[:200] if examples else ""),
        place=_place(field, p),
    )


def _place(field: Field, p: Property) -> Place:
    if field.kind == "fixed" or p.ui.get("hidden") is True:
        return "hidden"
    if field.deprecated:
        return "advanced"
    if kinds.is_promptlike(p) and field.kind in ("prose", "text"):
        return "prompt"
    if field.kind in ("media", "medias"):
        return "media"
    chosen = p.required or p.ui.get("important") is True or p.name.lower() in _IMPORTANT
    return "main" if chosen else "advanced"


def _arranged(fields: Sequence[Field], important: frozenset[str]) -> tuple[Field, ...]:
    """Put the prompt first, then media, then what matters; a handful of fields needs no *Advanced*."""
    few = sum(field.place != "hidden" for field in fields) <= _FEW
    found = [
        field.moved("main")
        if field.place == "advanced" and not field.deprecated and (few or field.name in important)
        else field
        for field in fields
    ]
    if not any(field.place == "prompt" for field in found):
        at = next((i for i, field in enumerate(found) if field.kind == "prose" and field.required), None)
        if at is not None:
            found[at] = found[at].moved("prompt")
    return tuple(sorted(found, key=lambda field: (_PLACES.index(field.place), not field.required)))


def _has_properties(p: Property) -> bool:
    return bool(_properties(p.schema))


def _is_fixed(p: Property) -> bool:
    return "const" in p.schema or (len(p.enum) == 1 and p.required and p.schema.get("x-open") is not True)


def _fixed(p: Property) -> Field:
    return p.field("fixed", default=p.schema["const"] if "const" in p.schema else p.enum[0])


def _lists(p: Property, fits: Callable[[Property], bool]) -> bool:
    return p.is_only("array") and isinstance(p.schema.get("items"), Mapping) and fits(kinds.items(p))


def _media(p: Property, kind: str) -> Field:
    return p.field(kind, accept=kinds.accept(p))


def _choices(p: Property) -> Field:
    return p.field("choices", choices=kinds.choices(kinds.items(p)))


def _choice(p: Property) -> Field:
    return p.field("choice", choices=kinds.choices(p))


def _number(p: Property, kind: str) -> Field:
    low, high = kinds.bounds(p)
    step = kinds.stops(p) if kind == "slider" else p.number("multipleOf")
    return p.field(
        kind,
        low=low,
        high=high,
        step=step,
        integer=p.is_only("integer"),
        placeholder="random" if kind == "seed" else kinds.range_told(low, high),
    )


def _group(p: Property) -> Field:
    inside = _in_order(p.schema, p.root, p.depth + 1)
    fields = [field_for(each) for each in inside]
    shown = [
        each.moved("main") if each.place != "hidden" and not each.deprecated else each for each in fields
    ]
    return p.field("group", fields=tuple(shown))


def _examples(p: Property) -> list[Any]:
    listed = p.schema.get("examples")
    return listed if isinstance(listed, list) else []


def _suggestions(p: Property) -> Field:
    return p.field("suggestions", choices=tuple((str(value), value) for value in _examples(p)))
