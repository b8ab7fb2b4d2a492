"""Foxes, wolves and dogs, sitting face to face, walking past, or howling."""

from __future__ import annotations

from dataclasses import dataclass

from ..palette import RGB, dim, mix
from .figure import Figure, outline


@dataclass(frozen=True, slots=True)
class Coat:
    """What tells one from another: colours, and how full the cheeks and the tail are."""

    fur: RGB
    pale: RGB
    socks: RGB
    ear: RGB
    eye: RGB = (36, 24, 22)
    tip: RGB = (250, 244, 234)
    cheeks: float = 1.0
    tail: float = 1.0
    floppy: bool = False


FOX = Coat((222, 98, 36), (252, 244, 232), (58, 38, 36), (66, 40, 36))
WOLF = Coat(
    (112, 120, 134), (222, 224, 226), (88, 96, 110), (62, 66, 78), (226, 176, 70), (70, 76, 90), 0.86, 0.82
)
DOG = Coat(
    (206, 152, 92),
    (248, 236, 214),
    (206, 152, 92),
    (150, 98, 56),
    (48, 32, 26),
    (248, 236, 214),
    0.62,
    0.6,
    True,
)
_NOSE: RGB = (32, 24, 26)


def sitting(coat: Coat, pixels: float) -> Figure:
    """Return one that sits and looks at you, its tail beside it."""
    f = Figure(124, 124, pixels)
    fur, shade = coat.fur, dim(coat.fur, 0.84)
    m = 54.0
    brush = outline("66,116 84,121 104,117 116,102 117,84 108,68 101,58! 95,72 92,86 84,96 70,100")
    brush = tuple((66 + (x - 66) * (0.55 + 0.45 * coat.tail), y, sharp) for x, y, sharp in brush)
    f.shape(brush, shade)
    inner = brush[8][0]
    f.shape([*brush[3:8], *((inner + dx, y, False) for dx, y in ((2, 83), (10, 89), (15, 88)))], coat.tip)
    f.twin("0,46 17,58 23,78 27,98 24,117 0,120", m, fur)
    f.pair("14,92 25,90 30,106 26,119 12,119 10,106", m, shade)
    for side in (-1, 1):
        f.oval(m + side * 21, 118, 9.5, 4, coat.socks)
    f.twin("0,54 13,60 15,74 9,90 3,98 0,104!", m, coat.pale)
    f.pair("2,88 12,84 12.5,102 11,119 2.5,119 2,104", m, fur)
    f.pair("2,104 12.2,101 12.2,119 1.5,119", m, coat.socks)
    for side in (-1, 1):
        f.oval(m + side * 7, 118.5, 7, 4, coat.socks)
    _face(f, coat, m)
    return f


def _face(f: Figure, coat: Coat, m: float) -> None:
    fur, jaw = coat.fur, 22 + 12 * coat.cheeks
    if not coat.floppy:
        f.pair("5,22! 14,8 25,2.5! 29,16 27,32!", m, fur)
        f.pair("16.5,6.8! 25,2.5! 27.6,11! 22,9", m, coat.ear)
        f.pair("12,22! 17,13 23.5,8! 25,17 24,28!", m, mix(coat.ear, coat.pale, 0.16))
    edge = f"{jaw},47! {jaw - 8},49 {jaw - 9},53! 15,57 6,65 0,68"
    f.twin(f"0,17 14,18 25,27 {jaw - 4},38 {edge}", m, fur)
    f.pair(f"3,50 8,43 16,40 24,43 {edge} 0,56", m, coat.pale)
    f.twin("0,34 6,40 5,52 3.6,60 0,62", m, mix(fur, coat.pale, 0.06))
    f.twin("0,20 4.5,28 2,40 0,46", m, dim(fur, 0.87 if coat.cheeks > 0.95 else 0.68))
    f.twin("0,58.6 4.6,60 2.5,64 0,66", m, _NOSE)
    f.pair("8,42.5! 11,38 15.5,36.5 18.5,37.5! 16,41.5 12,43.5", m, coat.eye)
    for side in (-1, 1):
        if coat.eye[0] >= 100:
            f.oval(m + side * 13.4, 40, 2.2, 2.6, (26, 22, 24))
        f.oval(m + side * 14 + 1, 39, 1.1, 1.1, (255, 250, 240))
    if coat.floppy:
        f.pair("10,17 20,13 30,22 33,36 29,49 23,46 20,32", m, coat.ear)


