"""Predictions with real files, in a folder of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skytells_nb.models import Prediction

from .pictures import encoded, photograph


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of one's own, where no archive of anybody else's is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKYTELLS_ARCHIVE", raising=False)
    return tmp_path


Maker = Callable[..., Prediction]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Make a prediction; `files` are contents, written under names with the given suffix."""
    counter = iter(range(10_000))

    def made(
        prompt: str | None = "a red fox in snow",
        *,
        files: list[bytes] | None = None,
        suffix: str = ".png",
        status: str = "succeeded",
        **changes: Any,
    ) -> Prediction:
        n = next(counter)
        folder = tmp_path / "skytells_outputs" / "2026-11-22"
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for at, content in enumerate(files or []):
            path = folder / f"1431-output-{n:04d}-{at}{suffix}"
            path.write_bytes(content)
            paths.append(path)
        raw = {
            "id": f"3b0c1f0a-5f0e-4a53-9c53-{n:012d}",
            "status": status,
            "model": {"name": "truefusion", "type": "image"},
            "input": {} if prompt is None else {"prompt": prompt},
            "output": [f"https://delivery.example/{n}-{at}{suffix}" for at in range(len(paths))] or None,
            "metrics": {"total_time": 10.5},
            "metadata": {"billing": {"credits_used": 0.02}},
            **changes,
        }
        return dataclasses.replace(Prediction.from_api(raw), files=tuple(paths))

    return made


@pytest.fixture
def fox(make: Maker) -> Prediction:
    """One succeeded prediction with one picture of 1024 by 768."""
    return make(files=[encoded(photograph(size=(1024, 768)))])
