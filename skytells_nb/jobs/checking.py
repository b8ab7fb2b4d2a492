"""Is an input what the model takes? Asked ten thousand times, so the schema is understood once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..validation import problems

__all__ = ["Checker"]


class Checker:
    """Checks inputs against one schema.

    Parameters
    ----------
    schema : mapping or None
        A model's ``input_schema``; None finds no problem.

    Examples
    --------
    >>> checker = Checker({"required": ["prompt"], "properties": {"prompt": {"type": "string"}}})
    >>> checker.problem({"prompt": "a fox"}) is None, checker.problem({})
    (True, 'prompt is missing')
    """

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._schema = schema
        self._quick: Any = None
        known = schema.get("properties") if isinstance(schema, Mapping) else None
        self.takes: tuple[str, ...] = tuple(known) if isinstance(known, Mapping) else ()
        """Which inputs there are; empty where the schema does not say."""

    def problem(self, input: Mapping[str, Any]) -> str | None:
        """Say in words what is wrong with an input; None when nothing is."""
        if self._schema is None or self._passes(input):
            return None
        found = problems(input, self._schema)
        words = [
            f"{name} {said}" if said.startswith("is ") else f"{name}: {said}" for name, said in found.items()
        ]
        return "; ".join(word.removeprefix(": ") for word in words) or None

    def _passes(self, input: Mapping[str, Any]) -> bool:
        """Whether it certainly fits; where that cannot be told quickly, the long way decides."""
        if self._quick is None:
            from jsonschema import Draft202012Validator

            self._quick = Draft202012Validator(dict(self._schema or {}))
        try:
            return bool(self._quick.is_valid(dict(input)))
        except Exception:  # noqa: BLE001 - a schema that nobody understands; the long way says so politely
            return False
