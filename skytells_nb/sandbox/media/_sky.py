"""The sky: sun or moon, clouds, stars and northern lights; fog, snow and rain; and outer space."""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image, ImageDraw

from ._painting import Painting, Placed, blur, clouds, enlarge, grid, outline, stamp
from ._scene import RGB, dim, load, mix, parse_color

_MARIA = ((-0.3, -0.2, 0.26), (0.28, 0.22, 0.2), (0.12, -0.42, 0.13), (-0.24, 0.42, 0.15))


def paint_sky(p: Painting, *, bottom: float | None = None) -> None:
    """Paint the whole sky down to the row `bottom`, or the horizon."""
    c, light = p.canvas, p.light
    low = int(min(c.h, (p.horizon if bottom is None else bottom) + 2))
    c.vertical([(0, light.zenith), (0.58, light.middle), (1, light.low)], 0, low)
    c.vertical([(0, light.low)], low)
    if p.dark:
        _stars(p, low * 0.9, 420 if light.name == "night" else 70)
    if light.name == "night" and p.scene.says("aurora|northern lights"):
        _aurora(p, low)
    if light.name != "night" or p.chance.random() < 0.3:
        _clouds(p, low)
    c.shine(p.sun_x, p.sun_y, c.u * 0.5, mix(light.sun, light.low, 0.45), 0.55 * light.glow)
    if light.disc:
        c.shine(p.sun_x, p.sun_y, c.u * 0.16, light.sun, 0.5 * light.glow)
        size = c.u * light.disc
        c.oval(p.sun_x, p.sun_y, size, size, light.sun)
        for dx, dy, r in _MARIA if light.name == "night" else ():
            c.oval(p.sun_x + dx * size, p.sun_y + dy * size, r * size, r * size, (214, 222, 240), 0.8)


def _stars(p: Painting, low: float, many: float) -> None:
    """Scatter stars over the rows above `low`, `many` for every square of the picture's short side."""
    c = p.canvas
    count = int(c.w * low / (c.u * c.u) * many * p.detail)
    xs, ys, power = p.rng.random(count) * c.w, p.rng.random(count) ** 1.3 * low, p.rng.random(count) ** 6
    for x, y, part in zip(xs.tolist(), ys.tolist(), power.tolist(), strict=True):
        r = c.u * (0.0006 + 0.0023 * part)
        c.oval(x, y, r, r, (237, 240, 255), 0.33 + 0.67 * part)


def _aurora(p: Painting, low: int) -> None:
    """Hang curtains of light, green at the hem and violet above."""
    c = p.canvas
    wide, tall = c.w // 4 + 2, low // 4 + 2
    rows, xs = np.arange(tall, dtype=np.float32)[:, None] / tall, np.linspace(0, 1, wide)
    for band in range(3):
        hem = 0.62 - 0.13 * band + 0.09 * np.sin(xs * p.chance.uniform(5, 9) + p.chance.uniform(0, 6))
        rise = (hem - rows) / 0.34
        rays = np.clip(0.62 + 0.55 * outline(p.rng, wide, 34 * c.w / c.u, octaves=3), 0, 1)
        rays = rays * np.clip(0.6 + 0.7 * outline(p.rng, wide, 2.5, octaves=2), 0, 1)
        violet = np.clip(rise * 0.8, 0, 1)
        glow = np.exp(np.where(rise > 0, -3 * rise, 26 * rise)) * rays * 0.85
        c.blend(enlarge(glow * violet, c.w, low, 4), 0, 0, (150, 90, 230))
        c.blend(enlarge(glow * (1 - violet), c.w, low, 4), 0, 0, (60, 240, 160))


