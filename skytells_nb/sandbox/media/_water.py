"""Water: what it mirrors, how the light glitters on it, and the waves that break."""

from __future__ import annotations

import numpy as np

from ._canvas import ramp
from ._color import RGB, dim, mix
from ._noise import Plane, clouds, outline
from ._painting import Painting

_WARM = {"sunset": 0.6, "golden": 0.15, "dusk": 0.4, "morning": 0.35}


def paint_mirror(p: Painting, *, top: float, color: RGB, clear: float = 0.7) -> None:
    """Lay still water from the row `top` down: the picture above upside down, rippled and tinted."""
    c = p.canvas
    p.water = top
    y0, y1 = max(1, int(top)), c.h
    if y1 <= y0 + 1:
        return
    depth = np.arange(y1 - y0)
    source = np.clip(y0 - 1 - (depth * 0.98).astype(int), 0, y0 - 1)
    part = depth / max(1, y1 - y0)
    waves = np.sin(depth / (c.u * (0.004 + 0.016 * part)) + 2 * outline(p.rng, len(depth), 9))
    shift = (waves * c.u * (0.001 + 0.012 * part)).astype(int)
    mirrored = c.px[source[:, None], np.clip(np.arange(c.w)[None, :] + shift[:, None], 0, c.w - 1)]
    tint = p.light.on(color)
    deep = ramp([(0, mix(tint, p.light.low, 0.45)), (1, dim(tint, 0.8))], y1 - y0)[:, None, :]
    c.touch(y0, y1)
    c.px[y0:y1] = deep + (mirrored - deep) * (clear * (1 - 0.5 * part)).astype(np.float32)[:, None, None]
    _glitter(p, top, strength=0.5)


def _glitter(p: Painting, top: float, *, strength: float = 1.0) -> None:
    """Scatter the sun's or moon's path, and small bright ripples, over the water."""
    c, light = p.canvas, p.light
    y0 = max(0, int(top))
    count = c.h - y0
    if count <= 2:
        return
    texture = clouds(p.rng, 512, 512, 14, octaves=3, stretch=5.0)
    near = np.arange(count, dtype=np.float32) / count
    xs = np.arange(c.w, dtype=np.float32)[None, :]
    v = ((np.log1p(near * 9) * 230).astype(int)) % 512
    u = (xs / c.u * 360 / (0.35 + 1.2 * near)[:, None]).astype(int) % 512
    ripple = texture[v[:, None], u]
    wide = (c.u * (0.05 + 0.16 * near))[:, None]
    path = np.exp(-(((xs - np.float32(p.sun_x)) / wide) ** 2))
    if light.name in ("overcast", "dusk"):
        path = np.zeros_like(path) + 0.12
    gleam = np.clip((ripple - 0.6 + 0.2 * path) * 9, 0, 1) * (0.16 + 0.84 * path) * np.float32(strength)
    c.blend(gleam.astype(np.float32), 0, y0, mix(light.sun, light.low, 0.15))
    dark = np.clip((0.4 - ripple) * 6, 0, 1) * np.float32(0.14 * strength)
    c.blend(dark.astype(np.float32), 0, y0, dim(mix(light.zenith, light.on((30, 90, 120)), 0.5), 0.7))


def _sea_colors(p: Painting) -> tuple[RGB, RGB]:
    """Return the sea's colour at the horizon and close by, under the scene's light."""
    light = p.light
    if light.name in _WARM:
        near = mix(light.on((26, 108, 180)), light.shade, _WARM[light.name])
        return mix(light.low, light.middle, 0.45), near
    return mix(light.low, light.on((60, 150, 170)), 0.55), light.on((18, 92, 122))


def paint_sea(p: Painting, *, top: float) -> None:
    """Lay open sea from the horizon at the row `top` down."""
    p.water = top
    far, near = _sea_colors(p)
    p.canvas.vertical([(0, far), (0.25, mix(far, near, 0.5)), (1, near)], int(top))
    _glitter(p, top)


def paint_waves(p: Painting, *, top: float, bottom: float, count: int, height: float) -> None:
    """Roll waves towards the viewer, each a crest with foam along it and a glassy face below."""
    c, light = p.canvas, p.light
    horizon_color, deep = _sea_colors(p)
    foam = mix(light.on((248, 251, 253)), light.sun, 0.35)
    for n in range(count):
        near = (n + 1) / count
        base, size = top + (bottom - top) * (near**1.25) * 0.86, height * (0.35 + 0.9 * near)
        waves = np.abs(outline(p.rng, c.w, (3.4 - 1.6 * near) * c.w / c.u, octaves=3))
        crest = (base - size * waves**0.8 * 1.6).astype(np.float32)
        body = mix(horizon_color, deep, 0.8 + 0.2 * near)
        bright = mix(mix(body, light.on((110, 214, 206)), 0.34), light.sun, 0.16)
        stops = [(0.0, bright), (0.28, mix(bright, body, 0.6)), (1.0, dim(body, 0.86))]
        c.below(crest, ramp(stops, max(2, int(size * 3.6))))
        _foam(p, crest, size, foam)


def _foam(p: Painting, crest: Plane, size: float, color: RGB) -> None:
    c = p.canvas
    lace = outline(p.rng, c.w, 26 * c.w / c.u, octaves=2)
    veil = outline(p.rng, c.w, 5 * c.w / c.u, octaves=3)
    thick = size * np.clip(0.04 + 0.2 * veil, 0.012, 0.25) * (1 + 0.5 * lace)
    top, low = max(0, int(crest.min()) - 2), min(c.h, int(crest.max() + size))
    if low > top:
        under = np.arange(top, low, dtype=np.float32)[:, None] - crest[None, :]
        mask = np.clip(under + 1, 0, 1) * np.clip(thick[None, :] - under + 0.5, 0, 1) * 0.9
        c.blend(mask.astype(np.float32), 0, top, color)
    for _ in range(int(20 * c.w / c.u)):
        x, r = p.chance.uniform(0, c.w - 1), size * p.chance.uniform(0.012, 0.05)
        c.oval(x, float(crest[int(x)]) + size * p.chance.uniform(-0.16, 0.5), r * 1.5, r, color, 0.9)
