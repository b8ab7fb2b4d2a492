"""Plain properties: what a form, a card, an estimate and a check want to know of each input.

`parse` reads an input schema once and gives an `InputSchema`, a mapping of names to properties in the order
in which they are shown. A `Property` is one flat part; its kind, choices, bounds, default and media kind are
computed when they are asked for, so that reading a schema of two hundred inputs costs nothing.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar

from ._flatten import MOST_STEPS, Steps, flatten, listed, type_of, types_of


class Unset(enum.Enum):
    """The one value that means: not set, left out of the request."""

    UNSET = "not set"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET

Number = int | float
MediaKind = Literal["", "image", "audio", "video", "file"]
Condition = tuple[Mapping[str, Any], bool]
"""A part of the schema, and whether an input must fit it or must not, for a property to be asked for."""

_TOTAL_STEPS: Final = 100_000
_DEEPEST: Final = 8
_ORDERS: Final = ("x-fal-order-properties", "propertyOrdering", "ui:order", "x-order")
_LABELS: Final = ("x-enum-labels", "enumNames", "x-enumNames", "x-enum-varnames")
_LINKS: Final = frozenset({"uri", "url", "uri-reference", "iri", "binary", "data-url", "data-uri", "base64"})
_MEDIA_WORDS: Final[Mapping[MediaKind, frozenset[str]]] = {
    "image": frozenset({"image", "images", "mask", "masks", "photo", "picture", "frame", "face"}),
    "audio": frozenset({"audio", "voice", "song", "speech", "sound", "vocals"}),
    "video": frozenset({"video", "videos", "clip"}),
}
_MEDIA_NAMES: Final = _MEDIA_WORDS["image"] | {"audio", "video", "videos"}
_NO_MEDIA: Final = frozenset({"webhook", "callback", "website", "homepage", "notify"})


class EnumChoice(NamedTuple):
    """One of a list: what people read, and the value that is sent, which keeps its type."""

    title: str
    value: Any


@dataclass(frozen=True, slots=True)
class Property:
    """One input of a model, or what lies in one.

    `name` is the key in the request; it can be empty. `schema` is the property with its references and
    alternatives folded in, `root` the whole schema. The request must have what is `required`; `conditions`
    say when it is asked for: where all of one of these hold. `depth` is how many objects and lists it lies
    in. It is `nullable` where null is a value of it, `deprecated` where the schema advises against it, and
    `is_number` where it is nothing else. `examples` are the schema's own.
    """

    name: str
    schema: Mapping[str, Any] = field(repr=False)
    required: bool = False
    root: Mapping[str, Any] = field(default_factory=dict, repr=False)
    depth: int = 0
    conditions: tuple[tuple[Condition, ...], ...] = ()

    __hash__ = None  # type: ignore[assignment]  # holds dicts; typeshed marks list so

    @property
    def types(self) -> frozenset[str]:
        """Its JSON types, without null; empty where the schema does not say."""
        return types_of(self.schema)

    def is_only(self, kind: str) -> bool:
        """Return whether it can be of this type alone."""
        return self.types == {kind}

    @property
    def kind(self) -> str:
        """Its JSON type where there is one, ``any`` where there are several or none is known."""
        found = self.types or {type_of(choice.value) for choice in self.choices}
        return next(iter(found)) if len(found) == 1 else "any"

    @property
    def is_number(self) -> bool:
        return self.types in ({"integer"}, {"number"})

    @property
    def nullable(self) -> bool:
        return self.schema.get("nullable") is True

    @property
    def deprecated(self) -> bool:
        return self.schema.get("deprecated") is True

    @property
    def recursive(self) -> bool:
        """Whether there is no end to it: it holds itself, or is nested deeper than anybody reads."""
        return "x-recursive" in self.schema or self.depth > _DEEPEST

    @property
    def title(self) -> str:
        """Its title; its name as words where it has none of its own."""
        title = " ".join(self.text("title").split())[:80]
        if title and title != self.name:  # some emitters repeat the name
            return title
        return self.name.replace("_", " ").strip().capitalize()[:80]

    @property
    def description(self) -> str:
        """What the schema says of it, on one line."""
        return " ".join(self.text("description").split())

    @property
    def default(self) -> Any:
        """What the API takes where the input is left out; `UNSET` where the schema does not say."""
        return self.schema.get("default", UNSET)

    @property
    def enum(self) -> list[Any]:
        """The values it lists, where it lists any."""
        return listed(self.schema.get("enum"))

    @property
    def closed(self) -> bool:
        """Whether only what it lists is allowed; others list what they suggest."""
        return bool(self.enum) and self.schema.get("x-open") is not True

    @property
    def choices(self) -> tuple[EnumChoice, ...]:
        """The values it lists with their titles, each title once; yes and no for a boolean."""
        values = self.enum or ([True, False] if self.is_only("boolean") else [])
        given = next((self.schema[key] for key in _LABELS if key in self.schema), None)
        if isinstance(given, list) and len(given) == len(values):
            titles = [" ".join(str(title).split())[:80] for title in given]
        else:
            titles = [_title_of(value) for value in values]
            if len(set(titles)) < len(titles):
                titles = [repr(value) for value in values]
        if len(set(titles)) < len(titles):
            titles = [f"{title} ({at})" for at, title in enumerate(titles, 1)]
        return tuple(map(EnumChoice, titles, values))

    @property
    def constant(self) -> Any:
        """The only value it can have; `UNSET` where it has more."""
        if "const" in self.schema:
            return self.schema["const"]
        return self.enum[0] if self.required and self.closed and len(self.enum) == 1 else UNSET

    @property
    def bounds(self) -> tuple[Number | None, Number | None]:
        """The smallest and the largest number allowed; None where it has no such bound."""
        low, high = self.number("minimum"), self.number("maximum")
        above, below = self.number("exclusiveMinimum"), self.number("exclusiveMaximum")
        whole = self.is_only("integer")
        if above is not None:
            above = math.floor(above) + 1 if whole else above
            low = above if low is None else max(low, above)
        if below is not None:
            below = math.ceil(below) - 1 if whole else below
            high = below if high is None else min(high, below)
        return low, high

    @property
    def step(self) -> Number | None:
        """Of what its values are multiples."""
        step = self.number("multipleOf")
        return step if step is not None and step > 0 else None

    @property
    def examples(self) -> list[Any]:
        return listed(self.schema.get("examples"))

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name, in lower case."""
        return tuple(word for word in self.name.lower().replace("-", "_").split("_") if word)

    @property
    def ui(self) -> Mapping[str, Any]:
        """Hints for forms that some emitters write."""
        hints = self.schema.get("ui")
        return hints if isinstance(hints, Mapping) else {}

    @property
    def media(self) -> MediaKind:
        """Which kind of file it takes a link to, by its format, a hint or its name; empty for none."""
        text = self.is_only("string") or (not self.types and self.text("format"))
        if not text or self.enum or _NO_MEDIA & set(self.words):
            return ""
        stated, hint = self.text("contentMediaType"), str(self.ui.get("field") or "")
        encoded = stated or self.text("contentEncoding") or self.text("format").lower() in _LINKS
        last = self.words[-1] if self.words else ""
        named = (last in ("url", "uri", "urls", "uris") and len(self.words) > 1) or last in _MEDIA_NAMES
        if not (encoded or named or hint in ("image", "audio", "video", "file")):
            return ""
        words = {*self.words, *(stated or hint).replace("/", " ").split()}
        return next((kind for kind, names in _MEDIA_WORDS.items() if words & names), "file")

    @property
    def item(self) -> Self | None:
        """What a list holds, as a property of its own; None where that is not one thing."""
        if "array" not in self.types or not isinstance(self.schema.get("items"), Mapping):
            return None
        return self._inner(self.name, self.schema["items"])

    @property
    def positions(self) -> tuple[Self, ...]:
        """What stands at each place of a list whose places differ."""
        parts = listed(self.schema.get("prefixItems"))
        return tuple(self._inner(f"{self.name} {at}", part) for at, part in enumerate(parts, 1))

    @property
    def properties(self) -> tuple[Self, ...]:
        """What an object holds, in the order in which it is shown."""
        return tuple(_in_order(type(self), self.schema, self.root, self.depth + 1, Steps()))

    @property
    def variants(self) -> tuple[Self, ...]:
        """The kinds of value that it may be, where they differ too much for one property."""
        return tuple(self._inner(self.name, part) for part in listed(self.schema.get("anyOf")))

    def _inner(self, name: str, part: object) -> Self:
        return type(self)(name, flatten(part, self.root), False, self.root, self.depth + 1)

    def number(self, key: str) -> Number | None:
        """Return a keyword's value where it is a finite number."""
        value = self.schema.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value if math.isfinite(value) else None

    def text(self, key: str) -> str:
        """Return a keyword's value where it is text."""
        value = self.schema.get(key)
        return value if isinstance(value, str) else ""


