"""Lighthouses, boats, cars, balloons, houses, castles, rockets and those who travel in them."""

from __future__ import annotations

from ..palette import RGB, dim, mix
from .figure import Figure

_GLASS: RGB = (120, 168, 190)
_LAMP: RGB = (255, 226, 150)


def lighthouse(pixels: float, paint: RGB = (204, 64, 54)) -> Figure:
    """Return a striped lighthouse on its rock; the lamp is at (50, 22) of 100 by 200."""
    f = Figure(100, 200, pixels)
    rock: RGB = (70, 68, 78)
    f.shape("0,200! 6,184 20,176 36,168 64,168 80,176 94,184 100,200!", rock)
    f.shape("54,170 68,170 82,178 95,186 100,200! 62,200!", dim(rock, 0.7))
    f.flat([(36, 50), (64, 50), (71, 176), (29, 176)], (242, 238, 230))
    for n in range(3):
        y0, y1 = 64 + n * 38, 83 + n * 38
        a, c = 36 - (y0 - 50) / 18, 36 - (y1 - 50) / 18
        f.flat([(a, y0), (100 - a, y0), (100 - c, y1), (c, y1)], paint)
    f.flat([(56, 50), (64, 50), (71, 176), (59, 176)], (212, 206, 206))
    for n in range(3):
        y0, y1 = 64 + n * 38, 83 + n * 38
        a, c = 64 + (y0 - 50) / 18, 64 + (y1 - 50) / 18
        f.flat([(56.3 + (y0 - 50) / 42, y0), (a, y0), (c, y1), (56.3 + (y1 - 50) / 42, y1)], dim(paint, 0.78))
    for y in (92, 130):
        f.shape(f"46,{y + 9}! 46,{y} 50,{y - 3} 54,{y} 54,{y + 9}!", (70, 74, 92))
    f.shape("44,176! 44,160 50,155 56,160 56,176!", (92, 62, 52))
    f.flat([(31, 46), (69, 46), (66, 51), (34, 51)], (58, 60, 70))
    for post in range(32, 70, 6):
        f.line([(post, 38), (post, 46)], 0.9, (58, 60, 70))
    f.line([(31, 38), (69, 38)], 1.2, (58, 60, 70))
    f.lamp("40,28! 60,28! 60,46! 40,46!", _LAMP)
    for x in (40, 46.6, 53.4, 60):
        f.line([(x, 28), (x, 46)], 1.0, (58, 60, 70))
    f.shape("36,29! 40,20 50,14 60,20 64,29!", dim(paint, 0.85))
    f.line([(50, 14), (50, 6)], 1.2, (58, 60, 70))
    f.oval(50, 6, 1.8, 1.8, (58, 60, 70))
    return f


def boat(pixels: float, paint: RGB = (172, 62, 52)) -> Figure:
    """Return a sailing boat."""
    f = Figure(100, 116, pixels)
    f.line([(50, 2), (50, 96)], 1.8, (92, 66, 50))
    f.shape("52,6! 64,34 76,60 88,84! 70,88 52,88!", (250, 244, 232))
    f.shape("52,6! 55,40 54,66 52,88! 52,60", (222, 216, 212))
    f.shape("47,14! 38,40 28,62 14,84! 30,87 47,86!", (236, 226, 214))
    f.shape("50,2! 62,5 68,3! 62,9 50,9!", paint)
    f.shape("6,95! 30,98 70,98 96,93! 88,107 78,116! 24,116! 13,108", paint)
    f.shape("6,95! 30,98 70,98 96,93! 94,98 70,103 30,103 8,99", (248, 240, 226))
    return f


def car(pixels: float, paint: RGB = (200, 62, 52)) -> Figure:
    """Return a small old-fashioned car, from the side."""
    f = Figure(170, 80, pixels)
    shade = dim(paint, 0.74)
    f.shape("46,36! 56,14 68,6 98,6 112,12 124,36!", paint)
    f.shape("54,35! 61,18 70,12 84,11! 84,35!", _GLASS)
    f.shape("89,11! 97,11 106,16 116,35! 89,35!", _GLASS)
    f.flat([(64, 35), (72, 12), (77, 12), (69, 35)], mix(_GLASS, (255, 255, 255), 0.45))
    f.flat([(99, 35), (96, 12), (99, 12), (105, 35)], mix(_GLASS, (255, 255, 255), 0.45))
    f.shape("6,58! 6,46 14,38 46,34 86,34 124,35 150,40 162,48 164,60! 120,64 40,64", paint)
    f.shape("6,58! 6,52 60,54 120,54 163,54 164,62! 120,66 40,66", shade)
    f.line([(86, 36), (86, 60)], 0.9, shade)
    f.line([(90, 42), (97, 42)], 1.6, (240, 236, 228))
    f.shape("152,42 161,46 162,52 154,51", (255, 240, 190))
    f.shape("6,44 11,43 11,51 6,52", (214, 62, 48))
    f.flat([(158, 56), (168, 56), (168, 61), (158, 62)], (206, 208, 212))
    f.flat([(2, 56), (12, 56), (12, 62), (2, 61)], (206, 208, 212))
    for x in (40, 130):
        f.oval(x, 63, 17.5, 17, shade)
        f.oval(x, 64, 15, 15, (42, 42, 50))
        f.oval(x, 64, 7.6, 7.6, (214, 214, 216))
        f.oval(x, 64, 3, 3, (120, 122, 130))
    return f


