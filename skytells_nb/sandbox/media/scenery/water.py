"""Water: what it mirrors, how the light glitters on it, and the waves that break."""

from __future__ import annotations

import numpy as np

from ..brush import Brush
from ..canvas import Pen, ramp
from ..noise import Plane, clouds, outline
from ..palette import RGB, dim, mix


def paint_mirror(b: Brush, top: float, bottom: float, color: RGB, *, clear: float = 0.7) -> None:
    """Lay still water from row `top` to row `bottom`: the picture above upside down, rippled and tinted."""
    c = b.canvas
    y0, y1 = max(1, int(top)), min(c.h, int(bottom))
    if y1 <= y0 + 1:
        return
    depth = np.arange(y1 - y0)
    source = np.clip(y0 - 1 - (depth * 0.98).astype(int), 0, y0 - 1)
    part = depth / max(1, y1 - y0)
    waves = np.sin(depth / (c.u * (0.004 + 0.016 * part)) + 2 * outline(b.rng, len(depth), 9))
    shift = (waves * c.u * (0.001 + 0.012 * part)).astype(int)
    cols = np.clip(np.arange(c.w)[None, :] + shift[:, None], 0, c.w - 1)
    mirrored = c.px[source[:, None], cols]
    tint = b.light.on(color)
    deep = ramp([(0, mix(tint, b.light.low, 0.45)), (1, dim(tint, 0.8))], y1 - y0)[:, None, :]
    c.touch(y0, y1)
    keep = (clear * (1 - 0.5 * part)).astype(np.float32)[:, None, None]
    c.px[y0:y1] = deep + (mirrored - deep) * keep
    paint_glitter(b, top, bottom, strength=0.5)


def paint_glitter(b: Brush, top: float, bottom: float, *, strength: float = 1.0) -> None:
    """Scatter the sun's or moon's path, and small bright ripples, over the water between two rows."""
    c, light = b.canvas, b.light
    y0, y1 = max(0, int(top)), min(c.h, int(bottom))
    if y1 <= y0 + 2:
        return
    count = y1 - y0
    texture = clouds(b.rng, 512, 512, 14, octaves=3, stretch=5.0)
    near = np.arange(count, dtype=np.float32) / count
    v = ((np.log1p(near * 9) * 230).astype(int)) % 512
    spread = 0.35 + 1.2 * near
    u = ((np.arange(c.w, dtype=np.float32)[None, :] / c.u * 360) / spread[:, None]).astype(int) % 512
    ripple = texture[v[:, None], u]
    xs = np.arange(c.w, dtype=np.float32)[None, :] - np.float32(b.sun_x)
    wide = (c.u * (0.05 + 0.16 * near))[:, None]
    path = np.exp(-((xs / wide) ** 2)) if light.name not in ("overcast", "dusk") else np.zeros_like(xs) + 0.12
    gleam = np.clip((ripple - 0.6 + 0.2 * path) * 9, 0, 1) * (0.16 + 0.84 * path) * np.float32(strength)
    c.blend(gleam.astype(np.float32), 0, y0, mix(light.sun, light.low, 0.15))
    dark = np.clip((0.4 - ripple) * 6, 0, 1) * np.float32(0.14 * strength)
    c.blend(dark.astype(np.float32), 0, y0, dim(mix(light.zenith, light.on((30, 90, 120)), 0.5), 0.7))


def sea_colors(b: Brush) -> tuple[RGB, RGB]:
    """Return the sea's colour at the horizon and close by, under the scene's light."""
    light = b.light
    if light.name in ("sunset", "golden", "dusk", "morning"):
        warm = {"sunset": 0.6, "golden": 0.15, "dusk": 0.4, "morning": 0.35}[light.name]
        return mix(light.low, light.middle, 0.45), mix(light.on((26, 108, 180)), light.shade, warm)
    return mix(light.low, light.on((60, 150, 170)), 0.55), light.on((18, 92, 122))


def paint_sea(b: Brush, top: float, bottom: float) -> None:
    """Lay open sea from the horizon at `top` down to `bottom`."""
    c = b.canvas
    far, near = sea_colors(b)
    c.vertical([(0, far), (0.25, mix(far, near, 0.5)), (1, near)], int(top), int(bottom))
    paint_glitter(b, top, bottom)