class InputSchema(Mapping[str, Property]):
    """The inputs of a model, by name, in the order in which they are shown; made by `parse`."""

    def __init__(self, schema: object) -> None:
        self.root: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
        self.flat: Mapping[str, Any] = flatten(self.root, self.root) if self.root else {}
        steps = Steps(_TOTAL_STEPS)
        self._properties = {p.name: p for p in _in_order(Property, self.flat, self.root, 0, steps)}
        self.stated = isinstance(schema, Mapping)
        self.known = bool(self._properties)  # whether it says anything
        self.closed = self.flat.get("additionalProperties") is False  # to names that it does not list

    def __getitem__(self, name: str) -> Property:
        return self._properties[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)

    @property
    def open(self) -> bool:
        """Whether it says that it takes names that it does not list."""
        return is_open(self.flat)


def is_open(flat: Mapping[str, Any]) -> bool:
    """Return whether an object's schema says that it takes names that it does not list."""
    more = flat.get("additionalProperties")
    return more is True or isinstance(more, Mapping) or "patternProperties" in flat


def parse(schema: object) -> InputSchema:
    """Read an input schema, whatever it looks like; nothing here raises. None and nonsense list no inputs."""
    return InputSchema(schema)


def _title_of(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())[:80] or "(empty)"


_P = TypeVar("_P", bound=Property)


