"""What a field of a form is: a plain description, with nothing of any widget in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..schema import UNSET, Number
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

        Returns
        -------
        Field
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
