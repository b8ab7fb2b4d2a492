"""Land: ridges one behind the other, each fading into the haze of the next."""

from __future__ import annotations

import numpy as np

from ..brush import Brush
from ..canvas import Plane, ramp
from ..noise import outline, peaks
from ..palette import RGB, dim, mix


def paint_ridge(
    b: Brush, base: float, height: float, color: RGB, *, far: float, waves: float = 2.0, jagged: bool = False,
) -> Plane:  # fmt: skip
    """Paint one ridge and return its outline (a row per column).

    `base` is its middle row, `height` how far it rises above; `color` is what it is made of, `far` its distance.
    """
    c, light = b.canvas, b.light
    across = waves * max(0.7, c.w / c.u)
    if jagged:
        profile = base - height * peaks(b.rng, c.w, across)
    else:
        profile = base - height * outline(b.rng, c.w, across, rough=0.42)
    top, foot = light.on(dim(color, 1.08), far), mix(light.on(color, far), light.haze, 0.34 * (0.25 + far))
    span = max(2, int(c.u * 0.3))
    c.below(profile, ramp([(0, top), (1, foot)], span))
    return profile.astype(np.float32)
