"""Run lessons and keep what they show: ``python tests/notebooks/refresh.py 02 05``; without a number, all.

Each runs as a learner runs it, with no key, in an empty folder. What needs a kernel to be seen is left out.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LESSONS = Path(__file__).parents[2] / "notebooks"


def refresh(path: Path) -> None:
    """Run one lesson, and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    kept = notebook.metadata.copy()
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=120, store_widget_state=False, resources={"metadata": {"path": folder}}
        ).execute()
    notebook.metadata = kept
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            shown = output.get("data", {})
            shown.pop("application/vnd.jupyter.widget-view+json", None)
            if "text/html" in shown:  # which has the picture in it, and smaller
                shown.pop("image/png", None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith("SKYTELLS_")]:
        del os.environ[name]
    for lesson in sorted(LESSONS.glob("*.ipynb")):
        if len(sys.argv) == 1 or lesson.name[:2] in sys.argv[1:]:
            refresh(lesson)
