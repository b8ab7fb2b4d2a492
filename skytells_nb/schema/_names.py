"""Did you mean: names that a model or its schema does not have, and the one that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from .. import checks
from ..exceptions import InvalidInputError, warn_user
from ._property import InputSchema, Property, is_open

if TYPE_CHECKING:
    from ..models import Model

COUNT_NAMES: Final = (
    *("num_outputs", "number_of_images", "num_images", "n", "batch_size", "samples", "num_samples"),
    *("max_images", "n_images", "image_count", "number_of_outputs", "output_count", "num_results"),
    *("num_videos", "number_of_videos", "num_images_per_prompt", "images_per_prompt", "n_samples"),
    *("num_variations", "number_of_variations", "variations", "num_generations", "sample_count"),
    *("number_of_samples", "batch_count", "num_batches", "count", "quantity", "copies", "n_iter"),
)
"""Under which names schemas of public models ask how many outputs are made; `is_count` knows more."""

_PLAIN_COUNTS: Final = frozenset(
    {"images", "pictures", "videos", "clips", "outputs", "results", "variants", "candidates", "num", "batch"}
    | {"repeat", "repeats", "generations", "howmany", "amount", "qty"}
    | {"anzahl", "anzahlbilder", "nombre", "nombreimages", "nombredimages", "cantidad", "númerodeimágenes"}
    | {"numero", "numeroimmagini", "quantidade", "aantal", "antal"}
    | {"数量", "枚数", "张数", "生成数量", "개수"}
)
"""Names of counts where the value is a whole number; else files or lists go by them."""

_MADE: Final = "(?:images|pictures|photos|outputs|results|videos|clips|songs|variations|variants|generations)"
_TOLD: Final = re.compile(
    rf"\b(?:(?:number|amount|count|quantity) of|how many) (?:[a-z]+ )?{_MADE}\b", re.IGNORECASE
)
_TOLD_NOT: Final = re.compile(r"\b(?:input|reference|source|conditioning|init|uploaded)\b", re.IGNORECASE)

_HOW_MANY: Final = frozenset(
    {"n", "num", "no", "nr", "nb", "qty", "number", "count", "max", "total", "amount", "quantity"}
)
_OUTPUTS: Final = frozenset(
    {
        *("image", "images", "picture", "pictures", "photo", "photos"),
        *("output", "outputs", "result", "results"),
        *("video", "videos", "clip", "clips", "song", "songs", "track", "tracks", "audio", "audios"),
        *("sample", "samples", "variation", "variations", "variant", "variants", "generation", "generations"),
        *("completion", "completions", "candidate", "candidates", "batch", "batches", "copies"),
    }
)
_NOT_OUTPUTS: Final = frozenset(
    {
        *("input", "inputs", "reference", "references", "ref", "refs", "frame", "frames", "step", "steps"),
        *("size", "width", "height", "pixel", "pixels", "token", "tokens"),
        *("second", "seconds", "fps", "bytes"),
        *("strength", "quality", "id", "index", "length", "rate", "tags", "retries", "per"),
    }
)
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
_NOT_A_WORD: Final = re.compile(r"[\W_]+")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def is_count(field: Property) -> bool:
    """Return whether a property asks how many outputs are made: by its name, title or description."""
    if not field.types <= {"integer", "number", "string"} or field.media:
        return False
    if _letters(field.name) in _COUNT_LETTERS:
        return True
    if field.types == {"string"} and not field.closed:
        return False
    described = field.description
    if field.types == {"integer"} and (
        _letters(field.name) in _PLAIN_COUNTS or (_TOLD.search(described) and not _TOLD_NOT.search(described))
    ):
        return True
    return any(
        bool(words & _HOW_MANY and words & _OUTPUTS and not words & _NOT_OUTPUTS)
        for words in (_words(field.name), _words(field.title))
    )


def count_names(schema: InputSchema, input: Mapping[str, Any]) -> list[str]:
    """Return under which names an input, or the schema, says how many outputs are made."""
    declared = [name for name, field in schema.items() if is_count(field)]
    given = [name for name, value in input.items() if value is not None and name not in schema]
    return [*declared, *(name for name in given if _letters(name) in _COUNT_LETTERS)]


def closest_input(name: object, known: Iterable[str]) -> str | None:
    """Return which known name was probably meant: written otherwise, misspelt, or another word for it."""
    names = list(known)
    plain = _letters(str(name).removeprefix("input."))  # as a frame of predictions has it
    if not plain:
        return None
    same = next((each for each in names if _letters(each) == plain), None)
    if same is not None:
        return same
    for group in _SYNONYMS:
        if any(_letters(each) == plain for each in group):
            letters = {_letters(each) for each in group}
            found = next((each for each in names if _letters(each) in letters), None)
            if found is not None:
                return found
    near = checks.closest(str(name), names)
    if near is None:  # it may be another word for one of them, misspelt
        word = checks.closest(str(name), (each for group in _SYNONYMS for each in group), cutoff=0.75)
        near = None if word is None or _letters(word) == plain else closest_input(word, names)
    return near


def input_hint(name: object, known: Iterable[str]) -> str:
    """Return ``Did you mean 'width'?``; empty where nothing is near."""
    near = closest_input(name, known)
    return "" if near is None else f"Did you mean {near!r}?"


def misspelt(schema: InputSchema, input: Mapping[str, Any]) -> dict[str, str]:
    """Return what to say of each name in an input that the schema does not have.

    Nothing is said of a schema that lists no inputs, or that takes any name. In an object or a list of them
    only what is near to a name that is free there is one: what lies deep is often described in part.
    """
    if not schema.known:
        return {}
    free = [name for name in schema if name not in input]
    found = {}
    for name, value in input.items():
        if name in schema:
            if words := next(_misspelt_inside(schema[name], value), ""):
                found[name] = words
            continue
        if schema.open:
            continue
        hint = input_hint(name, free)
        if not hint and isinstance(name, str) and name.startswith("Unnamed:"):
            hint = "It is the index of a CSV file: read that with index_col=0."
        more = f" and {len(schema) - 12} more" if len(schema) > 12 else ""
        if not hint and not any("It has" in words for words in found.values()):  # once is enough
            hint = f"It has {', '.join([*schema][:12])}{more}."
        found[name] = f"This model has no input {name!r}. {hint}".rstrip()
    return found


def _misspelt_inside(field: Property, value: object, where: str = "") -> Iterator[str]:
    if isinstance(value, list | tuple):
        items = [each.item for each in (field, *field.variants) if each.item is not None]
        for at, inside in enumerate(value) if len(items) == 1 else ():
            yield from _misspelt_inside(items[0], inside, f"{where}[{at}]")
    elif isinstance(value, Mapping) and not any(is_open(each.schema) for each in (field, *field.variants)):
        known = {inner.name: inner for inner in field.properties}
        for name, inside in value.items():
            if name in known:
                yield from _misspelt_inside(known[name], inside, f"{where}[{name!r}]")
            elif hint := input_hint(name, [each for each in known if each not in value]):
                yield f"{where or 'This'} has no {name!r}. {hint}"


def as_text(problems: Mapping[str, str]) -> str:
    """Format what is wrong with several fields as one text."""
    return " ".join(
        words if not name or f"{name!r}" in words else f"{name}: {words}" for name, words in problems.items()
    )


def unknown_inputs(
    schema: InputSchema, input: Mapping[str, Any], *, policy: Literal["refuse", "warn", "send"]
) -> dict[str, str]:
    """Return what to say of the names that a schema does not have, by ``sky.options.unknown_inputs``.

    The policy ``warn`` warns of them and returns nothing, ``send`` says nothing.
    """
    if policy == "send":
        return {}
    found = misspelt(schema, input)
    if policy == "warn" and found:
        warn_user(f"{as_text(found)} It is sent as it is.")
        return {}
    return found


def closest_model(name: str, models: Iterable[Model]) -> tuple[Model | None, Model | None]:
    """Return the model that a name means, and the one that it is near to; None where there is none.

    A display name, other capitals and a vendor before a slash mean the model. A misspelt name means none, and
    one that means several is an InvalidInputError.
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
            f"{name!r} may be any of {', '.join(meant)}. Write which one, as it stands here."
        )
    if meant:
        model = next(iter(meant.values()))
        return model, model
    slugs = {model.name: model.id for model in reversed(known) if model.name}
    near = closest_input(bare, [*by_slug, *slugs])
    return None, None if near is None else by_slug[slugs.get(near, near) if near not in by_slug else near]


def _letters(name: object) -> str:
    return _NOT_A_WORD.sub("", str(name).casefold())


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


_COUNT_LETTERS: Final = frozenset(map(_letters, COUNT_NAMES))
