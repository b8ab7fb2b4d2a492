"""Cats, bears, deer, rabbits, owls, birds, whales and camels."""

from __future__ import annotations

from ..palette import RGB, dim, mix
from .figure import Figure

_DARK: RGB = (32, 26, 30)
_SHINE: RGB = (255, 250, 240)


def cat(pixels: float, fur: RGB = (96, 92, 104)) -> Figure:
    """Return a sitting cat that looks at you."""
    f = Figure(110, 124, pixels)
    m, shade, pale = 50.0, dim(fur, 0.8), mix(fur, (255, 246, 236), 0.62)
    f.shape("62,112 80,120 98,114 104,98 98,82 88,76 84,82 92,90 94,100 86,108 70,102", shade)
    f.twin("0,48 15,58 22,76 27,98 25,116 0,121", m, fur)
    f.pair("12,92 24,88 30,106 25,119 10,119", m, shade)
    f.twin("0,58 10,62 11,76 7,92 0,102", m, pale)
    f.pair("2,88 10,86 11,104 10,119 2,119", m, fur)
    for side in (-1, 1):
        f.oval(m + side * 6.5, 118, 6.5, 4, pale)
        f.oval(m + side * 21, 118.5, 8, 3.6, shade)
    f.pair("6,22! 17,8 27,3! 30,18 28,34!", m, fur)
    f.pair("13,22! 19,14 25,9.5! 26.5,19 25,28!", m, (214, 140, 138))
    f.twin("0,19 16,20 28,31 31,44 25,55 12,61 0,62", m, fur)
    for mark in (-7, 0, 7):
        f.line([(m + mark, 20), (m + mark * 0.7, 29)], 2.2, shade)
    f.twin("0,44 7,46 14,51 11,58 4,60 0,61", m, pale)
    f.pair("7,40! 12,34 18,34 22,38! 17,43 11,43", m, (226, 196, 84))
    for side in (-1, 1):
        f.oval(m + side * 14.5, 38.6, 2.1, 4.2, _DARK)
        f.oval(m + side * 14.5 + 1.2, 36.8, 1.1, 1.1, _SHINE)
        for dy in (0, 3.5):
            f.line([(m + side * 10, 52 + dy), (m + side * 34, 49 + 2.4 * dy)], 0.7, _SHINE)
    f.twin("0,46.5 3.2,46.6 0,50", m, (206, 110, 112))
    f.line([(m - 6, 52), (m - 3, 54), (m, 52.4), (m, 50), (m, 52.4), (m + 3, 54), (m + 6, 52)], 0.9, _DARK)
    return f


def bear(pixels: float, fur: RGB = (112, 76, 52)) -> Figure:
    """Return a bear that walks to the right."""
    f = Figure(180, 110, pixels)
    shade, muzzle = dim(fur, 0.72), mix(fur, (240, 214, 180), 0.45)
    f.shape("50,62 70,66 66,90 72,108! 48,108! 46,84", shade)
    f.shape("112,66 130,66 130,90 136,108! 112,108! 112,86", shade)
    f.shape(
        "16,60 22,34 44,18 70,16 92,12 116,18 134,30 142,52 132,74 104,84 70,82 44,86 24,82", fur
    )  # fmt: skip
    f.shape("22,56 46,58 50,82 46,98 54,109! 24,109! 22,86", fur)
    f.shape("104,58 126,58 126,84 122,98 128,109! 100,109! 102,84", fur)
    f.oval(132, 17, 7, 7, fur)
    f.oval(132, 18, 4, 4, shade)
    f.shape("116,36 124,20 140,14 154,20 162,32 172,38 174,47 164,53 150,56 134,60 120,52", fur)
    f.shape("158,35 170,38 174,46 165,53 154,53 150,44", muzzle)
    f.oval(172, 41, 3.6, 3.2, _DARK)
    f.oval(151, 30, 2.2, 2.2, _DARK)
    f.oval(148, 15.5, 6, 6, fur)
    return f


