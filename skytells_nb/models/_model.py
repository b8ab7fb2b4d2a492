"""A model of the API: what it makes, what it takes, what it costs.

What a price is for, in every spelling that was seen (skytells-api.md section 8.1), is one table. To add a
unit, add a line; a new kind of quantity is a member of `BilledQuantity`, and mypy names who must know it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Self, SupportsIndex, TypeAlias, overload

from .. import _lazy
from ..checks import did_you_mean
from ..exceptions import SkytellsError
from ..formatting import CREDITS
from ..plaintext import one_line
from ._finished import Drawn, Finished
from ._parse import parse_amount, parse_mapping, parse_text, parse_texts

if TYPE_CHECKING:
    from pandas import DataFrame

_NOT_FLAT: Final = Decimal("NaN")

AnsweringRoute: TypeAlias = Literal["chat", "responses"]
"""A route on which a model answers with words."""


class BilledQuantity(Enum):
    """What has to be counted to apply a price."""

    PREDICTION = "prediction"
    OUTPUT = "output"
    LENGTH = "length"
    PIXELS = "pixels"
    TOKENS = "tokens"
    COMPUTING = "computing"


@dataclass(frozen=True, slots=True)
class Unit:
    """A billing unit: `name` stands after a price's slash, as in ``$0.13/second``, `plural` after a number.

    `size` is how many seconds or tokens one holds; where it `rounds_up` a begun unit is billed whole.
    """

    quantity: BilledQuantity
    name: str
    plural: str
    size: Decimal = Decimal(1)
    rounds_up: bool = False


_Q = BilledQuantity
_SECOND: Final = Unit(_Q.LENGTH, "second", "s")
_TABLE: Final[tuple[tuple[Unit, tuple[str, ...]], ...]] = (
    # Spellings are singular, lower case, with single spaces; `parse_unit` brings every spelling there.
    (
        Unit(_Q.PREDICTION, "prediction", "predictions"),
        ("prediction", "call", "request", "run", "generation"),
    ),
    (Unit(_Q.OUTPUT, "image", "images"), ("image", "picture")),
    (Unit(_Q.OUTPUT, "video", "videos"), ("video",)),
    (Unit(_Q.OUTPUT, "clip", "clips"), ("clip",)),
    (Unit(_Q.OUTPUT, "audio", "audios"), ("audio",)),
    (Unit(_Q.OUTPUT, "song", "songs"), ("song",)),
    (Unit(_Q.OUTPUT, "track", "tracks"), ("track",)),
    (Unit(_Q.OUTPUT, "output", "outputs"), ("output",)),
    (_SECOND, ("second", "sec", "s", "video second", "audio second", "output second")),
    (Unit(_Q.LENGTH, "minute", "min", Decimal(60)), ("minute", "min", "video minute", "audio minute")),
    (Unit(_Q.PIXELS, "megapixel", "MP"), ("megapixel", "mp", "image megapixel", "output megapixel")),
    (Unit(_Q.TOKENS, "token", "tokens"), ("token",)),
    (
        Unit(_Q.TOKENS, "thousand tokens", "thousand tokens", Decimal(1_000)),
        ("thousand token", "1k token", "1000 token"),
    ),
    (
        Unit(_Q.TOKENS, "million tokens", "million tokens", Decimal(1_000_000)),
        ("million token", "1m token", "1000000 token", "mtok"),
    ),
    (
        Unit(_Q.COMPUTING, "computing second", "s of computing"),
        ("gpu", "gpu second", "computing second", "compute second"),
    ),
)
_UNITS: Final = {spelling: unit for unit, spellings in _TABLE for spelling in spellings}
_BLOCK: Final = re.compile(r"(\d{1,4}(?:\.\d{1,3})?) ?(?:(?:video |audio )?seconds?|secs?|s)")
_SPACE: Final = re.compile(r"[\s_-]+")
_PER: Final = re.compile(r"^(?:/ ?|per (?=\S)|a (?=\S))")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def parse_unit(listed: str | None) -> Unit | None:
    """Parse a unit in any of its spellings; None when it is none that is known."""
    word = _SPACE.sub(" ", _CAMEL.sub(" ", listed or "")).strip().lower()
    word = _PER.sub("", word).replace(",", "")
    known = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    if known is not None:
        return known
    block = _BLOCK.fullmatch(word)
    if block is None or not Decimal(block[1]):
        return None
    size = Decimal(block[1])
    return _SECOND if size == 1 else Unit(_Q.LENGTH, f"{block[1]} seconds", f"× {block[1]} s", size, True)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A rule by which one input value changes the price (skytells-api.md section 8.1).

    Attributes
    ----------
    field : str or None
        The input parameter it looks at.
    operator : str or None
        ``equals`` or ``==``.
    value : str, bool or number
        The value that makes it apply.
    amount : Decimal or None
        The price that then holds, per ``unit``.
    unit, description : str or None
        What the price is for; the API's own words.
    """

    field: str | None
    operator: str | None
    value: Any
    amount: Decimal | None
    unit: str | None
    description: str | None

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Self:
        """Read one entry of ``pricing.criterias``."""
        return cls(
            field=parse_text(raw.get("field")),
            operator=parse_text(raw.get("operator")),
            value=raw.get("value"),
            amount=parse_amount(raw.get("billable_price")),
            unit=parse_text(raw.get("unit")),
            description=parse_text(raw.get("description")),
        )


