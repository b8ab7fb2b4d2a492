"""Did you mean: names that a model or its schema does not have, and the one that was probably meant."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal

from ..exceptions import InvalidInputError, SkytellsWarning
from ._property import InputSchema

if TYPE_CHECKING:
    from ..models import Model

__all__ = [
    "COUNT_NAMES",
    "LENGTH_NAMES",
    "PROMPT_NAMES",
    "closest",
    "closest_model",
    "did_you_mean",
    "misspelt",
    "unknown_inputs",
]

COUNT_NAMES: Final = (
    *("num_outputs", "number_of_images", "num_images", "n", "batch_size", "samples", "num_samples"),
    *("max_images", "n_images", "image_count", "number_of_outputs", "output_count", "num_results"),
    *("num_videos", "number_of_videos", "num_images_per_prompt", "images_per_prompt", "n_samples"),
    *("num_variations", "number_of_variations", "variations", "num_generations", "sample_count"),
    *("number_of_samples", "numberOfImages", "numImages", "sampleCount", "imageCount", "batchSize"),
)
"""Under which names schemas of public models ask how many outputs are made."""

LENGTH_NAMES: Final = ("duration_seconds", "seconds", "duration")
PROMPT_NAMES: Final = (
    *("prompt", "text", "lyrics", "script", "instruction", "instructions", "question", "message"),
)
_SYNONYMS: Final = (
    frozenset(COUNT_NAMES),
    frozenset({*LENGTH_NAMES, "length", "secs", "duration_s", "video_length", "audio_length"}),
    frozenset({"steps", "num_steps", "num_inference_steps", "inference_steps", "sampling_steps"}),
    frozenset({"guidance", "guidance_scale", "cfg", "cfg_scale", "prompt_strength"}),
    frozenset({"ratio", "aspect", "aspect_ratio", "ar"}),
    frozenset({"image", "image_url", "input_image", "init_image", "start_image", "img"}),
    frozenset({"negative", "negative_prompt", "neg_prompt", "uc"}),
    frozenset({*PROMPT_NAMES, "text_prompt", "description"}),
)
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")


def closest(name: object, known: Iterable[str]) -> str | None:
    """Return which known name was probably meant: written otherwise, misspelt, or another word for it.

    Examples
    --------
    >>> from skytells_nb.schema import closest
    >>> closest("widht", ["width", "height"]), closest("num_images", ["prompt", "num_outputs"])
    ('width', 'num_outputs')
    """
    names = list(known)
    plain = _letters(name)
    if not plain:
        return None
    same = next((each for each in names if _letters(each) == plain), None)
    if same is not None:
        return same
    for group in _SYNONYMS:
        if any(_letters(each) == plain for each in group):
            found = next((each for each in names if each in group), None)
            if found is not None:
                return found
    by_letters = {_letters(each): each for each in reversed(names)}
    near = get_close_matches(plain, by_letters, n=1, cutoff=0.6 if len(plain) > 3 else 0.5)
    return by_letters[near[0]] if near else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ``Did you mean 'width'?``; empty where nothing is near."""
    near = closest(name, known)
    return "" if near is None else f"Did you mean {near!r}?"


def misspelt(schema: InputSchema, input: Mapping[str, Any]) -> dict[str, str]:
    """Return what to say of each name in an input that the schema does not have.

    Nothing is said of a schema that lists no inputs, or that takes any name.

    Examples
    --------
    >>> from skytells_nb.schema import misspelt, parse
    >>> misspelt(parse({"properties": {"width": {"type": "integer"}}}), {"widht": 512})
    {'widht': "This model has no input 'widht'. Did you mean 'width'?"}
    """
    if not schema.known or schema.open:
        return {}
    free = [name for name in schema if name not in input]
    found = {}
    for name in input:
        if name in schema:
            continue
        hint = did_you_mean(name, free)
        if not hint and isinstance(name, str) and name.startswith("Unnamed:"):
            hint = "It is the index of a CSV file: read that with index_col=0."
        words = "" if hint else f"It has {_some(schema)}."
        found[name] = f"This model has no input {name!r}. {hint or words}"
    return found


def unknown_inputs(
    schema: InputSchema,
    input: Mapping[str, Any],
    *,
    policy: Literal["refuse", "warn", "send"],
    stacklevel: int = 2,
) -> dict[str, str]:
    """Treat the names that a schema does not have by ``sky.options.unknown_inputs``.

    Parameters
    ----------
    schema : InputSchema
        What the model takes.
    input : mapping
        What would be sent.
    policy : str
        ``refuse`` returns what to say of each, ``warn`` warns, ``send`` says nothing.
    stacklevel : int
        Whose line a warning names.

    Returns
    -------
    dict
        What to refuse, in words, by name.
    """
    if policy == "send":
        return {}
    found = misspelt(schema, input)
    if policy == "warn" and found:
        warnings.warn(f"{' '.join(found.values())} It is sent as it is.", SkytellsWarning, stacklevel + 1)
        return {}
    return found


def closest_model(name: str, models: Iterable[Model]) -> tuple[Model | None, Model | None]:
    """Return the model that a name means, and the one that it is near to; None where there is none.

    A display name, other capitals and a vendor before a slash mean the model. A misspelt name means none.

    Raises
    ------
    InvalidInputError
        It means several.
    """
    known = list(models)
    by_slug = {model.id: model for model in known}
    bare = name.strip().rpartition("/")[2]
    if bare in by_slug:
        return by_slug[bare], by_slug[bare]
    plain = _letters(bare)
    meant = {model.id: model for model in known if plain in (_letters(model.id), _letters(model.name or ""))}
    if len(meant) > 1:
        raise InvalidInputError(
            f"{name!r} may be any of {', '.join(meant)}. Write which one, as it stands here.", charged=False
        )
    if meant:
        model = next(iter(meant.values()))
        return model, model
    slugs = {model.name: model.id for model in reversed(known) if model.name}
    near = closest(bare, [*by_slug, *slugs])
    return None, None if near is None else by_slug[slugs.get(near, near) if near not in by_slug else near]


def _letters(name: object) -> str:
    return _NOT_A_WORD.sub("", str(name).casefold())


def _some(names: Iterable[str], most: int = 12) -> str:
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
