"""Things on a table: cups, bowls, cakes, fruit, bottles and vases."""

from __future__ import annotations

import random

from ..palette import RGB, dim, mix
from .figure import Figure


def cup(pixels: float, paint: RGB = (236, 232, 224)) -> Figure:
    """Return a cup of coffee on its saucer."""
    f = Figure(130, 92, pixels)
    f.oval(58, 82, 56, 9, dim(paint, 0.86))
    f.oval(58, 80, 56, 9, paint)
    f.oval(58, 80, 30, 4.6, dim(paint, 0.84))
    for width, color in ((9, dim(paint, 0.9)),):
        f.line([(92, 34), (110, 32), (117, 42), (110, 56), (88, 60)], width, color)
    f.shape("18,22! 98,22! 96,48 84,70 70,78 46,78 32,70 20,48", paint)
    f.shape("72,22! 98,22! 96,48 84,70 70,78! 78,56", dim(paint, 0.86))
    f.oval(58, 22, 40, 8.5, mix(paint, (255, 255, 255), 0.4))
    f.oval(58, 22.6, 36, 7, (92, 56, 36))
    f.shape("44,22 52,18.5 58,22 64,18.5 72,22 66,26 58,28.5 50,26", (226, 196, 156))
    return f


def bowl(pixels: float, paint: RGB = (54, 92, 124)) -> Figure:
    """Return a bowl of noodles with an egg, greens and chopsticks."""
    f = Figure(150, 110, pixels)
    f.line([(96, 40), (146, 6)], 3, (150, 94, 58))
    f.line([(90, 36), (136, 2)], 3, (170, 108, 66))
    f.shape("6,40! 144,40! 138,66 120,90 100,102 50,102 30,90 12,66", paint)
    f.shape("104,44! 144,40! 138,66 120,90 100,102! 114,76", dim(paint, 0.8))
    f.line([(13, 62), (40, 70), (75, 72), (110, 70), (137, 62)], 2.2, mix(paint, (255, 255, 255), 0.7))
    f.flat([(52, 100), (98, 100), (94, 109), (56, 109)], dim(paint, 0.72))
    f.oval(75, 40, 69, 19, mix(paint, (255, 255, 255), 0.75))
    f.oval(75, 41, 64, 16.5, (214, 140, 66))
    for n in range(9):
        x, y = 34 + n * 7, 38 + (n % 3) * 4
        f.line(
            [(x, y), (x + 9, y + 5), (x + 20, y + 4), (x + 27, y - 1)],
            1.9,
            (250, 222, 150) if n % 2 else (240, 204, 124),
        )
    for x, y in ((48, 36), (66, 33)):
        f.oval(x, y, 12, 8, (250, 248, 242))
        f.oval(x, y + 0.4, 5.6, 4.2, (246, 168, 50))
    for x, y in ((92, 34), (101, 38), (95, 43), (84, 30)):
        f.shape(f"{x - 9},{y}! {x},{y - 6} {x + 10},{y + 1}! {x},{y + 4}", (82, 142, 76))
    for x, y in ((58, 48), (74, 50), (112, 42)):
        f.oval(x, y, 3.4, 2.2, (196, 60, 50))
    return f


