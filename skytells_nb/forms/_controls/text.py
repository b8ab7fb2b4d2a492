"""Controls for what is written: prompts, short texts, secrets, lists by the line, colours, JSON."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets as w

from .._fields import UNSET, Value
from .._masked import Secret
from .base import Control, UnsupportedValue

__all__ = ["Colour", "Custom", "Json", "Lines", "Password", "Prose", "Text"]


class Text(Control):
    """A line of text. Empty means not set, unless the schema's default is some other text."""

    def build(self) -> None:
        self.widget = w.Text(
            **self.accessible_traits(
                placeholder=self.field.placeholder, layout=self.layouts.wide, continuous_update=True
            )
        )
        self.watch(self.widget)

    def get(self) -> Value:
        typed = self.widget.value
        return typed if typed or self.field.default not in (UNSET, "") else UNSET

    def set(self, value: Any) -> None:
        if not isinstance(value, str):
            raise UnsupportedValue
        self.widget.value = value

    def clear(self) -> None:
        self.widget.value = ""


class Prose(Text):
    """Several lines of text."""

    def build(self) -> None:
        rows = 4 if self.field.place == "prompt" else 2
        self.widget = w.Textarea(
            **self.accessible_traits(
                placeholder=self.field.placeholder,
                layout=self.layouts.wide,
                rows=rows,
                continuous_update=True,
                classes=("sky-prompt",) if self.field.place == "prompt" else (),
            )
        )
        self.watch(self.widget)


class Lines(Control):
    """A list of texts, one a line."""

    def build(self) -> None:
        self.widget = w.Textarea(
            **self.accessible_traits(
                placeholder="one a line", layout=self.layouts.wide, rows=3, continuous_update=True
            )
        )
        self.watch(self.widget)

    def get(self) -> Value:
        found = [line.strip() for line in self.widget.value.splitlines() if line.strip()]
        return found or ([] if self.field.required else UNSET)

    def set(self, value: Any) -> None:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise UnsupportedValue
        self.widget.value = "\n".join(value)

    def clear(self) -> None:
        self.widget.value = ""


class Password(Control):
    """A secret: taken out of the box as soon as it is typed, so that no saved widget state has it."""

    def build(self) -> None:
        self._secret: Secret | None = None
        self.widget = w.Password(**self.accessible_traits(layout=self.layouts.wide, continuous_update=False))
        self.widget.observe(self._take, "value")

    def _take(self, change: Any) -> None:
        if not change["new"]:
            return
        self._secret = Secret.of(change["new"], self.field.name)
        self.widget.value = ""
        self._tell()
        self._changed()

    def _tell(self) -> None:
        told = "set, and not shown; type to replace it" if self._secret else "not set"
        self.widget.placeholder = (
            self.field.placeholder if not self._secret and self.field.placeholder else told
        )

    def get(self) -> Value:
        return UNSET if self._secret is None else self._secret

    def set(self, value: Any) -> None:
        if not isinstance(value, str):
            raise UnsupportedValue
        self._secret = value if isinstance(value, Secret) else Secret.of(value, self.field.name)
        self._tell()

    def clear(self) -> None:
        self._secret = None
        self._tell()


class Colour(Control):
    """A colour; the black that it begins with is not sent."""

    def build(self) -> None:
        self._touched = False
        self.widget = w.ColorPicker(
            value="#000000",
            **self.accessible_traits(layout=self.layouts.natural),
        )
        self.widget.observe(self._take, "value")

    def _take(self, _: Any) -> None:
        self._touched = True
        self._changed()

    def get(self) -> Value:
        return self.widget.value if self._touched else UNSET

    def set(self, value: Any) -> None:
        try:
            self.widget.value = value
        except Exception as error:
            raise UnsupportedValue from error
        self._touched = True

    def clear(self) -> None:
        self.widget.value = "#000000"
        self._touched = False


class Json(Control):
    """Any JSON, checked as it is typed; what no other control understands."""

    def build(self) -> None:
        hint = self.field.placeholder or {"array": "[ … ]", "object": "{ … }"}.get(
            str(self.field.schema.get("type")), "JSON"
        )
        self.widget = w.Textarea(
            **self.accessible_traits(
                placeholder=hint,
                layout=self.layouts.wide,
                rows=3,
                continuous_update=True,
                classes=("sky-json",),
            )
        )
        self.watch(self.widget)

    def get(self) -> Value:
        typed = self.widget.value.strip()
        self.problem = ""
        if not typed:
            return UNSET
        try:
            found = json.loads(typed, parse_constant=_no_constant)
        except RecursionError:
            self.problem = "This is nested too deep."
        except ValueError as error:
            at = (
                f" at line {error.lineno}, column {error.colno}"
                if isinstance(error, json.JSONDecodeError)
                else ""
            )
            words = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            self.problem = f"This is not JSON yet: {words}{at}. Texts stand in double quotes."
        else:
            return found
        return UNSET

    def set(self, value: Any) -> None:
        try:
            self.widget.value = json.dumps(value, ensure_ascii=False, indent=None if _flat(value) else 2)
        except (TypeError, ValueError, RecursionError) as error:
            raise UnsupportedValue from error

    def clear(self) -> None:
        self.widget.value = ""


class Custom(Control):
    """A widget of the user's own, made by the field's ``widget``; it must have a ``value``."""

    def build(self) -> None:
        self.widget = self.field.widget() if self.field.widget is not None else None
        self._first = self.widget.value
        self.watch(self.widget)

    def get(self) -> Value:
        return UNSET if self.widget.value is None else self.widget.value

    def set(self, value: Any) -> None:
        try:
            self.widget.value = value
        except Exception as error:
            raise UnsupportedValue from error

    def clear(self) -> None:
        self.widget.value = self._first


def _flat(value: Any) -> bool:
    return not isinstance(value, dict | list) or len(json.dumps(value)) < 60


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")
