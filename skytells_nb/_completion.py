"""Tab inside a call in a notebook: names of models, and of the inputs of the one that is named.

    client.predictions.create("truefu⇥
    sky.batch("truefusion", [{"wid⇥

It is a matcher of IPython's, registered with the first name that is used of this package. Only the API of a
client that is open is asked.
"""

from __future__ import annotations

import asyncio
import re
import sys
from types import SimpleNamespace
from typing import Any, Final

from .exceptions import SkytellsError

_PATIENCE: Final = 3.0
_CALLS: Final = (
    r"(?:(?:predictions|completions|responses|embeddings)\.create|models\.get|estimate|batch|compare|PromptForm"
    r"|Chat|Arena)\(\s*(?:models?\s*=\s*)?\[?\s*"
)
_MODEL: Final = re.compile(_CALLS + r"""(?:["'][\w./-]+["']\s*,\s*)*["'](?P<word>[\w./-]*)$""")
_INPUT: Final = re.compile(
    _CALLS + r"""["'](?P<model>[\w./-]+)["']\s*,[^()]*\{(?:[^()]*,)?\s*["'](?P<word>\w*)$"""
)


def install() -> None:
    """Complete calls in the running notebook; does nothing elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", None)
    if matchers is not None and _match not in matchers:
        matchers.append(_match)


def complete(text: str) -> tuple[str, list[str]]:
    """Return what is being typed at the end of some code, and what it can become.

    Parameters
    ----------
    text : str
        The cell up to the cursor.

    Returns
    -------
    tuple of str and list of str
        Both empty where it is nothing of ours, or the API is too slow.
    """
    from .aio import run
    from .api import AsyncClient, latest
    from .schema import parse

    named, connection = _INPUT.search(text) or _MODEL.search(text), latest()
    if connection is None or named is None:
        return "", []
    models, word = AsyncClient.of(connection).models, named["word"]
    try:
        if named.re is _INPUT:
            known = parse(run(asyncio.wait_for(models.get(named["model"]), _PATIENCE)).input_schema)
            return word, [name for name in known if name.startswith(word)]
        listed = run(asyncio.wait_for(models.list(), _PATIENCE))
        return word, [model.id for model in listed if model.id.startswith(word)]
    except (SkytellsError, TimeoutError):
        return "", []


def _match(context: Any) -> dict[str, Any]:
    before = context.full_text.split("\n")[: context.cursor_line]
    word, found = complete("\n".join([*before, context.text_until_cursor]))
    return {
        "completions": [SimpleNamespace(text=each, type="text") for each in found],
        "matched_fragment": word,
        "suppress": bool(found),
        "ordered": True,
    }


for _trait, _setting in (("api_version", 2), ("identifier", "skytells_nb.calls"), ("priority", 100)):
    setattr(_match, f"matcher_{_trait}", _setting)
