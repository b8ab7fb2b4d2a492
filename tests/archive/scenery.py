"""What the archive's tests are made of: real pictures, an asset server, predictions as the API tells them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from skytells_nb.models import Prediction

Carry = Callable[..., Any]
Keep = Callable[..., Prediction]


def picture(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """A real picture with something on it."""
    image = Image.effect_mandelbrot(size, (-2, -1, 1, 1), 40).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@dataclass
class Assets:
    """What the asset server serves, and what it was asked for."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    before_answer: Callable[[str], object] = lambda path: None

    def put(self, name: str, data: bytes, *statuses: int) -> str:
        """Serve a file, after answering with these statuses first; gives its URL."""
        self.files["/" + name] = data
        self.statuses["/" + name] = list(statuses)
        return f"{self.url}/{name}"


def made(id: str, *output: str, **facts: Any) -> Prediction:
    """A prediction that succeeded, as the API answers it."""
    facts.setdefault("created_at", "2026-11-22T14:31:00.000000Z")
    facts.setdefault("completed_at", datetime.now(UTC).isoformat())
    raw = {
        "id": id,
        "status": "succeeded",
        "input": {"prompt": "a red fox in snow", "seed": 7},
        "output": list(output),
        "model": {"name": "truefusion", "type": "image"},
        "metadata": {"billing": {"credits_used": 0.03}, "data_available": True},
        **facts,
    }
    return Prediction.from_api(raw)
