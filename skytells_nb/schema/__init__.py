"""What a model's input schema says, and whether an input is what it takes.

The one reader: `parse` turns any JSON schema, in whatever roundabout way it is written, into plain
properties (kind, choices, bounds, default, title). Forms, cards, estimates, magics and checks ask it, so that
they cannot disagree. `Checker` checks values; the jsonschema library decides, and this package phrases.

A schema comes from the API. Reading one never raises, never follows a reference out of it, and takes a
bounded number of steps, however it is nested.
"""

from __future__ import annotations

from ._check import NEEDED, TIMES, Checker, check
from ._names import (
    COUNT_NAMES,
    LENGTH_NAMES,
    PROMPT_NAMES,
    as_text,
    closest_input,
    closest_model,
    count_names,
    input_hint,
    is_count,
    misspelt,
    unknown_inputs,
)
from ._property import UNSET, InputSchema, Number, Property, parse
from ._values import as_lists, as_record, is_frame, is_same, labels_of, rows_of, to_plain

__all__ = [
    "COUNT_NAMES",
    "LENGTH_NAMES",
    "NEEDED",
    "PROMPT_NAMES",
    "TIMES",
    "UNSET",
    "Checker",
    "InputSchema",
    "Number",
    "Property",
    "as_lists",
    "as_record",
    "as_text",
    "check",
    "closest_input",
    "closest_model",
    "count_names",
    "input_hint",
    "is_count",
    "is_frame",
    "is_same",
    "labels_of",
    "misspelt",
    "parse",
    "rows_of",
    "to_plain",
    "unknown_inputs",
]