def balloon(pixels: float, paint: RGB = (214, 76, 62), second: RGB = (248, 206, 110)) -> Figure:
    """Return a hot-air balloon."""
    f = Figure(100, 140, pixels)
    f.line([(30, 92), (43, 122)], 0.8, (92, 70, 54))
    f.line([(70, 92), (57, 122)], 0.8, (92, 70, 54))
    half = (47, 36.5, 24.5, 9)
    for n, width in enumerate(half):
        color = paint if n % 2 == 0 else second
        f.twin(
            f"0,2 {width * 0.72},10 {width},40 {width * 0.86},66 {width * 0.5},92 {width * 0.28},103 0,104",
            50,
            color,
        )
    f.flat([(38, 102), (62, 102), (60, 107), (40, 107)], dim(paint, 0.7))
    f.shape("42,122! 58,122! 57,136 43,136", (134, 92, 58))
    f.flat([(41, 120), (59, 120), (59, 124), (41, 124)], (96, 64, 44))
    return f


def cottage(pixels: float, paint: RGB = (236, 222, 198), *, snowy: bool = False, lit: bool = False) -> Figure:
    """Return a small house with a chimney."""
    f = Figure(120, 100, pixels)
    roof: RGB = (238, 243, 249) if snowy else (156, 74, 58)
    window = (255, 214, 120) if lit else (104, 140, 160)
    f.flat([(82, 12), (92, 12), (92, 40), (82, 40)], (128, 84, 72))
    f.flat([(80, 9), (94, 9), (94, 15), (80, 15)], dim(roof, 0.9))
    f.flat([(16, 46), (104, 46), (104, 100), (16, 100)], paint)
    f.flat([(76, 46), (104, 46), (104, 100), (76, 100)], dim(paint, 0.84))
    f.shape("46,12! 90,14! 116,50! 78,51! 74,50", dim(roof, 0.86))
    f.shape("46,12! 14,50 6,53! 76,53!", roof)
    for x in (26, 54, 84):
        f.flat([(x, 62), (x + 12, 62), (x + 12, 78), (x, 78)], (250, 244, 234))
        pane = f"{x + 1.4},63.4! {x + 10.6},63.4! {x + 10.6},76.6! {x + 1.4},76.6!"
        (f.lamp if lit else f.shape)(pane, window)
        f.line([(x + 6, 63), (x + 6, 77)], 1.2, (250, 244, 234))
    f.shape("41,100! 41,78 46,74 51,78 51,100!", (112, 70, 52))
    return f


def castle(pixels: float, stone: RGB = (150, 146, 158)) -> Figure:
    """Return a castle with four towers."""
    f = Figure(150, 130, pixels)
    shade, roof = dim(stone, 0.78), (84, 92, 140)
    for x, top, wide in ((66, 34, 20), (18, 62, 20), (112, 58, 22), (44, 50, 15)):
        f.flat([(x, top), (x + wide, top), (x + wide, 130), (x, 130)], stone)
        f.flat([(x + wide * 0.6, top), (x + wide, top), (x + wide, 130), (x + wide * 0.6, 130)], shade)
        f.flat([(x - 3, top), (x + wide / 2, top - wide * 1.5), (x + wide + 3, top)], roof)
        f.flat(
            [(x + wide * 0.55, top - wide * 1.35), (x + wide + 3, top), (x + wide * 0.6, top)], dim(roof, 0.8)
        )
        f.line([(x + wide / 2, top - wide * 1.5), (x + wide / 2, top - wide * 1.5 - 9)], 0.8, (70, 66, 78))
        tip = top - wide * 1.5
        f.flat([(x + wide / 2, tip - 9), (x + wide / 2 + 9, tip - 7), (x + wide / 2, tip - 4)], (206, 72, 62))
        a, c = x + wide * 0.36, x + wide * 0.64
        f.lamp(f"{a},{top + 19}! {a},{top + 11} {c},{top + 11} {c},{top + 19}!", _LAMP)
    f.flat([(14, 92), (138, 92), (138, 130), (14, 130)], mix(stone, shade, 0.4))
    for x in range(14, 138, 10):
        f.flat([(x, 86), (x + 6, 86), (x + 6, 93), (x, 93)], mix(stone, shade, 0.4))
    f.shape("66,130! 66,110 76,102 86,110 86,130!", (66, 52, 54))
    return f