def deer(pixels: float, fur: RGB = (166, 108, 66)) -> Figure:
    """Return a stag that stands and looks to the right."""
    f = Figure(130, 150, pixels)
    shade, pale, horn = dim(fur, 0.74), mix(fur, (255, 246, 232), 0.7), (96, 70, 52)
    for dx, color in ((8, shade), (0, fur)):
        f.shape(f"{26 + dx},92 {38 + dx},94 {34 + dx},114 {35 + dx},148! {28 + dx},148! {27 + dx},118", color)
        f.shape(f"{78 + dx},94 {88 + dx},92 {86 + dx},116 {85 + dx},148! {78 + dx},148! {79 + dx},118", color)
    f.shape("20,84 30,74 54,76 76,72 90,66 96,78 92,96 78,104 54,102 36,106 24,102", fur)
    f.shape("18,82! 12,84 14,92 22,94!", pale)
    f.shape("40,102 60,100 80,103 70,107 50,107", pale)
    f.shape("76,80 82,60 88,44 98,40 104,50 100,62 98,78 92,92", fur)
    f.shape("99,62 98,78 93,90 88,92 92,74", pale)
    for side in (-1, 1):
        x = 94 + side * 2
        f.line([(x, 40), (x + side * 8, 26), (x + side * 14, 12), (x + side * 10, 2)], 2.4, horn)
        f.line([(x + side * 6, 29), (x + side * 20, 24), (x + side * 24, 14)], 2.0, horn)
        f.line([(x + side * 12, 16), (x + side * 22, 8)], 1.8, horn)
        f.line([(x + side * 2, 36), (x + side * 12, 35)], 1.6, horn)
    f.shape("86,42! 76,38 72,42! 78,47 87,48!", shade)
    f.shape("86,44 92,37 100,38 108,46 117,53 117,58 108,60 98,58 88,54", fur)
    f.shape("110,55 117,54 117,58 108,60 104,58", pale)
    f.oval(116.5, 53.8, 2.2, 1.9, _DARK)
    f.oval(101, 45.5, 1.7, 1.9, _DARK)
    return f


def rabbit(pixels: float, fur: RGB = (186, 158, 132)) -> Figure:
    """Return a sitting rabbit, seen from the side."""
    f = Figure(100, 110, pixels)
    shade, pale = dim(fur, 0.84), mix(fur, (255, 250, 244), 0.75)
    f.oval(14, 94, 9, 9, pale)
    f.shape("64,38! 62,18 68,3 75,6 76,22 72,42!", shade)
    f.shape("14,94 18,74 34,62 54,60 66,66 72,84 70,104 40,108 20,108", fur)
    f.shape("22,92 30,78 46,80 54,94 50,106 62,109! 26,109!", shade)
    f.shape("62,78 72,80 72,98 78,108! 60,108! 60,92", fur)
    f.shape("54,62 56,46 68,38 80,42 88,52 88,60 78,68 66,72", fur)
    f.shape("80,58 88,56 87,62 78,68 72,66", pale)
    f.shape("60,44! 52,24 52,6 59,1 66,12 70,42!", fur)
    f.shape("61,38! 56,22 56,9 60,7 63,16 66,38!", (222, 164, 158))
    f.oval(75, 50, 2.4, 2.8, _DARK)
    f.oval(75.8, 49, 0.9, 0.9, _SHINE)
    f.oval(88.4, 56, 1.8, 1.6, (190, 110, 112))
    return f


def owl(pixels: float, fur: RGB = (138, 104, 76)) -> Figure:
    """Return an owl on its branch."""
    f = Figure(110, 124, pixels)
    m, shade, pale = 55.0, dim(fur, 0.74), mix(fur, (250, 238, 216), 0.7)
    f.twin("0,14 20,16 30,34 34,64 28,94 14,108 0,112", m, fur)
    f.twin("0,52 17,58 19,78 12,98 0,106", m, pale)
    for row in range(4):
        for n in range(-1, 2):
            f.line(
                [(m + n * 8 - 3, 66 + row * 9), (m + n * 8, 69 + row * 9), (m + n * 8 + 3, 66 + row * 9)],
                1.4,
                fur,
            )
    f.pair("22,46 34,58 36,80 26,102 20,84 20,60", m, shade)
    f.pair("8,18! 18,14 27,4! 29,18 26,26!", m, shade)
    for side in (-1, 1):
        f.oval(m + side * 13, 36, 13.5, 14, pale)
        f.oval(m + side * 12, 36, 8, 8, (240, 180, 60))
        f.oval(m + side * 12, 36, 4.6, 4.6, _DARK)
        f.oval(m + side * 12 + 1.8, 34, 1.6, 1.6, _SHINE)
        f.line([(m + side * 9, 108), (m + side * 9, 116)], 4, (220, 150, 60))
    f.twin("0,38! 4.5,44 0,52!", m, (220, 150, 60))
    f.shape("2,116 30,113 70,115 108,112 108,118 70,121 30,119 2,121", (84, 62, 50))
    return f


