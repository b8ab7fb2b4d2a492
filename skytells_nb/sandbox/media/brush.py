"""What every part of a picture is painted with: canvas, scene, light, and two sources of chance."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from .asked import dice
from .canvas import Canvas
from .palette import Light, light_for
from .scene import Scene


@dataclass(slots=True)
class Brush:
    """One picture being painted.

    `horizon` is the row where sky meets ground, `sun_x` and `sun_y` where sun or moon stands, all in pixels;
    `water` is the row below which water lies, if any does;
    `chance` picks single numbers and `rng` fills arrays, both from the scene's key.
    """

    canvas: Canvas
    scene: Scene
    light: Light
    chance: random.Random
    rng: np.random.Generator
    horizon: float
    sun_x: float
    sun_y: float
    water: float | None = None


def brush_for(canvas: Canvas, scene: Scene) -> Brush:
    """Set up to paint a scene on a canvas."""
    chance = dice(scene.key ^ 0x5EED)
    light = light_for(scene.light, chance)
    horizon = canvas.h * chance.uniform(0.52, 0.62)
    side = chance.choice((-1, 1))
    return Brush(
        canvas=canvas,
        scene=scene,
        light=light,
        chance=chance,
        rng=np.random.default_rng(scene.key),
        horizon=horizon,
        sun_x=canvas.w * (0.5 + side * chance.uniform(0.08, 0.3)),
        sun_y=horizon * light.high,
    )
