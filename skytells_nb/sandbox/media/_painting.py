"""A painting in the making: what every painter is handed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from ._canvas import Canvas
from ._color import RGB, Light, light_for
from ._noise import Plane
from ._params import dice
from ._scene import Scene


@dataclass(slots=True)
class Painting:
    """One picture being painted; the sun stands on the left, and half of all pictures are turned over.

    `horizon` is the row where sky meets ground, `sun_x` and `sun_y` where sun or moon stands, all in pixels;
    `water` is the row below which water lies, if any does; `ground` is the outline painted last, a row for
    every column. `x`, `foot` and `tall` are where a subject may stand, and how tall a fox would be there.
    `detail` multiplies how much grows and shines. `chance` picks single numbers and `rng` fills arrays.
    """

    canvas: Canvas
    scene: Scene
    light: Light
    chance: random.Random
    rng: np.random.Generator
    horizon: float
    sun_x: float
    sun_y: float
    ground: Plane
    water: float | None = None
    detail: float = 1.0
    x: float = 0.0
    foot: float = 0.0
    tall: float = 0.0
    colors: dict[str, RGB] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    @property
    def dark(self) -> bool:
        """Whether it is night, or nearly."""
        return self.light.name in ("night", "dusk")


def start_painting(canvas: Canvas, scene: Scene) -> Painting:
    """Return an empty painting of a scene."""
    chance = dice(scene.key ^ 0x5EED)
    light = light_for(scene.light, chance)
    horizon = canvas.h * chance.uniform(0.52, 0.62)
    return Painting(
        canvas=canvas,
        scene=scene,
        light=light,
        chance=chance,
        rng=np.random.default_rng(scene.key),
        horizon=horizon,
        sun_x=canvas.w * (0.5 - chance.uniform(0.08, 0.3)),
        sun_y=horizon * light.high,
        ground=np.full(canvas.w, horizon, np.float32),
    )
