"""From a model's input schema to the fields of a form, by one table that fits on a screen.

A `Field` is a plain description, with nothing of any widget in it.
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
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from ..exceptions import InvalidInputError
from ..schema import COUNT_NAMES, LENGTH_NAMES, PROMPT_NAMES, TIMES, UNSET, Number, input_hint, is_same, parse
from ..schema import Property as SchemaProperty

FieldKind = (
    Literal["prose", "text", "secret", "suggestions", "lines", "colour", "media", "json"]
    | Literal["choice", "choices", "slider", "number", "seed", "checkbox"]
    | Literal["group", "rows", "pairs", "places", "variants", "fixed", "custom", "whole"]
)
"""``fixed`` is sent and not shown; ``whole`` is all of the input, as JSON."""

Place = Literal["prompt", "media", "main", "advanced", "hidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a model, as a form shows it.

    Attributes
    ----------
    name : str
        The key in the request.
    kind : str
        Which control it gets, one of `FieldKind`.
    label, help, placeholder : str
        Words for people.
    required, nullable, deprecated : bool
        As the schema says.
    default : value
        The schema's own; `UNSET` where it has none that it would itself accept.
    choices : tuple of (str, value)
        Labels and values, which keep their types.
    low, high, step : number or None
        Bounds, and the distance between two stops of a slider.
    integer : bool
        Whether only whole numbers will do.
    place : str
        Where it stands: prompt, media, main, advanced, or hidden.
    accept : str
        For media: the kind of file, such as ``image/*``.
    fields : tuple of Field
        Of a group: what is in it. Of places: what stands at each. Of variants: what it may be.
    item : Field or None
        Of rows and pairs: what one of them is.
    source : Property or None
        What it was made of.
    widget : callable, optional
        Makes a widget with a ``value`` for a field of kind ``custom``.
    """

    name: str
    kind: FieldKind
    label: str = ""
    help: str = ""
    placeholder: str = ""
    required: bool = False
    nullable: bool = False
    deprecated: bool = False
    default: Any = UNSET
    choices: tuple[tuple[str, Any], ...] = ()
    low: Number | None = None
    high: Number | None = None
    step: Number | None = None
    integer: bool = False
    place: Place = "advanced"
    accept: str = ""
    fields: tuple[Field, ...] = ()
    item: Field | None = None
    source: Property | None = field(default=None, repr=False)
    widget: Callable[[], Any] | None = field(default=None, repr=False)

    __hash__ = None  # type: ignore[assignment]  # holds dicts; typeshed marks list so

    def moved(self, place: Place) -> Field:
        """Return the same field in another place."""
        return replace(self, place=place)

    @property
    def implied(self) -> Any:
        """Value that is sent where nobody sets it: of what the API needs, what the schema itself says."""
        if not self.required:
            return UNSET
        if self.default is not UNSET:
            return self.default
        stated = UNSET if self.source is None else self.source.default
        if stated is not UNSET and stated is not None:
            return stated  # the schema refuses its own default, but the model has to take it
        if self.kind == "group":
            return {field.name: field.implied for field in self.fields if field.implied is not UNSET}
        return None if self.nullable else UNSET


class Property(SchemaProperty):
    """One property of a schema, as the rules look at it; `Rule` tells how it becomes a field."""

    __slots__ = ()

    @classmethod
    def of(cls, other: SchemaProperty) -> Property:
        """Make one of what `schema` read."""
        return cls(other.name, other.schema, other.required, other.root, other.depth, other.conditions)

    def field(self, kind: FieldKind, **more: Any) -> Field:
        """Make a field of it: with its title, description and default, and whether it is required.

        Parameters
        ----------
        kind : str
            Which control it gets, one of `FieldKind`.
        **more : object
            Further attributes of `Field`, or others in the place of those that the schema gives.
        """
        stated: dict[str, Any] = {
            "label": self.title,
            "help": self.description,
            "required": self.required,
            "nullable": self.nullable,
            "deprecated": self.deprecated,
            "default": self.default,
            "source": self,
        }
        return Field(name=self.name, kind=kind, **{**stated, **more})