def walking(coat: Coat, pixels: float) -> Figure:
    """Return one that walks to the right, seen from the side."""
    f = Figure(190, 100, pixels)
    fur, shade, legs = coat.fur, dim(coat.fur, 0.72), dim(coat.socks, 0.8)
    f.shape("62,60 76,62 72,78 61,84 58,98 66,100 50,100 52,84 58,74", shade)
    f.shape("54,84 61,84 58,98 65,100! 50,100! 52,90", legs)
    f.shape("116,58 128,60 130,76 137,86 141,95 146,99! 134,99! 129,88 119,76", shade)
    f.shape("128,80 133,79 137,86 141,95 147,99! 134,99! 130,89", legs)
    tail = outline("64,42 50,40 36,46 22,56 8,62 1,66! 9,73 24,74 42,68 58,58")
    tail = tuple((62 + (x - 62) * (0.45 + 0.55 * coat.tail), y, sharp) for x, y, sharp in tail)
    f.shape(tail, fur)
    last = tail[7][0]
    f.shape([*tail[3:8], *((last + dx, y, False) for dx, y in ((3, 66), (-3, 62), (3, 58)))], coat.tip)
    f.shape("60,40 78,35 100,38 118,34 132,28 142,40 138,56 128,66 108,67 88,64 74,70 60,66 54,52", fur)
    f.shape("142,44 139,57 129,66 110,67.5 92,65 106,61 122,57 132,46", coat.pale)
    f.shape("56,50 68,46 80,58 74,74 66,84 72,96 78,100! 64,100! 60,88 60,76", fur)
    f.shape("61,83 67,83 72,96 79,100! 63.5,100! 60.5,90", coat.socks)
    f.shape("120,50 136,52 134,70 130,84 130,96 136,100! 122,100! 123,84 119,68", fur)
    f.shape("123,78 132,78 130,88 130,96 137,100! 121.5,100! 123,88", coat.socks)
    if not coat.floppy:
        f.shape("144,20! 150,6 153,1! 157,10 158,20!", coat.ear)
    f.shape("128,34 134,22 146,15 158,17 166,24 176,29 187,33 189,37 182,40 168,43 156,49 144,52 134,48", fur)
    f.shape("188,37.5 182,40 168,43 157,49! 150,52 140,50 145,43 154,38 166,37 178,36", coat.pale)
    f.oval(187.3, 34.4, 2.8, 2.4, _NOSE)
    f.shape("159,27.5! 163,25 167,27! 163,29.5", coat.eye)
    if coat.floppy:
        f.shape("138,18 147,18 149,30 143,42 136,38 135,27", coat.ear)
    else:
        f.shape("132,24! 135,8 139,1! 147,9 150,19!", fur)
        f.shape("135.5,20! 137.5,10 139.5,6! 144.5,12 146,19!", coat.ear)
    return f


def howling(coat: Coat, pixels: float) -> Figure:
    """Return one that sits in profile and howls at the sky, to the right."""
    f = Figure(110, 120, pixels)
    fur = coat.fur
    f.shape("38,104 24,104 10,110 2,117! 18,120 40,118", dim(fur, 0.74))
    f.shape("60,44 44,58 32,78 24,98 26,114 40,120 66,120 80,100 86,76 84,56 76,44", fur)
    f.shape("36,84 52,84 58,100 56,116 66,120! 30,120! 26,104", dim(fur, 0.88))
    f.shape("70,70 86,66 84,92 80,112 86,120! 70,120! 72,100", fur)
    f.shape("86,50 90,64 85,84 78,92 77,72 80,56", coat.pale)
    f.shape("58,54 58,38 64,28 74,24 84,14 95,3 98,6 94,14 99,14 99,19 90,28 87,42 88,56 76,62", fur)
    f.shape("99,18 90,28 87,42 88.5,56 82,54 82,38 86,27 94,19", coat.pale)
    f.oval(96, 4.2, 2.4, 2.4, _NOSE)
    f.shape("64,34! 54,30 46,33! 52,42 61,46!", coat.ear)
    f.shape("77,25.5! 80,22 83,22! 80.5,25", (28, 22, 24))
    return f
