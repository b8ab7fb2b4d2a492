"""Trees: pines with and without snow, round leafy ones, and the bare trunks of a wood's inside."""

from __future__ import annotations

import random

import numpy as np

from ..brush import Brush
from ..canvas import Pen
from ..noise import Plane
from ..palette import RGB, dim, mix

SNOW: RGB = (240, 245, 252)


def rows(b: Brush, y0: float, y1: float, top: RGB, foot: RGB) -> Plane:
    """Return a colour for every row of the canvas, from `top` at y0 to `foot` at y1."""
    at = np.clip((np.arange(b.canvas.h) - y0) / max(1.0, y1 - y0), 0, 1).astype(np.float32)[:, None]
    span = np.asarray(foot, np.float32) - np.asarray(top, np.float32)
    colors: Plane = np.asarray(top, np.float32) + at * span
    return colors[:, None, :]


def paint_pines(
    b: Brush,
    ground: Plane,
    count: float,
    height: float,
    color: RGB,
    *,
    far: float,
    snowy: bool = False,
    gap: tuple[float, float] | None = None,
) -> None:
    """Plant a row of pines along a ground outline.

    `count` is per square picture, `height` their size in pixels, `far` how deep they stand in the haze;
    `gap` is a stretch of columns to keep clear.
    """
    c, light, chance = b.canvas, b.light, b.chance
    number = max(1, round(count * c.w / c.u))
    trees: list[tuple[float, float, float, random.Random]] = []
    for n in range(number):
        x = c.w * (n + chance.uniform(-0.1, 1.1)) / number
        if gap and gap[0] < x < gap[1]:
            continue
        tall = height * chance.uniform(0.55, 1.15)
        foot = float(ground[min(c.w - 1, max(0, int(x)))]) + height * 0.04
        trees.append((x, foot, tall, random.Random(chance.random())))  # noqa: S311 - it shapes a tree
    if not trees:
        return
    trees.sort(key=lambda tree: tree[1])
    top, low = min(foot - tall for _, foot, tall, _ in trees), max(foot for _, foot, _, _ in trees)
    lit, foot_color = (
        light.on(dim(color, 1.12), far),
        mix(light.on(dim(color, 0.8), far), light.haze, 0.28 * far),
    )
    box = (0.0, top - 2, float(c.w), low + height * 0.05)
    shapes = [_pine(*tree) for tree in trees]
    side = 1 if b.sun_x > c.w / 2 else -1

    def body(pen: Pen) -> None:
        for whole, _, _ in shapes:
            pen.polygon(whole)

    def bright(pen: Pen) -> None:
        for _, right, left in shapes:
            for tier in right if side > 0 else left:
                pen.polygon(tier)

    def white(pen: Pen) -> None:
        for _, right, left in shapes:
            for tier in (*right, *left):
                pen.polygon(tier)

    c.stencil(body, rows(b, top, low, lit, foot_color), box=box)
    if snowy:
        c.stencil(white, mix(light.on(SNOW, far * 0.9), light.sun, 0.25), box=box, opacity=0.92)
    elif far < 0.7:
        c.stencil(bright, mix(light.on(dim(color, 1.5), far), light.sun, 0.1), box=box, opacity=0.4)


Outline = list[tuple[float, float]]


def _pine(
    x: float, foot: float, tall: float, chance: random.Random
) -> tuple[Outline, list[Outline], list[Outline]]:
    """Return a pine's outline, and the upper sides of its branches on the right and on the left."""
    tiers = max(4, min(9, int(tall / 14)))
    wide = tall * chance.uniform(0.17, 0.25)
    crown, lean = foot - tall, tall * chance.uniform(-0.012, 0.012)
    right: Outline = []
    left: Outline = []
    caps_r: list[Outline] = []
    caps_l: list[Outline] = []
    for n in range(1, tiers + 1):
        part = n / tiers
        y = crown + tall * 0.93 * part
        inner = wide * part * 0.5
        for sign, path, caps in ((1, right, caps_r), (-1, left, caps_l)):
            reach = wide * part**0.9 * chance.uniform(0.82, 1.12)
            middle = x + lean * (1 - part)
            tip = (middle + sign * reach, y + tall * 0.02 * chance.uniform(0.4, 1.4))
            path.append(tip)
            path.append((middle + sign * inner, y - tall * 0.016))
            up = tall * 0.93 / tiers
            caps.append(
                [
                    tip,
                    (middle + sign * inner * 0.62, y - up * 0.8),
                    (middle + sign * inner * 0.2, y - up * 0.42),
                    (middle + sign * reach * 0.55, y - up * 0.2),
                ]
            )
    trunk = max(0.6, tall * 0.018)
    base = foot
    whole = [
        (x + lean, crown),
        *right,
        (x + trunk, crown + tall * 0.92),
        (x + trunk, base),
        (x - trunk, base),
    ]
    whole += [(x - trunk, crown + tall * 0.92), *reversed(left)]
    return whole, caps_r, caps_l