def astronaut(pixels: float, suit: RGB = (236, 238, 242)) -> Figure:
    """Return an astronaut, standing."""
    f = Figure(90, 130, pixels)
    m, shade = 45.0, dim(suit, 0.8)
    f.shape("22,44 68,44 72,60 70,86 20,86 18,60", (150, 156, 168))
    f.pair("3,86 16,84 17,108 18,124 3,124 2,104", m, suit)
    f.pair("2,119 19,117 22,128 2,129!", m, (110, 116, 130))
    f.pair("17,50 28,54 34,72 33,88 24,90 22,74 15,66", m, shade)
    f.pair("24,86 34,85 35,94 28,98 23,93", m, (110, 116, 130))
    f.twin("0,44 18,47 22,62 20,84 12,94 0,95", m, suit)
    f.flat([(m - 11, 62), (m + 11, 62), (m + 11, 76), (m - 11, 76)], shade)
    for n, color in enumerate(((214, 72, 62), (80, 160, 214), (246, 200, 90))):
        f.oval(m - 6 + n * 6, 69, 1.9, 1.9, color)
    f.oval(m, 27, 25, 24, suit)
    f.oval(m + 2, 28, 18.5, 17, (206, 148, 62))
    f.oval(m + 2, 28, 17, 15.6, (52, 58, 92))
    f.shape(f"{m - 10},24 {m - 4},16 {m + 6},15 {m - 2},20 {m - 7},28", (150, 176, 216))
    return f


def rocket(pixels: float, paint: RGB = (214, 72, 62)) -> Figure:
    """Return a rocket on its flame."""
    f = Figure(80, 160, pixels)
    body: RGB = (238, 238, 242)
    f.twin("0,112 11,112 9,132 0,160!", 40, (250, 170, 60))
    f.twin("0,112 6,114 4.5,128 0,142!", 40, (255, 236, 170))
    f.pair("14,76 30,96 33,120! 14,108!", 40, paint)
    f.twin("0,4! 12,22 18,48 18,84 13,112! 0,113", 40, body)
    f.shape("40,4! 52,22 58,48 58,84 53,112! 46,113 50,84 50,44", dim(body, 0.82))
    f.twin("0,4! 8,14 13.4,27 0,30", 40, paint)
    f.oval(40, 52, 9, 9, (120, 124, 138))
    f.oval(40, 52, 6.6, 6.6, _GLASS)
    f.flat([(26, 104), (54, 104), (53, 113), (27, 113)], (92, 96, 110))
    f.flat([(38, 86), (42, 86), (42, 122), (38, 122)], dim(paint, 0.8))
    return f


def robot(pixels: float, paint: RGB = (120, 168, 178)) -> Figure:
    """Return a friendly robot."""
    f = Figure(100, 130, pixels)
    m, shade, metal = 50.0, dim(paint, 0.76), (150, 156, 166)
    f.line([(m, 14), (m, 4)], 2, metal)
    f.oval(m, 4.5, 3.6, 3.6, (240, 96, 80))
    f.pair("8,96 15,96 15,120 8,120", m, metal)
    f.pair("4,118! 20,118! 22,129! 3,129!", m, shade)
    f.pair("24,58 34,58 40,76 38,92 32,92 31,78", m, metal)
    f.pair("30,88 41,88 42,98 36,95 30,99", m, shade)
    f.twin("0,54 24,55 28,62 25,94 20,99 0,100", m, paint)
    f.flat([(m - 15, 64), (m + 15, 64), (m + 15, 84), (m - 15, 84)], shade)
    for n, color in enumerate(((246, 200, 90), (110, 206, 140), (240, 96, 80))):
        f.oval(m - 9 + n * 9, 70, 2.4, 2.4, color)
    f.line([(m - 10, 78), (m - 4, 78), (m, 75), (m + 4, 81), (m + 10, 78)], 1.2, (190, 236, 230))
    f.flat([(m - 8, 48), (m + 8, 48), (m + 8, 57), (m - 8, 57)], metal)
    f.twin("0,13 28,14 33,20 33,42 28,50 0,51", m, paint)
    f.twin("0,20 22,21 26,25 26,38 22,43 0,44", m, (38, 48, 62))
    for side in (-1, 1):
        f.oval(m + side * 35, 32, 3.5, 7, metal)
        f.oval(m + side * 12, 31, 5.2, 5.8, (120, 236, 226))
        f.oval(m + side * 12 + 1.5, 29, 1.6, 1.8, (240, 255, 252))
    f.line([(m - 5, 38), (m, 40.5), (m + 5, 38)], 1.3, (120, 236, 226))
    return f