class Rule(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    name : str
        What it is for.
    fits : callable
        Decides whether this rule is for a `Property`.
    build : callable
        Makes the `Field` of it, best with ``property.field(kind, …)``.
    """

    name: str
    fits: Callable[[Property], bool]
    build: Callable[[Property], Field]


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("fixed",       lambda p: p.constant is not UNSET, lambda p: p.field("fixed", default=p.constant)),
    Rule("recursive",   lambda p: p.recursive or p.depth > _DEEPEST,     lambda p: p.field("json")),
    Rule("secret",      lambda p: is_secret(p),                          lambda p: p.field("secret")),
    Rule("media",       lambda p: bool(p.media),                         lambda p: _media(p)),
    Rule("choices",     lambda p: _holds(p, lambda item: item.closed),   lambda p: _choices(p)),
    Rule("lines",       lambda p: _holds(p, is_text),                    lambda p: p.field("lines")),
    Rule("rows",        lambda p: _holds(p, is_known),                   lambda p: _rows(p)),
    Rule("places",      lambda p: len(p.positions) > 1,                  lambda p: _places(p)),
    Rule("group",       lambda p: p.is_only("object") and bool(p.properties), lambda p: _group(p)),
    Rule("pairs",       lambda p: p.is_only("object") and bool(_any_value(p)), lambda p: _pairs(p)),
    Rule("choice",      lambda p: is_choice(p),            lambda p: p.field("choice", choices=p.choices)),
    Rule("checkbox",    lambda p: p.is_only("boolean"),                  lambda p: p.field("checkbox")),
    Rule("seed",        lambda p: is_seed(p),                            lambda p: _number(p, "seed")),
    Rule("slider",      lambda p: p.is_number and slider_step(p) is not None, lambda p: _number(p, "slider")),
    Rule("number",      lambda p: p.is_number,                           lambda p: _number(p, "number")),
    Rule("colour",      lambda p: p.text("format") == "color",           lambda p: p.field("colour")),
    Rule("prose",       lambda p: is_prose(p),                           lambda p: p.field("prose")),
    Rule("suggestions", lambda p: is_text(p) and len(p.enum or p.examples) > 1, lambda p: _suggestions(p)),
    Rule("text",        lambda p: is_text(p),                            lambda p: p.field("text")),
    Rule("variants",    lambda p: len(alternatives(p)) > 1,              lambda p: _variants(p)),
    Rule("json",        lambda _: True,                                  lambda p: p.field("json")),
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
_LONG_NAMES: Final = frozenset(
    {*PROMPT_NAMES, "negative_prompt", "system", "system_prompt", "description", "content"}
)
_SECRETS: Final = frozenset({("password",), ("secret",), ("token",), ("passphrase",)})
_FEW: Final = 6
_PLACES: Final[tuple[Place, ...]] = ("prompt", "media", "main", "advanced", "hidden")
_DEEPEST: Final = 8
_MOST_INSIDE: Final = 150  # of one input; an object that holds itself ten times has a hundred million
_left: ContextVar[list[int]] = ContextVar("skytells_nb_fields")
_EXACT_STOPS: Final = 200
_WIDEST_SLIDER: Final = 5_000
_WHOLE: Final = Field(name="", kind="whole", label="Input", place="prompt", placeholder='{"prompt": "…"}')


@dataclass(frozen=True, slots=True)
class SchemaFields:
    """The fields of a schema, in the order in which they are shown, and what is missing or odd about it."""

    fields: tuple[Field, ...]
    note: str = ""


def fields_from_schema(
    schema: object, *, rules: Iterable[Rule] = (), important: Iterable[str] = ()
) -> SchemaFields:
    """Read an input schema as fields, whatever it looks like; nothing here raises.

    None and nonsense give one JSON field for the whole input. `rules` come before those of `RULES`, and
    `important` names belong at the top, such as those that the price depends on.
    """
    read = parse(schema)
    if not read.known:
        what = "lists no inputs" if read.stated else "does not describe its inputs"
        return SchemaFields((_WHOLE,), f"This model {what}. Write them as JSON, if it takes any.")
    table = (*rules, *RULES)
    found = []
    for each in read.values():
        _left.set([_MOST_INSIDE])
        found.append(field_for(Property.of(each), table))
    return SchemaFields(_arranged(found, frozenset(important)))


def select_fields(fields: Sequence[Field], names: Sequence[str] | None) -> list[Field]:
    """Return the fields of these names in this order, and the others hidden; all of them for None.

    InvalidInputError where there is no input of such a name.
    """
    if names is None:
        return list(fields)
    wanted = [names] if isinstance(names, str) else list(names)
    known = {field.name: field for field in fields}
    for name in wanted:
        if name not in known:
            hint = input_hint(name, known) or f"It has {', '.join(known)}."
            raise InvalidInputError(f"This model has no input {name!r}. {hint}")
    shown = [known[name].moved("main") if known[name].place == "advanced" else known[name] for name in wanted]
    return [*shown, *(field.moved("hidden") for field in fields if field.name not in wanted)]


def field_for(p: Property, table: Sequence[Rule] = RULES) -> Field:
    """Make the field of a property by the first rule that fits; one that fails is passed over."""
    left = _left.get([_MOST_INSIDE])
    left[0] -= 1
    for rule in table if left[0] >= 0 else table[-1:]:
        try:
            if rule.fits(p):
                return _finished(rule.build(p), p)
        except Exception:  # noqa: BLE001, S112 - a rule of the user's; the table below it goes on
            continue
    return _finished(p.field("json"), p)


def _finished(field: Field, p: Property) -> Field:
    """Fill in what every field has: a default that fits, a placeholder, its place."""
    default, remark = allowed_default(p) if field.default is p.default else (field.default, "")
    longest = p.number("maxLength")
    limit = f"Up to {longest:,} characters." if longest and field.kind == "prose" else ""
    return replace(
        field,
        default=default,
        help=" ".join(part for part in (field.help, limit, remark) if part),
        placeholder=field.placeholder
        or (str(p.examples[0])[:200] if p.examples else TIMES.get(p.text("format"), "")),
        place=_place(field, p),
    )


def _place(field: Field, p: Property) -> Place:
    if field.kind == "fixed" or p.ui.get("hidden") is True:
        return "hidden"
    if field.deprecated:
        return "advanced"
    if is_prompt(p) and field.kind in ("prose", "text"):
        return "prompt"
    if field.kind == "media" or (field.item is not None and field.item.kind == "media"):
        return "media"
    important = p.required or p.ui.get("important") is True or p.name.lower() in _IMPORTANT
    return "main" if important else "advanced"


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


# --- how a property is known ---------------------------------------------------------------------------


def is_secret(p: Property) -> bool:
    """Whether it is a credential: said so, or named so."""
    if not p.is_only("string"):
        return False
    marked = p.schema.get("x-cog-secret") is True or p.text("format") == "password"
    return marked or p.words[-1:] in _SECRETS or p.words[-2:] == ("api", "key")


def is_prompt(p: Property) -> bool:
    """Whether it is what a person has to say to the model."""
    return bool(p.types <= {"string"} and not p.enum and p.name.lower() in PROMPT_NAMES and not p.media)


def is_prose(p: Property) -> bool:
    """Whether a text wants several lines; a box of one line would lose the line breaks of its default."""
    if not p.is_only("string") and not (not p.types and is_prompt(p)):
        return False
    longest = p.number("maxLength")
    long = p.name.lower() in _LONG_NAMES or (longest is not None and longest >= 200)
    return long or is_prompt(p) or "\n" in p.text("default")


def is_text(p: Property) -> bool:
    return p.is_only("string") and not p.media


def is_known(p: Property) -> bool:
    return bool(p.types or p.enum or p.variants)


def is_seed(p: Property) -> bool:
    return p.is_only("integer") and not p.enum and p.words[-1:] == ("seed",)


def is_choice(p: Property) -> bool:
    """Whether it is one of a list: of an enum, or yes and no where neither is the default."""
    return p.closed or (p.is_only("boolean") and not isinstance(p.default, bool))


def slider_step(p: Property) -> Number | None:
    """Choose the distance between two stops of a slider; None where a slider would be a bad control.

    Up to two hundred stops are exact. Beyond, the slider is coarse, and what lies between is typed.
    """
    low, high = p.bounds
    if low is None or high is None or not low < high:
        return None
    span, least = high - low, p.step
    if least is not None and least <= span:
        return least if span / least <= _EXACT_STOPS else None
    if p.is_only("integer"):
        whole = [1, *(2, 4, 8, 16, 32), *(2, 5, 10, 20, 25, 50, 100)]
        exact = (n for n in whole if span % n == 0 and span / n <= _EXACT_STOPS)
        return next(exact, None) if span <= _WIDEST_SLIDER else None
    power = 10.0 ** (math.floor(math.log10(span)) - 2)
    return next((round(power * n, 12) for n in (1, 5, 10, 50) if span / (power * n) <= _EXACT_STOPS), None)


def alternatives(p: Property) -> tuple[Property, ...]:
    """Return what it may be instead of one thing: its variants, or its types where it has several."""
    if p.variants:
        return tuple(each for each in p.variants if each.types != {"null"})
    if len(p.types) < 2:
        return ()
    parts = ({**p.schema, "type": kind} for kind in sorted(p.types, key=_TYPES.index))
    return tuple(Property(p.name, part, False, p.root, p.depth + 1) for part in parts)


_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object", "null")


def allowed_default(p: Property) -> tuple[Any, str]:
    """Return the schema's default where the schema itself allows it, else `UNSET` and a remark."""
    default = p.default
    if default is UNSET or default is None:
        return UNSET, ""
    low, high = p.bounds
    wrong = p.closed and not any(is_same(default, value) for value in p.enum)
    if p.is_number:
        wrong = wrong or isinstance(default, bool) or not isinstance(default, int | float)
        wrong = wrong or (low is not None and default < low) or (high is not None and default > high)
        wrong = wrong or (p.is_only("integer") and float(default) != int(default))
    for kind, type_ in (("string", str), ("array", list), ("object", dict)):
        wrong = wrong or (p.is_only(kind) and not isinstance(default, type_))
    if wrong:
        return UNSET, f"Default {' '.join(str(default).split())[:80]} is not an allowed value; not sent."
    return (int(default) if p.is_only("integer") else default), ""


def _holds(p: Property, fits: Callable[[Property], bool]) -> bool:
    item = p.item if p.is_only("array") else None
    return item is not None and fits(item)


# --- the field that is made of it ----------------------------------------------------------------------


def _media(p: Property) -> Field:
    return p.field("media", accept="" if p.media == "file" else f"{p.media}/*")


def _choices(p: Property) -> Field:
    return p.field("choices", choices=() if p.item is None else tuple(p.item.choices))


def _suggestions(p: Property) -> Field:
    return p.field("suggestions", choices=tuple((str(value), value) for value in p.enum or p.examples))


def _number(p: Property, kind: Literal["slider", "number", "seed"]) -> Field:
    low, high = p.bounds
    return p.field(
        kind,
        low=low,
        high=high,
        step=slider_step(p) if kind == "slider" else p.step,
        integer=p.is_only("integer"),
        placeholder="random" if kind == "seed" else range_text(low, high),
    )


def _group(p: Property) -> Field:
    fields = [field_for(each) for each in p.properties]
    shown = [
        each.moved("main") if each.place != "hidden" and not each.deprecated else each for each in fields
    ]
    return p.field("group", fields=tuple(shown))


def _rows(p: Property) -> Field:
    item = field_for(p.item) if p.item is not None else p.field("json")
    name = item.label if p.item is not None and p.item.text("title") else ""
    return p.field("rows", item=replace(item, label=name or p.title, required=True))


def _any_value(p: Property) -> Mapping[str, Any]:
    """Return the schema of what stands under any name in an object."""
    part = p.schema.get("additionalProperties")
    return part if isinstance(part, Mapping) else {}


def _pairs(p: Property) -> Field:
    item = field_for(Property.of(parse({**p.root, "properties": {"value": _any_value(p)}})["value"]))
    return p.field("pairs", item=replace(item, name=p.name, required=True))


def _places(p: Property) -> Field:
    return p.field("places", fields=tuple(field_for(each) for each in p.positions))


def _variants(p: Property) -> Field:
    fields = tuple(field_for(each) for each in alternatives(p))
    if len({field.kind for field in fields}) == 1 and fields[0].kind == "json":
        return p.field("json")
    return p.field("variants", fields=fields)


def range_text(low: Number | None, high: Number | None) -> str:
    """Format a range in a few words; empty where it is open at both ends."""
    least, most = (
        "" if edge is None else f"{edge:,}" if isinstance(edge, int) else f"{edge:,.10g}"
        for edge in (low, high)
    )
    if least and most:
        return f"{least} to {most}"
    return f"at least {least}" if least else f"at most {most}" if most else ""
