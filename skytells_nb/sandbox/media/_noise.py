"""Chance with a shape: rolling and jagged outlines, clouds, and the speckle that hides a gradient's steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane: TypeAlias = NDArray[np.floating[Any]]


def outline(
    rng: np.random.Generator, count: int, waves: float, *, octaves: int = 4, rough: float = 0.5
) -> Plane:
    """Return a rolling outline: `count` heights about between -1 and 1, with `waves` hills across."""
    heights = np.zeros(count)
    strength, total = 1.0, 0.0
    for _ in range(octaves):
        knots = max(2, round(waves)) + 3
        values = rng.uniform(-1, 1, knots)
        at = np.linspace(0, max(0.5, waves), count) + rng.random()
        cell = np.floor(at).astype(int) % (knots - 1)
        part = at - np.floor(at)
        ease = part * part * (3 - 2 * part)
        heights += strength * (values[cell] * (1 - ease) + values[cell + 1] * ease)
        total += strength
        strength *= rough
        waves *= 2.1
    return (heights / total).astype(np.float32)


def summits(rng: np.random.Generator, count: int, waves: float, *, bend: float = 1.0) -> tuple[Plane, Plane]:
    """Return heights up to 1 that rise to single summits, and for every column where its summit stands.

    `bend` shapes the flanks: 1 is straight as on mountains, more is hollow as on dunes.
    """
    xs = np.arange(count, dtype=np.float64)
    large, small = max(2, round(waves)), max(3, round(waves * 2.2))
    at = (
        np.concatenate([(np.arange(large) + rng.uniform(0.15, 0.85, large)) / large, rng.random(small)])
        * count
    )
    top = np.concatenate([rng.uniform(0.62, 1.0, large), rng.uniform(0.3, 0.62, small)])
    reach = count / max(1.0, waves) * rng.uniform(0.75, 1.25, len(at))
    away = np.abs(xs[None, :] - at[:, None]) / reach[:, None]
    heights = top[:, None] - away**bend
    owner = heights.argmax(axis=0)
    return np.maximum(heights.max(axis=0), -1.0).astype(np.float32), at[owner].astype(np.float32)


def clouds(
    rng: np.random.Generator, wide: int, tall: int, cells: float, *, octaves: int = 4, stretch: float = 1.0
) -> Plane:
    """Return soft noise between 0 and 1, `cells` blobs across, each `stretch` times wider than tall."""
    total = np.zeros((tall, wide), np.float32)
    strength, weight = 1.0, 0.0
    for _ in range(octaves):
        nx = max(2, round(cells)) + 1
        ny = max(2, round(cells * stretch * tall / wide)) + 1
        grid = rng.random((ny, nx), dtype=np.float32)
        layer = Image.fromarray(grid).resize((wide, tall), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * np.float32(strength)
        weight += strength
        strength *= 0.5
        cells *= 2
        if cells > wide:
            break
    return np.asarray(np.clip(total / weight, 0, 1), np.float32)


@lru_cache(maxsize=1)
def speckle() -> Plane:
    """Return the 8 by 8 tile of an ordered dither: thresholds from 0 to 1, evenly spread."""
    tile = np.zeros((1, 1))
    for _ in range(3):
        tile = np.block([[4 * tile, 4 * tile + 2], [4 * tile + 3, 4 * tile + 1]])
    return np.asarray((tile + 0.5) / 64, np.float32)
