"""Portraits: a stylised head and shoulders."""

from __future__ import annotations

import random

from ..palette import RGB, dim, mix
from .figure import Figure

_SKIN: tuple[RGB, ...] = ((246, 208, 180), (226, 178, 142), (192, 136, 100), (142, 94, 68), (104, 68, 52))
_HAIR: tuple[RGB, ...] = (
    (44, 34, 36),
    (84, 54, 38),
    (140, 86, 48),
    (206, 160, 92),
    (176, 74, 44),
    (190, 188, 192),
)
_CLOTH: tuple[RGB, ...] = (
    (58, 92, 132),
    (172, 70, 62),
    (68, 110, 92),
    (216, 160, 70),
    (112, 84, 140),
    (52, 56, 72),
)


def bust(
    pixels: float, chance: random.Random, *, long_hair: bool, beard: bool, tint: RGB | None, extras: str
) -> Figure:
    """Return somebody's portrait, 160 wide by 170 tall; `extras` may name glasses, hat, crown or scarf."""
    f = Figure(160, 170, pixels)
    m = 80.0
    skin, hair, cloth = chance.choice(_SKIN), chance.choice(_HAIR), chance.choice(_CLOTH)
    if tint and not extras.strip():
        cloth = tint
    shade, blush = mix(dim(skin, 0.8), (120, 50, 60), 0.1), mix(skin, (190, 84, 80), 0.09)
    if long_hair:
        f.twin("0,16 26,20 40,40 43,72 48,104 44,128 26,132 0,130", m, dim(hair, 0.78))
    f.twin("0,104 16,112 42,122 62,132 74,150 78,171! 0,171!", m, cloth)
    f.shape("80,116! 104,116 130,126 146,142 158,171! 96,171!", dim(cloth, 0.86))
    f.twin("0,92 14,94 15,112 21,118 10,130 0,134", m, shade)
    f.twin("0,118 12,116 9,128 0,133!", m, dim(shade, 0.9))
    f.pair("26,112! 17,114 9,128 0,138! 4,146 16,136 25,124", m, dim(cloth, 1.18))
    f.pair("28,60 34,56 37,64 34,76 29,78", m, shade)
    f.twin("0,24 20,27 30,44 31,66 26,86 14,101 0,107", m, skin)
    f.shape("80,24! 100,27 110,44 111,66 106,86 94,101 80,107! 90,88 93,66 92,44", mix(skin, shade, 0.45))
    f.pair("12,74 22,72 24,80 14,83", m, blush)
    f.pair("8,58! 12,55 18,55 22,57.5! 17,52 11,53", m, dim(hair, 0.6))
    open_eyes = chance.random() < 0.75
    for side in (-1, 1):
        if open_eyes:
            f.oval(m + side * 14.5, 65, 5.4, 3.3, (250, 248, 246))
            f.oval(
                m + side * 14.2,
                65,
                3,
                3.2,
                chance.choice(((76, 110, 130), (84, 60, 44), (70, 96, 66))) if side < 0 else (76, 66, 56),
            )
            f.oval(m + side * 14.2, 65, 1.7, 1.9, (26, 22, 26))
            f.oval(m + side * 14.2 + 1.1, 63.9, 0.8, 0.8, (255, 255, 255))
        f.line(
            [(m + side * 8.6, 64), (m + side * 12, 61.6), (m + side * 17, 61.6), (m + side * 20.8, 64.6)],
            1.3,
            dim(hair, 0.6),
        )
    f.shape("80,60! 84,76 86,82 80,84.5 76,83! 79,80", mix(skin, shade, 0.75))
    lips = mix(skin, (186, 60, 70), 0.55)
    f.twin("0,90.5 3,89.4 8.5,91.8! 4,95.6 0,96.4", m, lips)
    f.line([(m - 8, 92), (m - 3, 92.6), (m, 92.2), (m + 3, 92.6), (m + 8, 92)], 0.9, dim(lips, 0.68))
    if beard:
        f.twin("0,84! 10,86 22,82 31,66! 31,82 24,100 10,112 0,114", m, hair)
        f.twin("0,90.5 3,90 7,92! 4,95 0,95.6", m, lips)
    if long_hair:
        f.shape("80,12 60,15 46,28 41,50 40,76 36,104 42,112! 50,96 50,70 54,50 68,36 86,31!", hair)
        f.shape(
            "80,12 102,14 116,28 120,52 121,80 126,106 117,112! 111,92 110,66 105,48 94,38 84,31! 76,24",
            dim(hair, 0.88),
        )
    else:
        f.shape(
            "80,11 60,13 48,26 46,46 49,62! 54,48 60,38 74,36 92,37 "
            "104,42 108,52 111,62! 114,44 111,26 98,13",
            hair,
        )
        f.shape("92,12 106,20 113,34 114,46 111,62! 108,52 104,42 94,37!", dim(hair, 0.85))
    _extras(f, m, extras, tint or chance.choice(_CLOTH))
    return f


def _extras(f: Figure, m: float, extras: str, color: RGB) -> None:
    if "glasses" in extras:
        for side in (-1, 1):
            ring = [
                (m + side * 14.5 + dx, 65.0 + dy)
                for dx, dy in ((-9, -5), (0, -7), (9, -5), (9, 4), (0, 7), (-9, 4), (-9, -5))
            ]
            f.line(ring, 1.5, (40, 38, 46))
        f.line([(m - 5.5, 63), (m + 5.5, 63)], 1.5, (40, 38, 46))
    if "hat" in extras:
        f.twin("0,-2 24,2 34,26 34,32 0,34", m, color)
        f.twin("0,27 34,24 60,36 30,40 0,38", m, dim(color, 0.84))
    if "crown" in extras:
        f.flat(
            [(46, 30), (42, 4), (58, 17), (68, 0), (80, 14), (92, 0), (102, 17), (118, 4), (114, 30)],
            (240, 196, 74),
        )
        f.flat([(46, 24), (114, 24), (113, 31), (47, 31)], (206, 150, 52))
        for x in (62, 80, 98):
            f.oval(x, 27.5, 2.6, 2.6, (206, 62, 70))
    if "scarf" in extras:
        f.shape("44,112 60,106 80,112 100,106 117,112 119,126 102,136 80,138 58,136 42,126", color)
        f.shape("94,124 112,122 118,150 116,171! 98,171! 98,148", dim(color, 0.86))
        f.line([(46, 120), (62, 124), (80, 127), (98, 124), (115, 119)], 1.6, dim(color, 0.8))
