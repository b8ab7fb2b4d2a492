"""A short soak at a fixed seed; by hand it goes on for 20 minutes, see SECURITY.md."""

from __future__ import annotations

from pathlib import Path

from .soak import run


def test_nothing_is_lost_or_given_twice_at_random_faults(tmp_path: Path) -> None:
    soak = run(20261126, tmp_path, creates=5)
    assert soak.faults == []
    assert len(soak.billed) >= 15, "most creates were accepted"