def cake(pixels: float, cream: RGB = (246, 196, 204)) -> Figure:
    """Return a cake with berries."""
    f = Figure(130, 110, pixels)
    sponge: RGB = (226, 172, 112)
    f.oval(65, 98, 62, 11, (226, 226, 230))
    f.oval(65, 96, 62, 11, (246, 246, 248))
    f.shape("18,46! 112,46! 112,90 90,98 65,100 40,98 18,90", sponge)
    f.shape("84,46! 112,46! 112,90 90,98 80,99!", dim(sponge, 0.84))
    f.shape("18,66 40,73 65,75 90,73 112,66 112,76 90,83 65,85 40,83 18,76", mix(cream, (255, 255, 255), 0.5))
    f.shape(
        "18,40! 112,40! 113,54 107,66 101,55 93,71 84,58 75,74 66,60 57,75 48,58 40,70 31,56 24,65 18,54",
        cream,
    )
    f.oval(65, 41, 47.5, 13, mix(cream, (255, 255, 255), 0.35))
    for n, (x, y) in enumerate(
        ((36, 36), (52, 31), (70, 30), (88, 33), (98, 40), (44, 43), (62, 39), (80, 42))
    ):
        f.oval(x, y, 6.2, 6, dim((208, 48, 62) if n % 3 else (88, 66, 130), 1.0))
        f.oval(x - 1.8, y - 2, 1.7, 1.5, (255, 200, 200))
    f.line([(65, 30), (65, 8)], 2.4, (130, 190, 210))
    f.lamp("65,-1! 68,4 65,8 62,4", (255, 214, 110))
    return f


def fruit(pixels: float, chance: random.Random, tint: RGB | None = None) -> Figure:
    """Return a bowl of fruit."""
    f = Figure(150, 110, pixels)
    colors: list[RGB] = [(212, 60, 52), (240, 150, 48), (146, 176, 70), (246, 204, 80), (178, 52, 76)]
    chance.shuffle(colors)
    colors = [tint, *colors] if tint else colors
    for n, (x, y, r) in enumerate(((46, 38, 20), (104, 38, 20), (75, 26, 21), (60, 52, 19), (92, 52, 19))):
        color = colors[n % len(colors)]
        f.oval(x, y, r, r * 0.95, color)
        f.shape(
            f"{x},{y - r}! {x + r},{y - r * 0.2} {x + r * 0.6},{y + r * 0.7} "
            f"{x},{y + r * 0.95}! {x + r * 0.5},{y}",
            dim(color, 0.84),
        )
        f.oval(x - r * 0.35, y - r * 0.4, r * 0.2, r * 0.16, mix(color, (255, 255, 255), 0.6))
        f.line([(x, y - r * 0.85), (x + 2, y - r * 1.25)], 1.6, (92, 66, 46))
        f.shape(
            f"{x + 2},{y - r * 1.15}! {x + 9},{y - r * 1.45} {x + 15},{y - r * 1.15}! {x + 8},{y - r * 1.0}",
            (92, 142, 72),
        )
    paint: RGB = (228, 220, 206)
    f.shape("10,54! 140,54! 134,74 116,94 98,101 52,101 34,94 16,74", paint)
    f.shape("100,54! 140,54! 134,74 116,94 98,101! 110,80", dim(paint, 0.84))
    f.line([(14, 66), (50, 74), (75, 75), (100, 74), (136, 66)], 2, (88, 124, 150))
    f.flat([(54, 99), (96, 99), (92, 108), (58, 108)], dim(paint, 0.78))
    return f


def vase(pixels: float, paint: RGB = (84, 124, 140)) -> Figure:
    """Return a slender vase with a few twigs."""
    f = Figure(80, 160, pixels)
    for x, y in ((20, 30), (34, 8), (52, 20), (62, 42)):
        f.line([(40, 92), (40 + (x - 40) * 0.5, 62), (x, y)], 1.3, (112, 92, 66))
        for n in range(4):
            px, py = 40 + (x - 40) * (0.4 + 0.2 * n), 76 + (y - 76) * (0.3 + 0.23 * n)
            f.shape(f"{px},{py}! {px + 8},{py - 7} {px + 13},{py - 3}! {px + 7},{py + 2}", (122, 152, 104))
            f.shape(f"{px},{py}! {px - 8},{py - 8} {px - 13},{py - 4}! {px - 7},{py + 1}", (98, 132, 92))
    f.twin("0,86 9,86! 8,98 24,116 25,136 15,158! 0,159", 40, paint)
    f.shape("44,86! 49,86! 48,98 64,116 65,136 55,158! 46,158! 54,128 50,108", dim(paint, 0.8))
    return f
