"""Controls for numbers: a box to type in, beside a slider where the range is known.

The box is a text box on purpose. A number box of ipywidgets clamps in silence, has no way to be empty, and
sends whole numbers through JavaScript, which loses those above 2^53.
"""

from __future__ import annotations

import math
import random
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import ipywidgets as w

from .._fields import UNSET, Value
from ..kinds import range_told
from .base import Control, UnsupportedValue

__all__ = ["Number", "Seed"]

_LARGEST_SEED: Final = 2**32 - 1


class Number(Control):
    """A number; an empty box means not set."""

    def build(self) -> None:
        field, bounded = self.field, self.field.kind == "slider"
        self._following = False
        self.box = w.Text(
            **self.accessible_traits(
                placeholder=field.placeholder,
                continuous_update=True,
                layout=self.layouts.beside_slider if bounded else self.layouts.narrow,
            )
        )
        self.box.observe(self._typed, "value")
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
                continuous_update=True,
                layout=self.layouts.growing,
                style=self.layouts.slider_style,
                tooltip=field.label,
                _dom_classes=("sky-slider", "sky-unset"),
            )
            self.slider.observe(self._slid, "value")
            self.widget = w.HBox([self.slider, self.box], layout=self.layouts.wide, _dom_classes=("sky-row",))

    def _slid(self, change: Any) -> None:
        if not self._following:
            self.box.value = self._written(change["new"])

    def _typed(self, _: Any) -> None:
        self._follow()
        self._changed()

    def _follow(self) -> None:
        """Let the slider show what the box holds, as far as it can."""
        if self.slider is None:
            return
        value = self.get()
        self._following = True
        try:
            if value is not UNSET and self.field.low is not None and self.field.high is not None:
                shown = min(max(value, self.field.low), self.field.high)
                self.slider.value = round(shown) if isinstance(self.slider, w.IntSlider) else float(shown)
            classes = ("sky-slider", "sky-unset") if value is UNSET else ("sky-slider",)
            if tuple(self.slider._dom_classes) != classes:  # noqa: SLF001 - what add_class sets, in one message
                self.slider._dom_classes = classes  # noqa: SLF001
        finally:
            self._following = False

    def get(self) -> Value:
        typed = self.box.value.strip()
        self.problem = ""
        if not typed:
            return UNSET
        number = _number(typed)
        if number is None:
            example = range_told(self.field.low, self.field.high) or ("42" if self.field.integer else "0.5")
            self.problem = f"{typed[:40]!r} is no number. Write one as {example}."
            return UNSET
        if isinstance(number, float) and self.field.integer:
            self.problem = f"A whole number is needed, not {typed[:40]}."
            return UNSET
        return number

    def set(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnsupportedValue
        if isinstance(value, float) and not math.isfinite(value):
            raise UnsupportedValue
        self.box.value = self._written(value)

    def clear(self) -> None:
        self.box.value = ""

    def _written(self, value: float) -> str:
        if isinstance(value, int) or (self.field.integer and value == int(value)):
            return str(int(value))
        return f"{value:.10g}"


class Seed(Number):
    """A seed: empty for chance, typed, or drawn by the dice. What stands there stays for the next one."""

    def build(self) -> None:
        super().build()
        dice = w.Button(
            icon="dice", tooltip="Roll a seed", layout=self.layouts.button, _dom_classes=("sky-quiet",)
        )
        dice.on_click(lambda _: self.roll())
        self.widget = w.HBox([self.box, dice], layout=self.layouts.wide, _dom_classes=("sky-row",))

    def roll(self) -> None:
        """Draw a seed within its bounds."""
        low = 0 if self.field.low is None else int(self.field.low)
        high = low + _LARGEST_SEED if self.field.high is None else int(self.field.high)
        self.box.value = str(random.randint(low, max(low, high)))  # noqa: S311 - no secret


def _number(typed: str) -> int | float | None:
    """Read what was typed: a whole number of any size, or a finite fraction."""
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
