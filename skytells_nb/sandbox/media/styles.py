"""Styles laid over a finished picture: a pencil sketch, black and white."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .brush import Brush
from .canvas import blur
from .noise import clouds
from .palette import RGB

_PAPER: RGB = (248, 244, 234)
_PENCIL: RGB = (52, 54, 66)


def apply_style(b: Brush) -> None:
    """Turn the canvas into what the prompt's style words ask for, if they ask for anything."""
    if b.scene.style == "sketch":
        _sketch(b)
    elif b.scene.style == "mono":
        gray = b.canvas.px @ np.array([0.3, 0.59, 0.11], np.float32)
        tone = np.clip((gray / 255 - 0.5) * 1.18 + 0.5, 0, 1)[:, :, None] * 255
        b.canvas.px[:] = tone * np.array([1.0, 0.985, 0.955], np.float32)


def _sketch(b: Brush) -> None:
    """Leave pencil lines where tones meet, hatching where it is dark, and a thin wash of colour."""
    c = b.canvas
    gray = np.clip(c.px @ np.array([0.3, 0.59, 0.11], np.float32), 0, 255)
    soft = np.asarray(blur(Image.fromarray(gray.astype(np.uint8)), max(1.2, c.u * 0.0028)), np.float32)
    lines = np.clip((np.abs(soft - gray) - 1.2) / 13, 0, 1)
    rows = np.arange(c.h, dtype=np.float32)[:, None]
    cols = np.arange(c.w, dtype=np.float32)[None, :]
    wobble = clouds(b.rng, c.w, c.h, 6, octaves=2) * np.float32(c.u * 0.05)
    pitch = np.float32(c.u / 150)
    hatch = np.clip(np.sin((rows + cols + wobble) / pitch * 2) - 0.2, 0, 1)
    cross = np.clip(np.sin((rows - cols * 0.8 + wobble) / pitch * 2) - 0.2, 0, 1)
    dark = 1 - gray / 255
    strokes = np.clip(
        hatch * np.clip((dark - 0.3) * 1.5, 0, 0.6) + cross * np.clip((dark - 0.6) * 1.6, 0, 0.5), 0, 1
    )
    tooth = 0.72 + 0.28 * b.rng.random((c.h, c.w), dtype=np.float32)
    ink = np.clip(lines * 0.95 + strokes * 0.75, 0, 1) * tooth
    edge_x = np.minimum(cols, c.w - 1 - cols) / c.u
    edge_y = np.minimum(rows, c.h - 1 - rows) / c.u
    inside = np.clip((np.minimum(edge_x, edge_y) + wobble / c.u * 0.6 - 0.05) * 22, 0, 1)
    wash = (
        np.asarray(_PAPER, np.float32) + (c.px - np.asarray(_PAPER, np.float32)) * (0.34 * inside)[:, :, None]
    )
    c.px[:] = wash + (np.asarray(_PENCIL, np.float32) - wash) * (ink * inside)[:, :, None]
