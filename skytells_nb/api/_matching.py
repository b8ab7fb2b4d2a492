"""Return whether a listed prediction is what a create asked for: certainly, possibly, or not.

The API may echo more keys than were sent, name a model by its slug or its display name, and hide or
rewrite what it was given (skytells-api.md section 6). What is certain is adopted; what is only possible is
never adopted, but it forbids to send the create again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..models import Prediction
from ..schema import is_same

# How a value is hidden by those who log it: stars or dots, or a word for it in brackets.
_MASK: Final = re.compile(
    r"\S{0,8}[*•]{3,}\S{0,8}|[\[<(*]+\s*(redacted|hidden|removed|filtered|secret)\s*[\])>*]+", re.I
)
_SHORTEST_STEM: Final = 20

Names = Mapping[str, str]


def matches(prediction: Prediction, model: str, input: Mapping[str, Any], names: Names) -> bool:
    """Return whether a listed prediction certainly matches what a create asked for.

    ``names`` maps slugs to the display names that this connection has seen.
    """
    if prediction.model is not None and not same_model(prediction.model, model, names):
        return False
    echoed = prediction.input or {}
    # What was sent as null may be left out of an echo; an echo that is empty may hide everything.
    return all(
        is_same(echoed[key], value) if key in echoed else value is None and bool(echoed)
        for key, value in input.items()
    )


def may_match(prediction: Prediction, model: str, input: Mapping[str, Any], names: Names) -> bool:
    """Return whether a listed prediction may be what was asked for, though it does not quite say so.

    Its model may go by a name that is not known here; its input may be hidden; values may be masked, cut,
    written in another way, or be files that the API has taken in.
    """
    if prediction.model is not None and not _may_be_model(prediction.model, model, names):
        return False
    echoed = prediction.input
    if not echoed or not input:
        return True
    alike = [_alike(echoed[key], value) for key, value in input.items() if key in echoed]
    return bool(alike) and all(alike)


def could_both_match(
    model: str, input: Mapping[str, Any], other_model: str, other: Mapping[str, Any]
) -> bool:
    """Return whether one listed prediction could carry both of two creates, defaults filled in."""
    return same_model(model, other_model, {}) and all(
        is_same(value, other[key]) for key, value in input.items() if key in other
    )


def same_model(one: str, other: str, names: Names) -> bool:
    """Return whether two names mean one model: slug, vendor-prefixed slug or display name."""
    return one == other or bool(_spellings(one, names) & _spellings(other, names))


def _may_be_model(listed: str, asked: str, names: Names) -> bool:
    """Return whether a listed name may mean the model asked for: it does, or it is not known here."""
    if same_model(listed, asked, names):
        return True
    if any(slug in names for slug in (asked, _bare(asked))):
        return False
    known = {_plain(name) for pair in names.items() for name in pair}
    return _plain(_bare(listed)) not in known


def _spellings(name: str, names: Names) -> set[str]:
    bare = _bare(name)
    known = {names[slug] for slug in (name, bare) if slug in names}
    known |= {slug for slug, shown in names.items() if shown == name}
    return {_plain(spelling) for spelling in {bare, *known}}


def _bare(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _alike(echoed: object, sent: object) -> bool:
    """Return whether one value may be what the API made of another."""
    if is_same(echoed, sent) or echoed is None or sent is None:
        return True
    if isinstance(sent, list) and isinstance(echoed, list):
        return len(sent) == len(echoed) and all(map(_alike, echoed, sent))
    if isinstance(sent, dict) and isinstance(echoed, dict):
        return all(_alike(echoed[key], value) for key, value in sent.items() if key in echoed)
    # One picture may come back as a list of one, and the other way round.
    if isinstance(sent, dict | list) or isinstance(echoed, dict | list):
        return sent == [echoed] or echoed == [sent]
    if isinstance(sent, str) and isinstance(echoed, str):
        return _alike_text(echoed, sent)
    # Numbers come back as text, or rounded to the precision of another language's floats.
    one, other = _number(echoed), _number(sent)
    return one is not None and other is not None and abs(one - other) <= 1e-4 * max(abs(one), abs(other))


def _alike_text(echoed: str, sent: str) -> bool:
    one, other = " ".join(echoed.split()).casefold(), " ".join(sent.split()).casefold()
    if one == other or not one or _MASK.fullmatch(echoed.strip()):
        return True
    if other.startswith(("http://", "https://", "data:")) and one.startswith(("http://", "https://")):
        return True
    stem = one.rstrip(".… ")
    return len(stem) >= _SHORTEST_STEM and other.startswith(stem)


def _number(value: object) -> float | None:
    """Parse a number however it is written; booleans as JSON, Python and forms write them."""
    words = str(value).strip().lower()
    try:
        return float({"true": "1", "false": "0"}.get(words, words))
    except ValueError:
        return None
