"""Strings that do not show themselves: secrets, and files as data URIs that would fill a page."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Self


class MaskedStr(str):
    """A string that is sent as it is, and shown as something shorter.

    Attributes
    ----------
    shown : str
        What stands in its place.
    code : str
        Python that makes the same value where the code runs.
    """

    shown: str
    code: str

    __slots__ = ("code", "shown")

    def __repr__(self) -> str:
        return repr(self.shown)

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str.__str__(self),)


class Secret(MaskedStr):
    """A credential: never written out; code reads it from an environment variable of the field's name."""

    __slots__ = ()

    @classmethod
    def of(cls, value: str, name: str) -> Self:
        """Mask a secret."""
        masked = cls(value)
        masked.shown = "••••••"
        masked.code = f'os.environ["{re.sub("[^A-Z0-9]", "_", name.upper())}"]'
        return masked


class Upload(MaskedStr):
    """An uploaded file, as the data URI that is sent."""

    __slots__ = ("caption", "data", "name")

    caption: str
    data: bytes
    name: str

    @classmethod
    def of(cls, data: bytes, mime: str, name: str) -> Self:
        """Make the data URI of a file's content."""
        masked = cls(f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}")
        masked.shown = f"data:{mime};base64,… ({len(data) / 1000:,.0f} kB)"
        masked.code = f"Path({json.dumps(name, ensure_ascii=False)})"
        masked.data = data
        masked.name = masked.caption = name
        return masked
