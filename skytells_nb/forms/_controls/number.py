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

from ...schema import UNSET
from .._rules import range_text
from .._views import set_classes
from .base import Control, UnsupportedValueError

_LARGEST_SEED: Final = 2**32 - 1


class Number(Control):
    """A number; an empty box means not set."""

    def build(self) -> None:
        field, bounded = self.field, self.field.kind == "slider"
        self._following = False
        self._stop: float | None = None
        self.box = w.Text(
            **self.accessible_traits(
                placeholder=field.placeholder,
                continuous_update=True,
                layout=self.layouts.beside_slider if bounded else self.layouts.narrow,
            )
        )
        self.box.observe(lambda change: self._typed(change["new"]), "value")
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
        value = change["new"]
        # A browser moves a slider to the nearest stop and reports that; what was typed must not follow it.
        reported = self._stop is not None and abs(value - self._stop) * 2 < self.slider.step
        if not self._following and not reported:
            # rounded, as the slider's own floats are not: 0.30000000000000004
            self.box.value = str(value) if isinstance(value, int) else f"{value:.10g}"

    def _typed(self, text: str) -> None:
        value, problem = self._read(text.strip())
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

    def _read(self, typed: str) -> tuple[Any, str]:
        """Read what was typed: a number, or what is wrong with it."""
        if not typed:
            return UNSET, ""
        number = _number(typed)
        if number is None:
            example = range_text(self.field.low, self.field.high) or ("42" if self.field.integer else "0.5")
            return UNSET, f"{typed[:40]!r} is no number. Write one as {example}."
        if isinstance(number, float) and self.field.integer:
            return UNSET, f"A whole number is needed, not {typed[:40]}."
        return number, ""

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
