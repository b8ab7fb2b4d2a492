"""Controls for what is written: prompts, short texts, secrets, lists by the line, colours, JSON."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets as w

from ...schema import UNSET
from .._codegen import Secret
from .base import Control, UnsupportedValueError

_BREAKS = frozenset("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")


class TextLine(Control):
    """A text. Emptied it is not set, unless the schema's default is some other text.

    A browser's box of one line throws line breaks away at the first key, so a text that has some gets a box
    of several lines in its place.
    """

    def build(self) -> None:
        self.widget = w.VBox([self.make_box(1)], layout=self.layouts.wide)

    def make_box(self, rows: int) -> Any:
        traits = self.accessible_traits(
            placeholder=self.field.placeholder,
            layout=self.layouts.wide,
            continuous_update=True,
            classes=("sky-prompt",) if self.field.place == "prompt" else (),
        )
        self.box = w.Text(**traits) if rows == 1 else w.Textarea(**traits, rows=rows)
        self.box.observe(lambda change: self._typed(change["new"]), "value")
        return self.box

    def _typed(self, text: str) -> None:
        self.edited(text if text or self.field.default not in (UNSET, "") else UNSET)

    def display(self, value: Any) -> None:
        text = "" if value is UNSET else value
        if not isinstance(text, str):
            raise UnsupportedValueError
        if isinstance(self.box, w.Text) and _BREAKS & set(text):
            self.widget.children = [self.make_box(3)]
        self.box.value = text


class Prose(TextLine):
    """Several lines of text."""

    def build(self) -> None:
        self.widget = self.make_box(4 if self.field.place == "prompt" else 2)


class Suggestions(Control):
    """A text with suggestions."""

    def build(self) -> None:
        self.widget = w.Combobox(
            options=[label for label, _ in self.field.choices],
            ensure_option=False,
            **self.accessible_traits(
                placeholder=self.field.placeholder, layout=self.layouts.wide, continuous_update=True
            ),
        )
        self.widget.observe(lambda change: self.edited(change["new"] or UNSET), "value")

    def display(self, value: Any) -> None:
        if value is not UNSET and (not isinstance(value, str) or _BREAKS & set(value)):
            raise UnsupportedValueError
        self.widget.value = "" if value is UNSET else value


class Lines(Control):
    """A list of texts, one a line; as a JSON list where one of them has line breaks or edge spaces."""

    def build(self) -> None:
        self.widget = w.Textarea(
            **self.accessible_traits(
                placeholder="one a line", layout=self.layouts.wide, rows=3, continuous_update=True
            )
        )
        self.widget.observe(lambda change: self._typed(change["new"]), "value")

    def _typed(self, text: str) -> None:
        found = _list_of_texts(text)
        if found is None:
            found = [line.strip() for line in text.split("\n") if line.strip()]
        self.edited(found or ([] if self.field.required or self.field.default is not UNSET else UNSET))

    def display(self, value: Any) -> None:
        items = [] if value is UNSET else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise UnsupportedValueError
        plain = all(item and item == item.strip() and not _BREAKS & set(item) for item in items)
        text = "\n".join(items)
        self.widget.value = text if plain and _list_of_texts(text) is None else json.dumps(items)


def _list_of_texts(text: str) -> list[str] | None:
    """Read a JSON list of texts; None for what is none."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None


class Password(Control):
    """A secret: taken out of the box as soon as it is typed, so that no saved widget state has it."""

    def build(self) -> None:
        self.widget = w.Password(**self.accessible_traits(layout=self.layouts.wide, continuous_update=False))
        self.widget.observe(self._take, "value")

    def _take(self, change: Any) -> None:
        if not change["new"]:
            return
        secret = Secret.of(change["new"], self.field.name)
        self.widget.value = ""
        self._explain(True)
        self.edited(secret)

    def _explain(self, is_set: bool) -> None:
        text = "set, and not shown; type to replace it" if is_set else self.field.placeholder or "not set"
        self.widget.placeholder = text

    def show(self, value: Any) -> None:
        if isinstance(value, str) and not isinstance(value, Secret):
            value = Secret.of(value, self.field.name)
        super().show(value)

    def display(self, value: Any) -> None:
        self._explain(isinstance(value, str))


class Colour(Control):
    """A colour; the black that it begins with is not sent."""

    def build(self) -> None:
        self.widget = w.ColorPicker(value="#000000", **self.accessible_traits(layout=self.layouts.natural))
        self.widget.observe(lambda change: self.edited(change["new"]), "value")

    def display(self, value: Any) -> None:
        try:
            self.widget.value = "#000000" if value is UNSET else value
        except Exception as error:
            raise UnsupportedValueError from error


class Json(Control):
    """Any JSON, checked as it is typed; what no other control understands."""

    def build(self) -> None:
        kind = self.field.source.kind if self.field.source is not None else "object"
        hint = self.field.placeholder or {"array": "[ … ]", "object": "{ … }"}.get(kind, "JSON")
        self.widget = w.Textarea(
            **self.accessible_traits(
                placeholder=hint,
                layout=self.layouts.wide,
                rows=3,
                continuous_update=True,
                classes=("sky-json",),
            )
        )
        self.widget.observe(lambda change: self._typed(change["new"]), "value")

    def _typed(self, text: str) -> None:
        if not text.strip():
            self.edited(UNSET)
            return
        try:
            found = json.loads(text, parse_constant=_no_constant)
        except RecursionError:
            self.edited(UNSET, "This is nested too deep.")
        except json.JSONDecodeError as error:
            at = f"{error.msg} at line {error.lineno}, column {error.colno}"
            self.edited(UNSET, f"This is not JSON yet: {at}. Texts stand in double quotes.")
        except ValueError as error:
            self.edited(UNSET, f"This is not JSON yet: {error}.")
        else:
            if self.field.kind == "whole" and not isinstance(found, dict):
                self.edited(UNSET, "The input is an object, so it begins with { and ends with }.")
            else:
                self.edited(found)

    def display(self, value: Any) -> None:
        if value is UNSET:
            self.widget.value = ""
            return
        try:
            flat = json.dumps(value, ensure_ascii=False)
            short = not isinstance(value, dict | list) or len(flat) < 60
            self.widget.value = flat if short else json.dumps(value, ensure_ascii=False, indent=2)
        except (TypeError, ValueError, RecursionError) as error:
            raise UnsupportedValueError from error


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


class Custom(Control):
    """A widget of the user's own, made by the field's ``widget``; it must have a ``value``."""

    def build(self) -> None:
        self.widget = self.field.widget() if self.field.widget is not None else None
        self._first = self.widget.value
        self.widget.observe(self._typed, "value")

    def _typed(self, change: Any) -> None:
        self.edited(UNSET if change["new"] is None else change["new"])

    def display(self, value: Any) -> None:
        try:
            self.widget.value = self._first if value is UNSET else value
        except Exception as error:
            raise UnsupportedValueError from error
