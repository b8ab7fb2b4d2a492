"""Tab inside a call in a notebook: names of models, and of the inputs of the one that is named.

    client.predictions.create("truefu⇥
    sky.batch("truefusion", [{"wid⇥

It is a matcher of IPython's, registered with the first name that is used of this package. Only the API of a
client that is open is asked, and what it said holds for a minute.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from .exceptions import SkytellsError

if TYPE_CHECKING:
    from .api import Connection
    from .models import Model

_PATIENCE: Final = 3.0
_FRESH: Final = 60.0
_CALLS: Final = (
    r"(?:(?:predictions|completions|responses|embeddings)\.create|models\.get|estimate|batch|compare|PromptForm"
    r"|Chat|Arena)\(\s*(?:models?\s*=\s*)?\[?\s*"
)
_MODEL: Final = re.compile(_CALLS + r"""(?:["'][\w./-]+["']\s*,\s*)*["'](?P<word>[\w./-]*)$""")
_INPUT: Final = re.compile(
    _CALLS + r"""["'](?P<model>[\w./-]+)["']\s*,[^()]*\{(?:[^()]*,)?\s*["'](?P<word>\w*)$"""
)
_models: Final[WeakKeyDictionary[Connection, dict[str, tuple[float, list[Model]]]]] = WeakKeyDictionary()


def install() -> None:
    """Complete calls in the running notebook; does nothing elsewhere."""
    ipython = sys.modules.get("IPython")
    register(None if ipython is None else ipython.get_ipython(), _match)


def register(shell: Any, match: Callable[[Any], object]) -> None:
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    if matchers is not None and match not in matchers:
        matchers.append(match)


def matcher(name: str, kind: str, find: Callable[[str], tuple[str, list[str]]]) -> Callable[[Any], object]:
    """Make a matcher of IPython's of a function that is given the cell up to the cursor, as `complete` is."""

    def match(context: Any) -> dict[str, Any]:
        before = context.full_text.split("\n")[: context.cursor_line]
        word, found = find("\n".join([*before, context.text_until_cursor]))
        return {
            "completions": [SimpleNamespace(text=text, type=kind) for text in found],
            "matched_fragment": word,
            "suppress": bool(found),  # else the names of all builtins stand among them
            "ordered": True,
        }

    # What IPython's own decorator sets (`context_matcher`, IPython 8.6), which need not be imported so.
    for trait, setting in (("api_version", 2), ("identifier", name), ("priority", 100)):
        setattr(match, f"matcher_{trait}", setting)
    return match


def known_models(connection: Connection, slug: str = "") -> list[Model]:
    """Return all models, or the one of a slug with its schema; none where the API fails or is too slow."""
    from .aio import run
    from .api import AsyncClient

    kept = _models.setdefault(connection, {})
    if slug not in kept or time.monotonic() - kept[slug][0] > _FRESH:
        models = AsyncClient.of(connection).models
        try:
            if slug:
                found = [run(asyncio.wait_for(models.get(slug), _PATIENCE))]
            else:
                found = run(asyncio.wait_for(models.list(), _PATIENCE))
        except (SkytellsError, TimeoutError):
            return []
        kept[slug] = time.monotonic(), found
    return kept[slug][1]


def complete(text: str) -> tuple[str, list[str]]:
    """Return what is being typed at the end of some code, and what it can become; both may be empty."""
    from .api import latest
    from .schema import parse

    named, connection = _INPUT.search(text) or _MODEL.search(text), latest()
    if connection is None or named is None:
        return "", []
    if named.re is _INPUT:
        known = [
            name for model in known_models(connection, named["model"]) for name in parse(model.input_schema)
        ]
    else:
        known = [model.id for model in known_models(connection)]
    found = [name for name in known if name.startswith(named["word"])]
    return (named["word"] if known else ""), found


_match: Final = matcher("skytells_nb.calls", "text", complete)