@dataclass(slots=True)
class _Member:
    """What one name is said to be: always, and where a condition holds."""

    always: list[object] = field(default_factory=list)
    sometimes: list[object] = field(default_factory=list)
    conditions: list[tuple[Condition, ...]] = field(default_factory=list)
    required: bool = False


def _in_order(
    cls: type[_P], flat: Mapping[str, Any], root: Mapping[str, Any], depth: int, steps: Steps
) -> list[_P]:
    if depth > _DEEPEST:
        return []
    members: dict[str, _Member] = {}
    _collect(flat, root, members, (), steps, sure=True, depth=0)
    found: list[_P] = []
    for name, member in members.items():
        mine = Steps(min(MOST_STEPS, max(steps.left, 0)))
        before = mine.left
        parts, key = (member.always, "allOf") if member.always else (member.sometimes, "anyOf")
        part = flatten(parts[0] if len(parts) == 1 else {key: parts}, root, mine)
        steps.left -= before - mine.left
        required = member.required or part.get("x-required") is True
        conditions = () if member.always else tuple(member.conditions)
        found.append(cls(name, part, required, root, depth, conditions))
    order: list[Any] = next((flat[key] for key in _ORDERS if isinstance(flat.get(key), list)), [])
    place = {name: at for at, name in enumerate(order) if isinstance(name, str)}

    def rank(p: Property) -> float:
        stated = p.number("x-order")
        stated = p.number("propertyOrder") if stated is None else stated
        return place.get(p.name, math.inf) if stated is None else stated

    return sorted(found, key=rank)


def _collect(
    flat: Mapping[str, Any],
    root: Mapping[str, Any],
    members: dict[str, _Member],
    conditions: tuple[Condition, ...],
    steps: Steps,
    *,
    sure: bool,
    depth: int,
) -> None:
    """Note every input that an object lists: its own, those of its variants, and those behind a condition."""
    properties = flat.get("properties")
    for name, part in properties.items() if isinstance(properties, Mapping) else ():
        member = members.setdefault(str(name), _Member())
        (member.always if sure else member.sometimes).append(part)
        member.conditions.append(conditions)
    if depth > _DEEPEST or not steps.take():
        return

    def below(part: object, *more: Condition, variant: bool = False) -> Mapping[str, Any]:
        inner = flatten(part, root, steps)
        if variant:
            more = (*more, *_told_apart(inner, members))
        _collect(inner, root, members, (*conditions, *more), steps, sure=False, depth=depth + 1)
        return inner

    variants = [below(part, variant=True) for part in listed(flat.get("anyOf"))]
    everywhere = [set(filter(_is_text, listed(each.get("required")))) for each in variants]
    for piece in (flat, *listed(flat.get("allOf"))):
        condition = piece.get("if") if isinstance(piece, Mapping) else None
        if isinstance(condition, Mapping):
            for key, holds in (("then", True), ("else", False)):
                if isinstance(piece.get(key), Mapping):
                    below(piece[key], (condition, holds))
        if piece is not flat:
            below({key: value for key, value in piece.items() if key not in ("if", "then", "else")})
    dependent = flat.get("dependentSchemas")
    for name, part in dependent.items() if isinstance(dependent, Mapping) else ():
        below(part, ({"required": [name]}, True))
    if sure:
        needed = set.intersection(*everywhere) if everywhere else set[str]()
        for name in needed.union(filter(_is_text, listed(flat.get("required")))) & members.keys():
            members[name].required = True


def _told_apart(variant: Mapping[str, Any], members: Mapping[str, _Member]) -> tuple[Condition, ...]:
    """Return when a variant is meant: where inputs that are there anyway have the values that it fixes."""
    own = variant.get("properties")
    fixed = {
        name: part
        for name, part in (own if isinstance(own, Mapping) else {}).items()
        if isinstance(part, Mapping) and part.keys() & {"const", "enum"} and name in members
        if members[name].always
    }
    needed = [name for name in listed(variant.get("required")) if name in fixed]
    return (({"properties": fixed, "required": needed}, True),) if fixed else ()


def _is_text(value: object) -> bool:
    return isinstance(value, str)