def paint_leafy(b: Brush, x: float, foot: float, tall: float, color: RGB, *, far: float) -> None:
    """Plant one round-crowned tree."""
    c, light, chance = b.canvas, b.light, b.chance
    side = 1 if b.sun_x > x else -1
    blobs = []
    for _ in range(13):
        angle, reach = chance.uniform(0, 6.283), chance.random() ** 0.5
        blobs.append(
            (
                x + np.cos(angle) * reach * tall * 0.27,
                foot - tall * 0.66 + np.sin(angle) * reach * tall * 0.24,
                tall * chance.uniform(0.1, 0.17),
            )
        )
    box = (x - tall * 0.5, foot - tall * 1.1, x + tall * 0.5, foot + 3)

    def trunk(pen: Pen) -> None:
        w = tall * 0.035
        pen.polygon(
            [
                (x - w * 0.6, foot - tall * 0.55),
                (x + w * 0.6, foot - tall * 0.55),
                (x + w, foot),
                (x - w, foot),
            ]
        )
        pen.line([(x, foot - tall * 0.34), (x + tall * 0.13, foot - tall * 0.56)], w * 0.7)
        pen.line([(x, foot - tall * 0.4), (x - tall * 0.12, foot - tall * 0.58)], w * 0.6)

    def crown(pen: Pen) -> None:
        for bx, by, r in blobs:
            pen.ellipse(bx, by, r, r * 0.9)

    def glow(pen: Pen) -> None:
        for bx, by, r in blobs[::2]:
            pen.ellipse(bx + side * r * 0.28, by - r * 0.3, r * 0.66, r * 0.55)

    c.stencil(trunk, light.on((92, 68, 54), far), box=box)
    c.stencil(
        crown,
        rows(
            b,
            foot - tall,
            foot - tall * 0.4,
            light.on(dim(color, 1.08), far),
            light.on(dim(color, 0.72), far),
        ),
        box=box,
    )
    c.stencil(
        glow,
        mix(light.on(dim(color, 1.4), far), light.sun, 0.12),
        box=box,
        opacity=0.55,
        soft=max(0.0, tall * 0.008),
    )


def paint_trunks(
    b: Brush, foot: float, count: float, width: float, color: RGB, *, far: float, gap: float = 0.0
) -> None:
    """Stand the trunks of tall trees across the picture, their crowns out of sight above."""
    c, light, chance = b.canvas, b.light, b.chance
    number = max(2, round(count * c.w / c.u))
    stems = []
    for n in range(number):
        x = c.w * (n + chance.uniform(0.1, 0.9)) / number
        if abs(x - c.w / 2) < gap:
            continue
        stems.append(
            (
                x,
                width * chance.uniform(0.6, 1.25),
                foot + chance.uniform(-0.012, 0.02) * c.h,
                chance.uniform(-0.02, 0.02),
            )
        )
    side = 1 if b.sun_x > c.w / 2 else -1

    def bark(pen: Pen) -> None:
        for x, w, low, lean in stems:
            up = x + lean * c.h
            pen.polygon(
                [
                    (up - w * 0.36, 0),
                    (up + w * 0.36, 0),
                    (x + w * 0.5, low - w),
                    (x + w * 0.9, low),
                    (x - w * 0.9, low),
                    (x - w * 0.5, low - w),
                ]
            )
            for height in (0.25, 0.4):
                reach = w * 3.2 * (1 if (int(x) + int(height * 8)) % 2 else -1)
                at = x + lean * c.h * (1 - height)
                pen.line([(at, low * height), (at + reach, low * height - w * 2.2)], max(0.7, w * 0.16))

    def rim(pen: Pen) -> None:
        for x, w, low, lean in stems:
            up = x + lean * c.h
            a, z = side * 0.36 * w, side * 0.5 * w
            pen.polygon([(up + a * 0.45, 0), (up + a, 0), (x + z, low - w), (x + z * 0.5, low)])

    c.stencil(
        bark,
        rows(b, 0, foot, light.on(dim(color, 0.7), far), light.on(color, far)),
        box=(0, 0, c.w, foot + width + c.h * 0.03),
    )
    if far < 0.75:
        c.stencil(
            rim,
            mix(light.on(dim(color, 1.7), far), light.sun, 0.25),
            box=(0, 0, c.w, foot + width),
            opacity=0.55,
        )