def _clouds(p: Painting, low: int) -> None:
    """Draw long flat-bottomed streaks, lit from below when the sun is low; or a whole deck."""
    c, light = p.canvas, p.light
    wide, tall = c.w // 4 + 2, max(8, low // 4 + 2)
    if light.name == "overcast":
        field = clouds(p.rng, wide, tall, 3.2 * c.w / c.u, octaves=5, stretch=3)
        parts = np.clip((field - 0.38) * 2.6, 0, 1) * 0.75, np.clip((0.5 - field) * 5, 0, 1) * 0.4
        colors = dim(light.zenith, 0.82), dim(light.low, 1.08)
    else:
        field = clouds(p.rng, wide, tall, 2.4 * c.w / c.u, octaves=5, stretch=4.2)
        where = np.clip(1.5 - np.abs(np.linspace(0, 1, tall)[:, None] - 0.55) * 2.6, 0, 1)
        mask = np.clip((field - 0.5) * 7, 0, 1) * where * 0.62
        under = np.clip((np.roll(field, -max(1, tall // 30), axis=0) - field) * 6 + 0.5, 0, 1)
        parts = mask * (1 - under), mask * under
        bright = light.low if light.name == "night" else mix(light.sun, (255, 255, 255), 0.3)
        colors = mix(light.middle, light.haze, 0.5), bright
        if light.name in ("sunset", "golden", "morning"):
            colors = mix(light.zenith, light.middle, 0.55), mix(light.sun, light.low, 0.35)
    for part, color in zip(parts, colors, strict=True):
        c.blend(enlarge(part, c.w, low, 4), 0, 0, color)


def paint_fog(p: Painting, *, at: float, thick: float, strength: float = 0.6) -> None:
    """Draw a drifting bank of fog about the row `at`, `thick` pixels deep."""
    c = p.canvas
    y0, y1 = max(0, int(at - thick)), min(c.h, int(at + thick))
    if y1 > y0 + 4:
        wide, tall = c.w // 8 + 2, (y1 - y0) // 8 + 2
        field = clouds(p.rng, wide, tall, 3 * c.w / c.u, octaves=3, stretch=3)
        rows = (np.arange(tall, dtype=np.float32)[:, None] * 8 + y0 - at) / thick
        bank = np.clip(0.35 + 1.1 * field, 0, 1) * np.clip(1 - rows**2, 0, 1) * strength
        c.blend(enlarge(bank, c.w, y1 - y0, 8), 0, y0, p.light.haze)


def paint_beams(p: Painting, *, strength: float = 0.3) -> None:
    """Send beams of light down from where the sun stands."""
    c, chance = p.canvas, p.chance
    wide, tall = c.w // 8 + 2, c.h // 8 + 2
    ys, xs = grid(0, tall, 0, wide)
    angle = np.arctan2(xs - p.sun_x / 8, ys - (p.sun_y - c.u * 0.4) / 8)
    phase, pace = chance.uniform(0, 6), chance.uniform(26, 34)
    rays = np.clip(np.sin(angle * pace + phase) * 0.6 + np.sin(angle * pace * 2.3 + 1) * 0.4, 0, 1)
    mask = rays * np.clip(1.1 - ys / tall, 0, 1) * np.exp(-((angle / (math.pi / 3.2)) ** 2)) * strength
    c.blend(enlarge(mask, c.w, c.h, 8), 0, 0, p.light.sun)


def falling(
    weather: str, size: tuple[int, int], chance: random.Random, count: float, length: float, level: int,
    soft: float,
) -> Image.Image:  # fmt: skip
    """Return a mask of what falls: flakes of snow or streaks of rain, as ``data/weather.toml`` says."""
    image = Image.new("L", (size[0] * 2, size[1] * 2), 0)
    draw, unit = ImageDraw.Draw(image), min(image.size) * length
    for _ in range(round(count * size[0] * size[1] / min(size) ** 2)):
        x, y = chance.uniform(0, image.width), chance.uniform(0, image.height)
        r = max(0.9, unit * chance.uniform(0.6, 1.4))
        if weather == "snow":
            draw.ellipse((x - r, y - r, x + r, y + r), fill=level)
        else:
            draw.line((x, y, x - r * 0.18, y + r), fill=level, width=max(1, round(unit * 0.022)))
    return blur(image.reduce(2), soft * min(size))


def paint_weather(p: Painting) -> None:
    c, weather = p.canvas, p.scene.weather
    layers = load("weather").get(weather, {}).get("still", ())
    if layers and p.scene.place != "space":
        masks = [falling(weather, (c.w, c.h), p.chance, *layer) for layer in layers]
        air = np.maximum.reduce([np.asarray(mask, np.float32) for mask in masks]) / 255
        light = p.light.sun if weather == "snow" else p.light.low
        color = mix((255, 255, 255), light, 0.2 if weather == "snow" else 0.5)
        c.blend(air, 0, 0, dim(color, 0.88) if p.light.name == "night" else color)


def paint_space(p: Painting) -> None:
    """Fill the canvas with space: nebulae and a dense field of stars."""
    c, chance = p.canvas, p.chance
    c.vertical([(0, (8, 8, 26)), (0.6, (16, 14, 44)), (1, (24, 18, 56))])
    wide, tall = c.w // 4 + 2, c.h // 4 + 2
    lean = np.linspace(0, 1, wide)[None, :] - np.linspace(0, 1, tall)[:, None]
    band = np.exp(-((lean - chance.uniform(-0.35, 0.35)) ** 2) * 9) * 0.75 + 0.2
    first, second = (parse_color(text) for text in chance.choice(load("space")["nebulae"]))
    dark: RGB = (12, 8, 30)
    for color, cells, least, gain in ((first, 2.4, 0.4, 2.2), (second, 2.4, 0.4, 2.2), (dark, 4, 0.52, 3)):
        field = np.clip((clouds(p.rng, wide, tall, cells * c.w / c.u, octaves=6) - least) * gain, 0, 1)
        c.blend(enlarge(field**1.3 * band, c.w, c.h, 4), 0, 0, color)
    _stars(p, c.h, 900)
    for _ in range(5):
        x, y, r = chance.random() * c.w, chance.random() * c.h, c.u * chance.uniform(0.012, 0.026)
        c.shine(x, y, r * 0.5, (255, 255, 255), 0.9)
        c.shine(x, y, r * 1.6, first, 0.35)


def paint_planet(p: Painting, *, x: float, at: float, size: float, ring: float = 0.0) -> None:
    """Hang a planet, lit from the left; `ring` is how likely it has a ring."""
    c, chance = p.canvas, p.chance
    light_side, dark_side = (parse_color(text) for text in chance.choice(load("space")["planets"]))
    c.shine(x, at, size * 1.15, light_side, 0.4)
    tilt, ringed = chance.uniform(-0.4, 0.4), chance.random() < ring
    band = {"ring": mix(light_side, (255, 250, 240), 0.3)}
    hoop = Placed("ring_behind", x, at + size * 0.55, size * 1.1, band)
    if ringed:
        stamp(p, hoop, turn=tilt, plain=True)
    x0, y0, span = int(x - size) - 1, int(at - size) - 1, int(2 * size) + 3
    ys, xs = grid(y0, y0 + span, x0, x0 + span)
    u, v = (xs - x) / size, (ys - at) / size
    far = np.sqrt(u * u + v * v)
    sun = np.clip(-0.72 * u - 0.45 * v + 0.55 * np.sqrt(np.clip(1 - far * far, 0, 1)) + 0.05, 0, 1)
    texture = clouds(p.rng, span, span, 3, octaves=5, stretch=2.5)
    latitude = v * np.cos(tilt) + u * np.sin(tilt)
    bands = 0.5 + 0.32 * np.sin(latitude * chance.uniform(9, 16) + 4 * texture) + 0.5 * (texture - 0.5)
    bright, dark = np.asarray(light_side, np.float32), np.asarray(dark_side, np.float32)
    surface = dark + np.clip(bands, 0, 1)[:, :, None] * (bright - dark)
    edge = np.clip((far - 0.86) * 2.5, 0, 0.5) * sun
    color = surface * (0.05 + 1.15 * sun)[:, :, None] + bright * edge[:, :, None]
    c.blend(np.clip((1 - far) * size + 0.5, 0, 1), x0, y0, np.clip(color, 0, 255))
    if ringed:
        stamp(p, hoop._replace(name="ring_before"), turn=tilt, plain=True)