def paint_waves(
    b: Brush, top: float, *, count: int = 4, height: float = 0.05, bottom: float | None = None
) -> None:
    """Roll waves towards the viewer, each a crest with foam along it and a glassy face below."""
    c, light = b.canvas, b.light
    low = c.h if bottom is None else bottom
    horizon_color, deep = sea_colors(b)
    foam = mix(light.on((248, 251, 253)), light.sun, 0.35)
    for n in range(count):
        near = (n + 1) / count
        base = top + (low - top) * (near**1.25) * 0.86
        size = c.u * height * (0.35 + 0.9 * near)
        profile = (
            base - size * np.abs(outline(b.rng, c.w, (3.4 - 1.6 * near) * c.w / c.u, octaves=3)) ** 0.8 * 1.6
        )
        body = mix(horizon_color, deep, 0.8 + 0.2 * near)
        crest = mix(mix(body, light.on((110, 214, 206)), 0.34), light.sun, 0.16)
        face = ramp(
            [(0, crest), (0.28, mix(crest, body, 0.6)), (1, dim(body, 0.86))], max(2, int(size * 3.6))
        )
        c.below(profile.astype(np.float32), face)
        _foam(b, profile, size, foam)


def _foam(b: Brush, profile: Plane, size: float, color: RGB) -> None:
    c, chance = b.canvas, b.chance
    step = max(1, int(c.u * 0.006))
    lace = outline(b.rng, c.w, 26 * c.w / c.u, octaves=2)
    veil = outline(b.rng, c.w, 5 * c.w / c.u, octaves=3)

    thick = (np.clip(0.06 + 0.34 * veil, 0.012, 0.4) * (1 + 0.5 * lace)).tolist()

    def crest(pen: Pen) -> None:
        xs = range(0, c.w + step, step)
        upper = [(x, float(profile[min(c.w - 1, x)]) - size * 0.02) for x in xs]
        lower = [(x, float(profile[min(c.w - 1, x)]) + size * thick[min(c.w - 1, x)]) for x in xs]
        pen.polygon([*upper, *reversed(lower)])
        for _ in range(int(20 * c.w / c.u)):
            x = chance.uniform(0, c.w - 1)
            r = size * chance.uniform(0.012, 0.05)
            pen.ellipse(x, float(profile[int(x)]) + size * chance.uniform(-0.16, 0.5), r * 1.5, r)

    y0, y1 = float(profile.min()) - size * 0.4, float(profile.max()) + size
    c.stencil(crest, color, box=(0, y0, c.w, y1), opacity=0.9)


def paint_spray(b: Brush, x: float, y: float, size: float) -> None:
    """Throw up the white fan of a wave that breaks at (x, y), `size` pixels high."""
    c, light, chance = b.canvas, b.light, b.chance
    foam = mix(light.on((250, 252, 254)), light.sun, 0.4)
    drops: list[tuple[float, float, float]] = []
    for _ in range(34):
        lean, power = chance.gauss(0, 0.42), chance.uniform(0.45, 1.0)
        for step in range(16):
            t = (step + chance.random()) / 16
            reach = size * power * (1 - 0.5 * abs(lean)) * t
            blur_out = size * 0.035 * t
            dx = np.sin(lean) * reach * 1.25 + chance.gauss(0, blur_out)
            dy = -np.cos(lean) * reach + size * 0.24 * t * t * abs(lean) + chance.gauss(0, blur_out)
            drops.append(
                (
                    x + float(dx),
                    y + float(dy),
                    size * 0.05 * (1 - t) ** 1.3 * chance.uniform(0.5, 1.2) + size * 0.003,
                )
            )

    mounds = [(chance.gauss(0, 0.2) * size, size * chance.uniform(0.02, 0.06)) for _ in range(30)]

    def fan(pen: Pen) -> None:
        for dx, dy, r in drops:
            pen.ellipse(dx, dy, max(0.5, r), max(0.5, r))
        for dx, r in mounds:
            pen.ellipse(x + dx, y + size * 0.02 - r * 0.4, r * 1.3, r * 0.8)

    box = (x - size * 1.6, y - size * 1.5, x + size * 1.6, y + size * 0.3)
    c.stencil(fan, foam, box=box, opacity=0.5, soft=size * 0.04)
    c.stencil(fan, foam, box=box, opacity=0.88)