def paint_foliage(b: Brush, low: float, color: RGB, *, far: float, size: float) -> None:
    """Hang a canopy of leaves from the upper edge down to about the row `low`."""
    c, light, chance = b.canvas, b.light, b.chance
    leaves: list[tuple[float, float, float]] = []
    for _ in range(round(34 * c.w / c.u)):
        x, y = chance.uniform(-0.05, 1.05) * c.w, chance.random() ** 1.6 * low * chance.uniform(0.55, 1.1)
        wide = size * chance.uniform(0.6, 1.5)
        for _ in range(18):
            r = size * chance.uniform(0.1, 0.24)
            leaves.append((x + chance.gauss(0, 0.55) * wide, y + chance.gauss(0, 0.26) * wide, r))
    side = 1 if b.sun_x > c.w / 2 else -1

    def mass(pen: Pen) -> None:
        pen.polygon([(0, 0), (c.w, 0), (c.w, low * 0.22), (0, low * 0.22)])
        for x, y, r in leaves:
            pen.ellipse(x, y, r * 1.2, r * 0.85)

    def sunlit(pen: Pen) -> None:
        for x, y, r in leaves[::3]:
            pen.ellipse(x + side * r * 0.4, y + r * 0.1, r * 0.8, r * 0.5)

    box = (0.0, 0.0, float(c.w), low * 1.2 + size)
    c.stencil(mass, rows(b, 0, low, light.on(dim(color, 0.62), far), light.on(dim(color, 1.1), far)), box=box)
    c.stencil(sunlit, mix(light.on(dim(color, 1.5), far), light.sun, 0.12), box=box, opacity=0.34)


def paint_bushes(b: Brush, ground: Plane, color: RGB, *, far: float, size: float) -> None:
    """Set ferns and low bushes along a ground outline."""
    c, light, chance = b.canvas, b.light, b.chance
    fronds: list[list[tuple[float, float]]] = []
    tips: list[list[tuple[float, float]]] = []
    for _ in range(round(24 * c.w / c.u)):
        x = chance.uniform(0, c.w - 1)
        y = float(ground[int(x)]) + size * chance.uniform(0.1, 0.5)
        for _ in range(9):
            lean, tall = chance.gauss(0, 0.75), size * chance.uniform(0.5, 1.0)
            w = size * 0.07
            bend, top = x + lean * tall * 0.5, y - tall * max(0.25, 1 - 0.4 * abs(lean))
            tip = (x + lean * tall, top + tall * 0.12 * abs(lean))
            fronds.append([(x, y), (bend - w, (y + top) / 2), tip, (bend + w, (y + top) / 2 + w)])
            tips.append([(bend, (y + top) / 2), tip, (bend + w, (y + top) / 2 + w)])

    def draw(pen: Pen) -> None:
        for frond in fronds:
            pen.polygon(frond)

    def shine(pen: Pen) -> None:
        for tip in tips[::2]:
            pen.polygon(tip)

    y0, y1 = float(ground.min()) - size, float(ground.max()) + size
    box = (0.0, y0, float(c.w), y1)
    c.stencil(draw, rows(b, y0, y1, light.on(dim(color, 1.1), far), light.on(dim(color, 0.7), far)), box=box)
    c.stencil(shine, mix(light.on(dim(color, 1.6), far), light.sun, 0.1), box=box, opacity=0.5)
