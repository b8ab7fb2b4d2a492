"""What tests of the lessons have in common: their files, their answers, and what their sandbox counts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).parents[1] / "notebooks"

IN_THE_BROWSER = {"02_looking": 21, "05_cost_analysis": 1}
"""Which lessons are run in a browser, and how many pictures each must show there.

The first time 02 has one more, which waits to be rated.
"""

CREATED = "len(sky.connect().predictions.list(limit=None))"
"""What the sandbox of a lesson counts."""

REUSE = 'setattr(sky.options, "reuse", True)'
"""What makes a lesson take from the archive what is there."""


def read(lesson: str) -> dict[str, Any]:
    """Read the notebook of a lesson, such as ``02_looking``."""
    document: dict[str, Any] = json.loads((LESSONS / f"{lesson}.ipynb").read_text("utf-8"))
    return document


def cells(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Give its cells of one kind, ``code`` or ``markdown``."""
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def answered(document: dict[str, Any]) -> dict[str, Any]:
    """Put the hidden answer where the learner's own would stand."""
    prose = "\n".join("".join(cell["source"]) for cell in cells(document, "markdown"))
    (answer,) = re.findall(r"<summary>Solution</summary>\n\n```python\n(.*?)```", prose, re.DOTALL)
    (turn,) = (cell for cell in cells(document, "code") if cell["source"] == ["# your turn"])
    turn["source"] = [answer]
    return document
