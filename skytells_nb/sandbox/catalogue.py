"""The models on offer, read once from ``catalogue.json``; every entry there names the source of its facts.

Source: skytells-api.md, sections 5 and 8.2.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

SCHEMAS = ("input_schema", "output_schema")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: what the API tells about it, and what only the sandbox knows.

    Attributes
    ----------
    slug : str
        The name used in requests (``namespace``).
    public : Mapping
        The model object as the API shows it, schemas included.
    source : str
        Where its facts come from; never shown on the wire.
    kind : str
        What to draw: image, video, music, audio or text.
    seconds : float
        How long one of its jobs takes here.
    plays : float
        The length in seconds of a medium whose input does not say it.
    least_seconds : float
        The shortest length that is billed.
    """

    slug: str
    public: Mapping[str, Any]
    source: str
    kind: str
    seconds: float
    plays: float
    least_seconds: float

    @property
    def type(self) -> str:
        """``image``, ``video``, ``music``, ``audio`` or ``text``."""
        return str(self.public["type"])

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """What its input may be."""
        schema: Mapping[str, Any] = self.public["input_schema"]
        return schema

    @property
    def listed(self) -> bool:
        """Whether its output is a list of links; else it is one string."""
        return bool(self.public["output_schema"]["type"] == "array")

    @property
    def inference_only(self) -> bool:
        """Whether only the inference routes serve it (section 5.3)."""
        return bool(self.public["metadata"]["openai_compatible"])

    def defaults(self) -> dict[str, Any]:
        """Collect the schema's defaults, by name."""
        properties = self.input_schema["properties"]
        return {name: each["default"] for name, each in properties.items() if "default" in each}

    def body(self, wanted: Collection[str]) -> dict[str, Any]:
        """Show the model as the API does, with the schemas that were asked for."""
        return {name: value for name, value in self.public.items() if name not in SCHEMAS or name in wanted}


class Catalogue(Mapping[str, Entry]):
    """Models by slug, in the order of the data file; a vendor in front of the slug is understood."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = {entry.slug: entry for entry in entries}

    def __getitem__(self, slug: str) -> Entry:
        vendor, slash, rest = slug.partition("/")
        if not slash:
            return self._entries[slug]
        entry = self._entries[rest]
        if entry.public["vendor"]["slug"] != vendor:
            raise KeyError(slug)
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@lru_cache(maxsize=1)
def standard() -> Catalogue:
    """Read the catalogue that comes with the sandbox."""
    text = files(__package__).joinpath("catalogue.json").read_text("utf-8")
    return Catalogue([read_entry(each) for each in json.loads(text)["models"]])


def read_entry(raw: Mapping[str, Any]) -> Entry:
    """Make an entry of one object of the data file."""
    model, own = raw["model"], raw["sandbox"]
    return Entry(
        slug=model["namespace"],
        public=model,
        source=raw["source"],
        kind=own["kind"],
        seconds=own["seconds"],
        plays=own.get("plays", 0),
        least_seconds=own.get("least_seconds", 0),
    )
