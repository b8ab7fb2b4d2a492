"""What a reader of source cannot see of the blocking client: each method is the coroutine's twin.

An extension of griffe, with which mkdocstrings reads docstrings. ``get = blocking(AsyncPredictions.get)`` is
shown as the method that it makes.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import griffe

_TWIN = re.compile(r"blocking\((\w+)\.(\w+)\)")


class Twins(griffe.Extension):
    """Puts the method in the place of the attribute."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Look through the members of a class that was read."""
        for name, member in list(cls.members.items()):
            found = _TWIN.fullmatch(str(getattr(member, "value", "")))
            if found is None:
                continue
            twin = copy.copy(cls.parent.members[found[1]].members[found[2]])
            twin.parent, twin.labels = cls, twin.labels - {"async"}
            cls.members[name] = twin
