"""What a field of a form is: a plain description, with nothing of any widget in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .. import schema as schemas
from ..schema import UNSET, Number, Unset

__all__ = ["UNSET", "Field", "Place", "Property", "Unset", "Value"]


Value = Any
"""A JSON value, or `UNSET`."""

Place = Literal["prompt", "media", "main", "advanced", "hidden"]


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
    conditions : tuple
        When it is asked for: where all of one of these hold; empty for always. `skytells_nb.schema.Checker`
        says whether it ``applies`` to an input.
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
    conditions: tuple[Any, ...] = field(default=(), repr=False)
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False)
    widget: Callable[[], Any] | None = field(default=None, repr=False)

    __hash__ = None  # type: ignore[assignment]

    def moved(self, place: Place) -> Field:
        """Give the same field in another place."""
        return replace(self, place=place)


class Property(schemas.Property):
    """One property of a schema, as the rules look at it, with `field` to make a field of it.

    Parameters
    ----------
    name : str
        Its name.
    schema : mapping
        It, without references and alternatives where these could be folded.
    required : bool
        Whether the request must have it.
    """

    __slots__ = ()

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
        known: dict[str, Any] = {
            "label": self.title,
            "help": self.description,
            "required": self.required,
            "nullable": self.nullable,
            "deprecated": self.deprecated,
            "default": self.default,
            "conditions": self.conditions,
            "schema": self.schema,
        }
        return Field(name=self.name, kind=kind, **{**known, **more})
