"""Who is in the picture: sets a scene's subject on the stage its place has left free."""

from __future__ import annotations

from .brush import Brush
from .canvas import Pen
from .figures import animals, canines
from .figures.canines import DOG, FOX, WOLF, Coat
from .palette import RGB, dim, mix
from .scenery.water import paint_spray
from .stage import Stage
from .things import paint_balloons, paint_thing

_COATS = {"fox": FOX, "wolf": WOLF, "dog": DOG}


def paint_subject(b: Brush, stage: Stage) -> None:
    """Paint the scene's subject, if it has one; birds also fly where nobody asked for them."""
    scene, c, chance = b.scene, b.canvas, b.chance
    subject, tint = scene.subject, scene.tint
    mirror = chance.random() < 0.5
    dark = b.light.name in ("night", "dusk")
    lit = 0.68 if dark else 0.85
    if subject in _COATS:
        coat = _dyed(_COATS[subject], tint) if tint else _COATS[subject]
        _canine(b, stage, subject, coat, mirror, lit)
    elif subject in ("cat", "bear", "deer", "rabbit"):
        maker = {"cat": animals.cat, "bear": animals.bear, "deer": animals.deer, "rabbit": animals.rabbit}[
            subject
        ]
        scale = {"cat": 0.92, "bear": 0.9, "deer": 1.25, "rabbit": 0.68}[subject]
        tall = stage.tall * scale
        figure = maker(tall, tint) if tint else maker(tall)
        figure.stamp(b, stage.x, stage.foot, mirror=mirror, lit=lit)
    elif subject in ("owl", "bird"):
        _perched(b, subject, tint, lit)
    elif subject == "whale":
        animals.whale(c.u * 0.4).stamp(b, stage.x, stage.foot + c.u * 0.06, mirror=mirror, lit=lit, shadow=0)
        _splash(b, stage.x, stage.foot + c.u * 0.05, c.u * 0.2)
    elif subject == "camel":
        if scene.says(r"camels?"):
            animals.camel(stage.tall).stamp(b, stage.x, stage.foot, mirror=mirror, lit=lit)
    elif subject == "balloon":
        paint_balloons(b)
    elif subject:
        paint_thing(b, stage, mirror=mirror, lit=lit)
    if subject in ("bird",) or (
        scene.place in ("sea", "hills", "mountain", "lake") and not dark and chance.random() < 0.5
    ):
        _flock(b)


def _dyed(coat: Coat, tint: RGB) -> Coat:
    if coat is FOX and tint[0] > 190 and tint[2] < 80:
        return coat  # a red or an orange fox is a fox
    return Coat(
        tint,
        mix(tint, (255, 252, 246), 0.75),
        dim(tint, 0.6),
        dim(tint, 0.5),
        coat.eye,
        mix(tint, (255, 252, 246), 0.75),
        coat.cheeks,
        coat.tail,
        coat.floppy,
    )


def _canine(b: Brush, stage: Stage, subject: str, coat: Coat, mirror: bool, lit: float) -> None:
    howls = (
        subject == "wolf"
        and (b.light.name == "night" or b.scene.says(r"howl\w*"))
        and b.chance.random() < 0.7
    )
    if howls:
        figure, tall = canines.howling(coat, stage.tall * 1.05), stage.tall * 1.05
        mirror = b.sun_x < stage.x
    elif (
        b.scene.says(r"walk\w*|run\w*|stalk\w*|hunt\w*|trot\w*|prowl\w*|crossing") or b.chance.random() < 0.28
    ):
        tall = stage.tall * 0.74
        figure = canines.walking(coat, tall)
    else:
        tall = stage.tall
        figure = canines.sitting(coat, tall)
    if b.scene.snowy:
        _tracks(b, stage, tall, mirror)
    figure.stamp(b, stage.x, stage.foot, mirror=mirror, lit=lit, rim=0.6)


def _tracks(b: Brush, stage: Stage, tall: float, mirror: bool) -> None:
    c, light = b.canvas, b.light
    away = 1 if mirror else -1
    color = mix(dim(light.on((178, 196, 228)), 0.86), light.zenith, 0.25)

    def prints(pen: Pen) -> None:
        for n in range(1, 12):
            near = 1 - n / 14
            x = stage.x + away * (tall * 0.35 + n**1.12 * tall * 0.13)
            y = stage.foot - n**0.9 * tall * 0.028 + (n % 2) * tall * 0.035 * near
            pen.ellipse(x, y, tall * 0.032 * near, tall * 0.014 * near)

    c.stencil(prints, color, box=(0, stage.foot - tall, c.w, stage.foot + tall * 0.2), opacity=0.7)


def _perched(b: Brush, subject: str, tint: RGB | None, lit: float) -> None:
    c = b.canvas
    tall = c.u * (0.42 if subject == "owl" else 0.34)
    if subject == "owl":
        figure = animals.owl(tall, tint) if tint else animals.owl(tall)
    else:
        figure = animals.bird(tall, tint, mix(tint, (255, 244, 226), 0.6)) if tint else animals.bird(tall)
    x, foot = c.w * b.chance.uniform(0.4, 0.6), c.h * b.chance.uniform(0.66, 0.72)
    side = -1 if x < c.w / 2 else 1

    def branch(pen: Pen) -> None:
        pen.polygon(
            [
                (x - side * tall * 0.55, foot - tall * 0.05),
                (x + side * c.w * 0.7, foot - tall * 0.16),
                (x + side * c.w * 0.7, foot + tall * 0.1),
                (x, foot - tall * 0.005),
            ]
        )
        for n in range(3):
            bx = x + side * tall * (0.7 + n * 0.5)
            pen.line(
                [(bx, foot - tall * 0.04), (bx + side * tall * 0.3, foot - tall * (0.3 - 0.5 * (n % 2)))],
                tall * 0.022,
            )

    c.stencil(branch, b.light.on((74, 56, 48)))
    figure.stamp(b, x, foot, mirror=side < 0, lit=lit, shadow=0)


def _flock(b: Brush) -> None:
    c, chance = b.canvas, b.chance
    x0, y0 = c.w * chance.uniform(0.2, 0.7), b.horizon * chance.uniform(0.25, 0.6)
    wings = []
    for _ in range(chance.randint(4, 8)):
        size = c.u * chance.uniform(0.009, 0.018)
        wings.append(
            (
                x0 + chance.gauss(0, 0.08) * c.u,
                y0 + chance.gauss(0, 0.035) * c.u,
                size,
                chance.uniform(0.2, 0.6),
            )
        )

    def fly(pen: Pen) -> None:
        for x, y, s, up in wings:
            pen.polygon(
                [
                    (x - s, y - s * up),
                    (x - s * 0.4, y - s * 0.42 * up - s * 0.14),
                    (x, y),
                    (x + s * 0.4, y - s * 0.42 * up - s * 0.14),
                    (x + s, y - s * up),
                    (x + s * 0.36, y - s * 0.1 * up),
                    (x, y + s * 0.2),
                    (x - s * 0.36, y - s * 0.1 * up),
                ]
            )

    c.stencil(fly, mix(b.light.on((52, 54, 70)), b.light.haze, 0.2))


def _splash(b: Brush, x: float, y: float, size: float) -> None:
    for side in (-0.5, 0.5):
        paint_spray(b, x + side * size, y, size * 0.5)