@dataclass(frozen=True, slots=True)
class Pricing:
    """What a model costs, as the API lists it; None is unknown, which is not zero.

    Attributes
    ----------
    amount : Decimal or None
        The price of one ``unit``.
    unit : str or None
        ``image``, ``second``, ``prediction``, … (skytells-api.md section 8.1).
    currency : str or None
        ``USD`` is the only one seen.
    criteria : tuple of Criterion
        Rules that replace ``amount`` for some inputs.
    formula : dict or None
        A formula that the API lists without documenting it.
    sandbox : bool
        Whether a sandbox lists it: then the currency is ``credits``, and no money.
    """

    amount: Decimal | None = None
    unit: str | None = None
    currency: str | None = None
    criteria: tuple[Criterion, ...] = ()
    formula: dict[str, Any] | None = None
    sandbox: bool = False

    __hash__ = None  # type: ignore[assignment]  # holds dicts; typeshed marks list so

    @classmethod
    def from_api(cls, raw: object) -> Self:
        """Read a ``pricing`` object; anything else gives a price that is unknown throughout."""
        found = parse_mapping(raw) or {}
        price, unit = parse_amount(found.get("amount")), parse_text(found.get("unit"))
        flat = parse_amount(found.get("per_prediction"))
        if price is None and flat is not None:
            price, unit = flat, "prediction"
        rules = found.get("criterias", found.get("criteria"))
        currency = parse_text(found.get("currency"))
        return cls(
            amount=price,
            unit=unit,
            currency=currency.upper() if currency and len(currency) == 3 else currency,
            criteria=tuple(
                Criterion.from_api(rule)
                for rule in (rules if isinstance(rules, list) else ())
                if isinstance(rule, Mapping)
            ),
            formula=parse_mapping(found.get("formula")),
        )

    def in_credits(self) -> Self:
        """Return the price as a sandbox's: its bills are no money, and nobody is to add them to dollars."""
        return self if self.sandbox else replace(self, currency=CREDITS, sandbox=True)

    @property
    def per_prediction(self) -> Decimal:
        """The price of one call with one output where that is flat, else ``Decimal("NaN")``.

        Always a Decimal, so ``f"{pricing.per_prediction:.4f}"`` works for every model.
        """
        if self.amount is None or self.criteria or self.formula:
            return _NOT_FLAT
        unit = parse_unit(self.unit)
        is_flat = unit is not None and unit.quantity in (BilledQuantity.PREDICTION, BilledQuantity.OUTPUT)
        return self.amount if is_flat else _NOT_FLAT