def bird(pixels: float, fur: RGB = (92, 112, 134), breast: RGB = (226, 104, 52)) -> Figure:
    """Return a small round bird on a twig, in profile."""
    f = Figure(140, 110, pixels)
    shade = dim(fur, 0.72)
    f.shape("36,70 18,80 2,90! 10,96 32,90 48,82", shade)
    f.shape("30,72 42,50 58,34 72,24 88,22 100,30 104,42 102,62 92,80 74,90 52,90 36,84", fur)
    f.shape("104,38 104,60 94,80 76,91 58,91 72,74 82,56 88,42 96,36", breast)
    f.shape("64,91 78,90 92,82 88,94 74,97", mix(breast, (255, 250, 240), 0.75))
    f.shape("32,74 46,54 62,48 72,58 64,74 46,82 28,86!", shade)
    f.line([(40, 74), (62, 62)], 1.4, fur)
    f.flat([(102, 33), (117, 38), (102, 42)], (222, 168, 70))
    f.oval(92, 34, 3.4, 3.4, _DARK)
    f.oval(93, 33, 1.1, 1.1, _SHINE)
    f.line([(68, 92), (67, 101)], 2, (96, 68, 52))
    f.line([(78, 91), (79, 101)], 2, (96, 68, 52))
    f.shape("4,104 40,100 80,102 138,97 138,102 80,107 40,106 4,109", (84, 62, 50))
    return f


def whale(pixels: float, skin: RGB = (58, 84, 118)) -> Figure:
    """Return a whale that leaps out of the water."""
    f = Figure(150, 130, pixels)
    belly = mix(skin, (240, 244, 248), 0.8)
    f.shape("24,130! 30,98 46,68 70,42 98,24 122,18 132,26 128,44 114,70 96,98 84,130!", skin)
    f.shape("62,130! 80,98 98,70 114,46 128,34 129,44 115,70 98,98 86,130!", belly)
    for n in range(4):
        f.line([(126 - n * 6, 42 + n * 9), (90 - n * 6, 98 + n * 5)], 1.0, mix(belly, skin, 0.4))
    f.shape("66,76! 46,84 26,104 22,114! 42,108 66,96 76,82", dim(skin, 0.74))
    f.oval(111, 38, 2.1, 2.1, _DARK)
    return f


def camel(pixels: float, fur: RGB = (150, 98, 56)) -> Figure:
    """Return a camel that walks to the right."""
    f = Figure(130, 120, pixels)
    shade = dim(fur, 0.74)
    for dx, color in ((9, shade), (0, fur)):
        f.shape(f"{24 + dx},66 {36 + dx},66 {32 + dx},90 {34 + dx},118! {26 + dx},118! {25 + dx},92", color)
        f.shape(f"{72 + dx},66 {84 + dx},64 {80 + dx},90 {83 + dx},118! {75 + dx},118! {75 + dx},92", color)
    f.shape("18,60 22,46 34,42 42,24 52,20 60,30 66,42 80,46 88,54 84,70 66,76 40,74 24,74", fur)
    f.shape(
        "78,50 90,64 100,56 102,40 98,28 104,20 116,18 124,24 122,30 112,32 110,46 108,64 96,76 80,72", fur
    )
    f.shape("36,43 42,26 52,21 60,31 65,43 56,54 42,54", (176, 62, 54))
    f.line([(20, 54), (14, 66), (15, 74)], 1.8, shade)
    f.oval(112, 22.5, 1.4, 1.4, _DARK)
    return f
