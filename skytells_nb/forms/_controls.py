"""What every control is, and those for one plain value.

Texts, secrets, colours, JSON, numbers, yes or no, and choices from a list.

A number is typed into a text box on purpose, beside a slider where the range is known. A number box of
ipywidgets clamps in silence, has no way to be empty, and sends whole numbers through JavaScript, which loses
those above 2^53.
"""

from __future__ import annotations

import json
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import ipywidgets as w

from ..schema import UNSET, is_same
from ._codegen import Secret, literal
from ._fields import Field, range_text
from ._views import Layouts, set_classes

_BREAKS = frozenset("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")


Applies = Callable[[Field, Mapping[str, Any]], bool]
"""Decides whether a value asks for a field; some are asked for only under a condition."""


class UnsupportedValueError(ValueError):
    """A control cannot show this value as it is; the form keeps it all the same."""


class Control(ABC):
    """The widgets of one field. It shows a value that the form holds, and says what was typed instead.

    Subclasses have two methods: ``build`` makes the widgets, and ``display`` shows a value in them. What
    happens in a widget ends in `edited`.
    """

    widget: Any
    hint = ""  # what is worth saying under it, whatever its value is

    def __init__(
        self,
        field: Field,
        layouts: Layouts,
        changed: Callable[[], None],
        applies: Applies,
    ) -> None:
        self.field = field
        self.layouts = layouts
        self.applies = applies
        self.value: Any = UNSET  # what was last shown or typed
        self.problem = ""  # what is wrong with what was typed
        self.remark = ""  # what is worth saying of its value
        self._changed = changed
        self._showing = 1
        self.build()
        self._showing = 0
        self.show(UNSET)

    @abstractmethod
    def build(self) -> None:
        """Make the widgets; ``widget`` is what stands in the form."""

    @abstractmethod
    def display(self, value: Any) -> None:
        """Show a value, or with `UNSET` that there is none; `UnsupportedValueError` where that cannot be."""

    def show(self, value: Any) -> None:
        """Show a value that was set from elsewhere, or with `UNSET` the schema's default."""
        self.value, self.problem, self.remark = value, "", ""
        self._showing += 1
        try:
            self.display(self.field.default if value is UNSET else value)
        except UnsupportedValueError:
            self.display(UNSET)
            if value is not UNSET:
                text = "null" if value is None else literal(value)
                self.remark = f"Set to {text if len(text) <= 60 else text[:59] + '…'}."
        finally:
            self._showing -= 1

    def edited(self, value: Any, problem: str = "") -> None:
        if not self._showing:
            self.value, self.problem, self.remark = value, problem, ""
            self._changed()

    def edited_list(self, items: Any, problem: str = "") -> None:
        """Take a list or a dict: an empty one is sent where its key is needed, or has another default."""
        kept = items or self.field.required or self.field.default is not UNSET
        self.edited(items if kept else UNSET, problem)

    def make(
        self, kind: Any, changed: Callable[[Any], object], classes: tuple[str, ...] = (), **traits: Any
    ) -> Any:
        """Make a widget that tells its new value; assistive technology knows it by the field's label."""
        widget = kind(
            description=self.field.label,
            style=self.layouts.text_style,
            _dom_classes=("sky-labelled", *classes),
            **{"layout": self.layouts.wide, **traits},
        )
        widget.observe(lambda change: changed(change["new"]), "value")
        return widget


class TextLine(Control):
    """A text. Emptied it is not set, unless the schema's default is some other text.

    A browser's box of one line throws line breaks away at the first key, so a text that has some gets a box
    of several lines in its place.
    """

    def build(self) -> None:
        self.widget = w.VBox([self.make_box(1)], layout=self.layouts.wide)

    def make_box(self, rows: int) -> Any:
        kind, traits = (w.Text, {}) if rows == 1 else (w.Textarea, {"rows": rows})
        classes = ("sky-prompt",) if self.field.place == "prompt" else ()
        self.box = self.make(kind, self._typed, classes, placeholder=self.field.placeholder, **traits)
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
        self.widget = self.make(
            w.Combobox,
            lambda text: self.edited(text or UNSET),
            placeholder=self.field.placeholder,
            options=[label for label, _ in self.field.choices],
            ensure_option=False,
        )

    def display(self, value: Any) -> None:
        if value is not UNSET and (not isinstance(value, str) or _BREAKS & set(value)):
            raise UnsupportedValueError
        self.widget.value = "" if value is UNSET else value


class Lines(Control):
    """A list of texts, one a line; as a JSON list where one of them has line breaks or edge spaces."""

    def build(self) -> None:
        self.widget = self.make(
            w.Textarea, lambda text: self.edited_list(lines_of(text)), placeholder="one a line", rows=3
        )

    def display(self, value: Any) -> None:
        items = [] if value is UNSET else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise UnsupportedValueError
        self.widget.value = text_of_lines(items)


