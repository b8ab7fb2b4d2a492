"""A create may be stopped at any instant; by hand 500 of each client are, see SECURITY.md."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from .instants import try_instants


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs a timer that sends a signal")
def test_whatever_was_billed_is_told_or_kept(tmp_path: Path) -> None:
    tally = try_instants(15, tmp_path)
    assert tally.lost == []
    assert tally.without_files == []
    assert len(tally.ends) > 2, "creates were stopped in several ways"
