"""From a model's input schema to the fields of a form, by one table that fits on a screen.

Each line of `RULES` says how a property is known and which field is made of it; the first that fits wins.
A rule of one's own is put in front:

    from skytells_nb.forms import PromptForm, Rule

    mood = Rule("mood", lambda p: p.name == "mood",
                lambda p: p.field("suggestions", choices=(("calm", "calm"), ("wild", "wild"))))
    PromptForm("beatfusion-1.0", rules=[mood])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from ..exceptions import InvalidInputError
from ..schema import COUNT_NAMES, LENGTH_NAMES, UNSET, did_you_mean, parse
from ..schema import Property as SchemaProperty
from . import kinds
from ._fields import Field, Place, Property

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
    Rule("fixed",       lambda p: p.constant is not UNSET,                    lambda p: _fixed(p)),
    Rule("recursive",   lambda p: p.recursive or p.depth > 1,                 lambda p: p.field("json")),
    Rule("secret",      kinds.is_secret,                                      lambda p: p.field("secret")),
    Rule("media",       lambda p: bool(p.media),                              lambda p: _media(p, "media")),
    Rule("medias",      lambda p: _lists(p, lambda i: bool(i.media)),         lambda p: _media(p, "medias")),
    Rule("choices",     lambda p: _lists(p, lambda i: bool(i.enum)),          lambda p: _choices(p)),
    Rule("lines",       lambda p: _lists(p, lambda i: i.is_only("string")),   lambda p: p.field("lines")),
    Rule("group",       lambda p: p.is_only("object") and bool(p.properties), lambda p: _group(p)),
    Rule("choice",      kinds.is_closed,                                      lambda p: _choice(p)),
    Rule("checkbox",    lambda p: p.is_only("boolean"),                       lambda p: p.field("checkbox")),
    Rule("seed",        kinds.is_seed,                                        lambda p: _number(p, "seed")),
    Rule("slider",      kinds.is_slider,                                      lambda p: _number(p, "slider")),
    Rule("number",      lambda p: p.is_number,                                lambda p: _number(p, "number")),
    Rule("colour",      kinds.is_colour,                                      lambda p: p.field("colour")),
    Rule("prose",       kinds.is_long,                                        lambda p: p.field("prose")),
    Rule("suggestions", lambda p: p.is_only("string") and len(p.examples) > 1, lambda p: _suggestions(p)),
    Rule("text",        lambda p: p.is_only("string"),                        lambda p: p.field("text")),
    Rule("json",        lambda _: True,                                       lambda p: p.field("json")),
)
# fmt: on
"""The whole mapping, in order of precedence. What nothing else knows becomes a JSON text area."""

_IMPORTANT: Final = frozenset(
    (
        *("aspect_ratio", "width", "height", "size", "resolution", "style", "quality", "voice", "seed"),
        *COUNT_NAMES,
        *LENGTH_NAMES,
        *("generate_audio", "max_tokens", "temperature"),
    )
)
_FEW: Final = 6
_PLACES: Final[tuple[Place, ...]] = ("prompt", "media", "main", "advanced", "hidden")


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
    known = parse(schema)
    if not known.stated:
        return SchemaFields((_WHOLE,), "This model says nothing about its inputs. Write them as JSON.")
    if not known:
        return SchemaFields((_WHOLE,), "This model lists no inputs. Write them as JSON, if it takes any.")
    table = (*rules, *RULES)
    found = [field_for(_for_rules(each), table) for each in known.values()]
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
            hint = did_you_mean(name, known) or f"It has {', '.join(known)}."
            raise InvalidInputError(f"This model has no input {name!r}. {hint}", charged=False)
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


def _for_rules(p: SchemaProperty) -> Property:
    return Property(p.name, p.schema, p.required, p.root, p.depth, p.conditions)


def _finished(field: Field, p: Property) -> Field:
    """Fill in what every field has: a default that fits, a placeholder, its place."""
    default, remark = kinds.fitting_default(p)
    examples = p.examples
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


def _lists(p: Property, fits: Callable[[Property], bool]) -> bool:
    item = p.item
    return item is not None and p.is_only("array") and fits(item)


def _fixed(p: Property) -> Field:
    return p.field("fixed", default=p.constant)


def _media(p: Property, kind: str) -> Field:
    found = p.media or (p.item.media if p.item is not None else "")
    return p.field(kind, accept="" if found in ("", "file") else f"{found}/*")


def _choices(p: Property) -> Field:
    return p.field("choices", choices=() if p.item is None else p.item.choices)


def _choice(p: Property) -> Field:
    return p.field("choice", choices=p.choices)


def _number(p: Property, kind: str) -> Field:
    low, high = p.bounds
    step = kinds.stops(p) if kind == "slider" else p.step
    return p.field(
        kind,
        low=low,
        high=high,
        step=step,
        integer=p.is_only("integer"),
        placeholder="random" if kind == "seed" else kinds.range_told(low, high),
    )


def _group(p: Property) -> Field:
    fields = [field_for(each) for each in p.properties]
    shown = [
        each.moved("main") if each.place != "hidden" and not each.deprecated else each for each in fields
    ]
    return p.field("group", fields=tuple(shown))


def _suggestions(p: Property) -> Field:
    return p.field("suggestions", choices=tuple((str(value), value) for value in p.examples))