def lines_of(text: str) -> list[str]:
    """Read texts, one a line, or a JSON list of them."""
    found = _list_of_texts(text)
    return [line.strip() for line in text.split("\n") if line.strip()] if found is None else found


def text_of_lines(items: list[str]) -> str:
    """Write texts so that `lines_of` reads them."""
    plain = all(item and item == item.strip() and not _BREAKS & set(item) for item in items)
    text = "\n".join(items)
    return text if plain and _list_of_texts(text) is None else json.dumps(items)


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
        self.widget = self.make(w.Password, self._take, continuous_update=False)

    def _take(self, typed: str) -> None:
        if typed:
            self.widget.value = ""
            self._explain(True)
            self.edited(Secret.of(typed, self.field.name))

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
        self.widget = self.make(w.ColorPicker, self.edited, value="#000000", layout=self.layouts.natural)

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
        self.widget = self.make(w.Textarea, self._typed, ("sky-json",), placeholder=hint, rows=3)

    def _typed(self, text: str) -> None:
        if not text.strip():
            self.edited(UNSET)
            return

        def refuse(word: str) -> None:
            raise ValueError(f"{word} is no number in JSON")

        try:
            found = json.loads(text, parse_constant=refuse)
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


_LARGEST_SEED: Final = 2**32 - 1
_NOT_SET = "not set"


class Number(Control):
    """A number; an empty box means not set."""

    def build(self) -> None:
        field, bounded = self.field, self.field.kind == "slider"
        self._following = False
        self._stop: float | None = None
        layout = self.layouts.beside_slider if bounded else self.layouts.narrow
        self.box = self.make(w.Text, self._typed, placeholder=field.placeholder, layout=layout)
        self.slider: Any = None
        self.widget = self.box
        if bounded:
            make = w.IntSlider if field.integer and isinstance(field.step, int) else w.FloatSlider
            self.slider = make(
                value=field.low,
                min=field.low,
                max=field.high,
                step=field.step,
                readout=False,
                layout=self.layouts.growing,
                style=self.layouts.slider_style,
                tooltip=field.label,
                _dom_classes=("sky-slider", "sky-unset"),
            )
            self.slider.observe(self._slid, "value")
            self.widget = w.HBox([self.slider, self.box], layout=self.layouts.wide, _dom_classes=("sky-row",))

    def _slid(self, change: Any) -> None:
        value = change["new"]
        # A browser moves a slider to the nearest stop and reports that; what was typed must not follow it.
        reported = self._stop is not None and abs(value - self._stop) * 2 < self.slider.step
        if not self._following and not reported:
            # rounded, as the slider's own floats are not: 0.30000000000000004
            self.box.value = str(value) if isinstance(value, int) else f"{value:.10g}"

    def _typed(self, text: str) -> None:
        value, problem = read_number(self.field, text.strip())
        self._follow(value)
        self.edited(value, problem)

    def _follow(self, value: Any) -> None:
        """Let the slider show what the box holds, as far as it can."""
        if self.slider is None:
            return
        self._following = True
        try:
            self._stop = None
            if value is not UNSET:
                low, high, step = self.slider.min, self.slider.max, self.slider.step
                stops = round((min(max(value, low), high) - low) / step)
                self.slider.value = self._stop = min(low + stops * step, high)
            set_classes(self.slider, ("sky-slider", "sky-unset") if value is UNSET else ("sky-slider",))
        finally:
            self._following = False

    def display(self, value: Any) -> None:
        if value is UNSET:
            self.box.value = ""
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UnsupportedValueError
        else:
            whole = self.field.integer and value == int(value)
            self.box.value = str(int(value)) if whole else repr(value)
        self._follow(value)


class Seed(Number):
    """A seed: empty for chance, typed, or drawn by the dice. What stands there stays for the next one."""

    def build(self) -> None:
        super().build()
        dice = self.layouts.make_button(self.roll, icon="dice", tooltip="Roll a seed")
        self.widget = w.HBox([self.box, dice], layout=self.layouts.wide, _dom_classes=("sky-row",))

    def roll(self) -> None:
        """Draw a seed within its bounds."""
        low = 0 if self.field.low is None else int(self.field.low)
        high = low + _LARGEST_SEED if self.field.high is None else int(self.field.high)
        self.box.value = str(random.randint(low, max(low, high)))  # noqa: S311 - no secret


def read_number(field: Field, typed: str) -> tuple[Any, str]:
    """Read what was typed for a field: a number, `UNSET` for nothing, or what is wrong with it."""
    if not typed:
        return UNSET, ""
    number = _number(typed)
    if number is None:
        example = range_text(field.low, field.high) or ("42" if field.integer else "0.5")
        return UNSET, f"{typed[:40]!r} is no number. Write one as {example}."
    if isinstance(number, float) and field.integer:
        return UNSET, f"A whole number is needed, not {typed[:40]}."
    return number, ""


