"""The painter's data: drawings, places, lights and words, read from the TOML files in ``data``."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=16)
def load(name: str) -> dict[str, Any]:
    """Return one data file; `name` has no extension, and may name a folder (``"drawings/animals"``)."""
    return tomllib.loads(files(__package__).joinpath(f"data/{name}.toml").read_text("utf-8"))
