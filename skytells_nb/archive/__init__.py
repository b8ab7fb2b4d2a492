"""What was made, kept: a folder people can open, an index, and where every file came from."""

from __future__ import annotations

from .inputs import as_input, prepare
from .opening import load, save
from .provenance import read_provenance
from .rows import Stored
from .store import Archive

__all__ = ["Archive", "Stored", "as_input", "load", "prepare", "read_provenance", "save"]
