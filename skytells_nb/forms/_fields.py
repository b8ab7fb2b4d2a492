"""What a field of a form is: a plain description, with nothing of any widget in it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ..validation.folding import types_of

__all__ = ["UNSET", "Field", "Place", "Property", "Unset", "Value"]


class Unset(enum.Enum):
    """The one value that means: not set, left out of the request."""

    UNSET = "not set"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET

Value = Any
"""A JSON value, or `UNSET`."""

Place = Literal["prompt", "media", "main", "advanced", "hidden"]

Number = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a model, as a form shows it.

    Attributes
    ----------
    name : str
        The key in the request; empty for a field that is the whole request.
    kind : str
        Which control it gets: ``prose``, ``text``, ``secret``, ``media``, ``medias``, ``choice``,
        ``choices``, ``suggestions``, ``slider``, ``number``, ``seed``, ``checkbox``, ``colour``, ``lines``,
        ``group``, ``json``, ``fixed`` or ``custom``.
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
        Of a group: what is in it.
    schema : mapping
        The property, folded.
    widget : callable, optional
        Makes a widget with a ``value`` for a field of kind ``custom``.
    """

    name: str
    kind: str
    label: str = ""
    help: str = ""
    placeholder: str = ""
    required: bool = False
    nullable: bool = False
    deprecated: bool = False
    default: Value = UNSET
    choices: tuple[tuple[str, Any], ...] = ()
    low: Number | None = None
    high: Number | None = None
    step: Number | None = None
    integer: bool = False
    place: Place = "advanced"
    accept: str = ""
    fields: tuple[Field, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False)
    widget: Callable[[], Any] | None = field(default=None, repr=False)

    __hash__ = None  # type: ignore[assignment]

    def moved(self, place: Place) -> Field:
        """Give the same field in another place."""
        return replace(self, place=place)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a schema, folded, as the rules look at it.

    Attributes
    ----------
    name : str
        Its name.
    schema : mapping
        It, without references and alternatives where these could be folded.
    required : bool
        Whether the request must have it.
    root : mapping
        The whole schema.
    depth : int
        How many objects it lies in.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool = False
    root: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0

    __hash__ = None  # type: ignore[assignment]

    @property
    def types(self) -> frozenset[str]:
        """Its JSON types, without null."""
        return types_of(self.schema)

    def is_only(self, kind: str) -> bool:
        """Whether it can be of this type alone."""
        return self.types == {kind}

    @property
    def enum(self) -> list[Any]:
        """The values it lists, where it lists any."""
        listed = self.schema.get("enum")
        return listed if isinstance(listed, list) else []

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name, in lower case."""
        return tuple(word for word in self.name.lower().replace("-", "_").split("_") if word)

    @property
    def ui(self) -> Mapping[str, Any]:
        """Hints for forms that some emitters write."""
        hints = self.schema.get("ui")
        return hints if isinstance(hints, Mapping) else {}

    def number(self, key: str) -> Number | None:
        """Give a keyword's value where it is a finite number."""
        value = self.schema.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return None
        return value if abs(value) != float("inf") else None

    def text(self, key: str) -> str:
        """Give a keyword's value where it is text."""
        value = self.schema.get(key)
        return value if isinstance(value, str) else ""

    def field(self, kind: str, **more: Any) -> Field:
        """Make a field of it: with its name, label, help and default, and whether it is needed.

        Parameters
        ----------
        kind : str
            Which control it gets; see `Field`.
        **more : object
            Further attributes of `Field`, or others in the place of those that the schema gives.

        Returns
        -------
        Field

        Examples
        --------
        >>> from skytells_nb.forms import Property
        >>> field = Property("style", {"description": "A look."}).field("text", placeholder="noir")
        >>> field.label, field.help, field.placeholder
        ('Style', 'A look.', 'noir')
        """
        title = " ".join(self.text("title").split())[:80]
        title = "" if title == self.name else title  # of an emitter that has nothing better to say
        told: dict[str, Any] = {
            "label": title or self.name.replace("_", " ").strip().capitalize()[:80],
            "help": " ".join(self.text("description").split()),
            "required": self.required,
            "nullable": self.schema.get("nullable") is True,
            "deprecated": self.schema.get("deprecated") is True,
            "default": self.schema.get("default", UNSET),
            "schema": self.schema,
        }
        return Field(name=self.name, kind=kind, **{**told, **more})