@dataclass(frozen=True, slots=True, repr=False)
class Model(Finished, Drawn):
    """A model that predictions can be asked of.

    Attributes
    ----------
    id : str
        The slug that requests use (the API calls it ``namespace``).
    name, description : str or None
        As the API shows it to people.
    type : str or None
        ``image``, ``video``, ``audio``, ``music``, ``text``, ``code`` or ``multimodal``.
    pricing : Pricing
        Never None; its fields are, where the API does not say.
    capabilities : tuple of str
        Such as ``text-to-image``.
    status : str or None
        ``operational`` or ``offline``.
    vendor : str or None
        Whose model it is.
    input_schema, output_schema : dict or None
        JSON schemas; ``client.models.get(slug)`` brings them.
    raw : dict
        The API's answer, untouched.

    Examples
    --------
    >>> from skytells_nb import Model
    >>> m = Model.from_api({"namespace": "truefusion", "pricing": {"amount": 0.03, "unit": "image"}})
    >>> f"{m.id}: ${m.pricing.per_prediction:.4f}"
    'truefusion: $0.0300'
    """

    id: str
    name: str | None = None
    type: str | None = None
    description: str | None = None
    pricing: Pricing = field(default_factory=Pricing)
    capabilities: tuple[str, ...] = ()
    status: str | None = None
    vendor: str | None = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    raw: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Self:
        """Read a model from any documented shape of the API's JSON.

        A field of the wrong type becomes None and stays in ``raw``.

        Raises
        ------
        SkytellsError
            When it is no object, or has neither ``namespace`` nor ``id``.
        """
        found = [raw.get(key) for key in ("namespace", "id", "slug")] if isinstance(raw, Mapping) else []
        slugs = [slug for slug in found if isinstance(slug, str) and slug]
        if not slugs:
            raise SkytellsError(
                "This is not a model: it has neither namespace nor id. Pass the JSON object of a model as "
                "the API gives it.",
                charged=False,
            )
        vendor = raw.get("vendor")
        return cls(
            id=slugs[0],
            name=parse_text(raw.get("name")),
            type=parse_text(raw.get("type")),
            description=parse_text(raw.get("description")),
            pricing=Pricing.from_api(raw.get("pricing")),
            capabilities=parse_texts(raw.get("capabilities")) or (),
            status=parse_text(raw.get("status")),
            vendor=parse_text(vendor.get("name") if isinstance(vendor, Mapping) else vendor),
            input_schema=parse_mapping(raw.get("input_schema")),
            output_schema=parse_mapping(raw.get("output_schema")),
            raw=dict(raw),
        )

    @property
    def text_route(self) -> AnsweringRoute | Literal["embeddings"] | None:
        """The route on which it answers at once; None where it makes predictions (text section 1)."""
        metadata = self.raw.get("metadata")
        if not isinstance(metadata, Mapping) or metadata.get("openai_compatible") is not True:
            return None
        if "embeddings" in self.capabilities or "embed" in self.id:
            return "embeddings"
        only = "responses" in self.capabilities and "chat" not in self.capabilities
        return "responses" if only else "chat"

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        price = "" if self.pricing.amount is None else f", {self.pricing.amount} per {self.pricing.unit}"
        price = ", priced by its inputs" if self.pricing.criteria else price
        return one_line(f"Model({self.id!r}, {self.type or 'unknown type'}{price})")


def slugs_of(models: Any) -> Any:
    """Return a model that was read, or several, by their slugs; names of models as they are."""
    if isinstance(models, Model):
        return models.id
    return [slugs_of(each) for each in models] if isinstance(models, list | tuple) else models


class ModelList(Finished, Drawn, list[Model]):
    """Models as the API lists them. A real list, which also finds a model by its slug.

    Examples
    --------
    >>> from skytells_nb import Model, ModelList
    >>> models = ModelList([Model.from_api({"namespace": "truefusion", "type": "image"})])
    >>> models["truefusion"].type
    'image'
    """

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Model: ...
    @overload
    def __getitem__(self, index: slice) -> ModelList: ...
    def __getitem__(self, index: SupportsIndex | str | slice) -> Model | ModelList:
        if isinstance(index, str):
            for model in self:
                if model.id == index:
                    return model
            slugs = [model.id for model in self]
            hint = did_you_mean(index, slugs)
            raise KeyError(f"no model {index!r}{'.' + hint if hint else ' among ' + ', '.join(slugs)}")
        if isinstance(index, slice):
            return type(self)(super().__getitem__(index))
        return super().__getitem__(index)

    def __contains__(self, model: object) -> bool:
        return (
            any(each.id == model for each in self) if isinstance(model, str) else super().__contains__(model)
        )

    def __repr__(self) -> str:
        return one_line(f"ModelList of {len(self)}: {', '.join(model.id for model in self)}")

    def to_pandas(self) -> DataFrame:
        """Tabulate their prices: a DataFrame with one row per model (``sky.pricing_frame``)."""
        frame: DataFrame = _lazy.pricing_frame(self)
        return frame