def _number(typed: str) -> int | float | None:
    """Read a whole number of any size, or a finite fraction; None for what is neither."""
    text = typed.replace(" ", "").replace("_", "").replace("\u2009", "")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return None
    if not exact.is_finite() or abs(exact.adjusted()) > 300:
        return None
    return int(exact) if exact == exact.to_integral_value() and "." not in text else float(exact)


def chooser(control: Control, labels: Sequence[str], changed: Callable[[Any], object], *, free: bool) -> Any:
    """Make a widget to choose one of several by position, -1 for none: a few buttons, or a drop-down.

    Widgets are given positions, since values may be of any type and equal across types (1 and True).
    """
    options = [(label, at) for at, label in enumerate(labels)]
    options = [(_NOT_SET, -1), *options] if free else options
    first = -1 if free else None
    layouts = control.layouts
    if len(labels) <= 4 and sum(len(label) + 3 for label in labels) <= 44:
        buttons = w.ToggleButtons(
            options=options,
            value=first,
            layout=layouts.wide,
            style=layouts.buttons_style,
            tooltip=control.field.label,
        )
        buttons.observe(lambda change: changed(change["new"]), "value")
        return buttons
    return control.make(w.Dropdown, changed, options=options, value=first, layout=layouts.natural)


def _position(values: Sequence[Any], value: Any) -> int:
    at = next((at for at, known in enumerate(values) if is_same(known, value)), None)
    if at is None:
        raise UnsupportedValueError
    return at


class Select(Control):
    """One of a list."""

    def build(self) -> None:
        field = self.field
        free = field.default is UNSET and not field.required
        self.widget = chooser(self, [label for label, _ in field.choices], self._chosen, free=free)
        self._nothing = self.widget.value

    def _chosen(self, at: int | None) -> None:
        self.edited(UNSET if at is None or at < 0 else self.field.choices[at][1])

    def display(self, value: Any) -> None:
        values = [each for _, each in self.field.choices]
        self.widget.value = self._nothing if value is UNSET else _position(values, value)


class Checkbox(Control):
    """Yes or no, where the schema says which of them is the default."""

    def build(self) -> None:
        self.widget = w.Checkbox(
            description=self.field.help or self.field.label,
            indent=False,
            layout=self.layouts.wide,
            style=self.layouts.checkbox_style,
        )
        self.widget.observe(lambda change: self.edited(bool(change["new"])), "value")

    def display(self, value: Any) -> None:
        if not isinstance(value, bool) and value is not UNSET:
            raise UnsupportedValueError
        self.widget.value = value is True


class MultiSelect(Control):
    """Several of a list: checkboxes, or a list to select in.

    They show which values there are, not their order or how often each is there. Both are kept: what is
    chosen anew comes last, and what is no longer chosen goes.
    """

    def build(self) -> None:
        choices = self.field.choices
        self._boxes: list[Any] = []
        if len(choices) > 6:
            options = [(label, at) for at, (label, _) in enumerate(choices)]
            self.widget = self.make(
                w.SelectMultiple, lambda _: self._chosen(), options=options, rows=min(8, len(options))
            )
            return
        for label, _ in choices:
            box = w.Checkbox(description=label, indent=False, layout=self.layouts.button)
            box.observe(lambda _: self._chosen(), "value")
            self._boxes.append(box)
        self.widget = w.HBox(self._boxes, layout=w.Layout(flex_flow="row wrap"), _dom_classes=("sky-row",))

    def _chosen(self) -> None:
        if self._showing:
            return
        marked = [at for at, box in enumerate(self._boxes) if box.value] if self._boxes else self.widget.value
        before = self._positions(self.field.default if self.value is UNSET else self.value)
        kept = [at for at in before if at in marked]
        chosen = [*kept, *(at for at in marked if at not in kept)]
        self.edited_list([self.field.choices[at][1] for at in chosen])
        self._explain()

    def _positions(self, value: Any) -> list[int]:
        try:
            known = [each for _, each in self.field.choices]
            return [_position(known, item) for item in value] if isinstance(value, list) else []
        except UnsupportedValueError:
            return []

    def _explain(self) -> None:
        """Say in which order they are sent, where that is not the one in which they stand."""
        positions = self._positions(self.value)
        if positions != sorted(set(positions)):
            self.remark = f"In this order: {', '.join(self.field.choices[at][0] for at in positions)}."

    def display(self, value: Any) -> None:
        positions = [] if value is UNSET else self._positions(value)
        if value is not UNSET and not (isinstance(value, list) and len(positions) == len(value)):
            raise UnsupportedValueError
        if self._boxes:
            for at, box in enumerate(self._boxes):
                box.value = at in positions
        else:
            self.widget.value = tuple(sorted(set(positions)))
        self._explain()
