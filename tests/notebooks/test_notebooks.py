"""The notebooks as users meet them: on GitHub with their outputs, and with Run All in an empty folder.

That their outputs hold is nbval's to say, which runs them too (``notebooks`` is one of pytest's folders).
nbval sends one cell at a time, so it cannot see a cell that is lost while it waits behind another.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kernel.harness import Kernel
from lessons import CREATED, IN_THE_BROWSER, LESSONS, REUSE, answered, cells, read

from skytells_nb import exceptions

NOTEBOOKS = sorted(LESSONS.glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)


def test_there_are_notebooks():
    assert NAMES[0] == "01_first_prediction"
    assert IN_THE_BROWSER.keys() < set(NAMES)


@pytest.mark.parametrize("lesson", [name for name in NAMES if name not in IN_THE_BROWSER])
def test_run_all_runs_every_cell_and_the_answer_in_an_empty_folder_with_no_key(
    lesson: str, tmp_path: Path, monkeypatch
):
    for variable in ("SKYTELLS_API_KEY", "SKYTELLS_BASE_URL", "SKYTELLS_ARCHIVE"):
        monkeypatch.delenv(variable, raising=False)
    code = cells(answered(read(lesson)), "code")
    sources = ["".join(cell["source"]) for cell in code]
    keeps = "sandbox.faults" not in "".join(sources)  # lesson 6 breaks a sandbox of its own
    with Kernel(tmp_path) as kernel:
        sent = kernel.run_all(*sources)
        kernel.finish(*sent)
        if keeps:
            created = kernel.run(CREATED).result
            assert kernel.run(REUSE).ok
        again = kernel.run_all(*sources)
        kernel.finish(*again)
        if keeps:
            assert kernel.run(CREATED).result == created, "run again with reuse, a lesson creates nothing"
    for cell, ran in zip([*code, *code], [*sent, *again], strict=True):
        expected = "raises-exception" not in cell["metadata"].get("tags", ())
        assert ran.ok is expected, f"{''.join(cell['source'])}\n\n{ran.error}"


@each
def test_it_is_committed_with_outputs_that_every_viewer_can_show(path: Path):
    assert path.stat().st_size < 1_500_000
    assert "widgets" not in read(path.stem)["metadata"], "GitHub may refuse to draw it"
    code = [
        cell
        for cell in cells(read(path.stem), "code")
        if not "".join(cell["source"]).startswith("# your turn")
    ]
    assert all(cell["execution_count"] for cell in code)
    assert any("text/html" in output.get("data", {}) for cell in code for output in cell["outputs"])


@each
def test_it_says_nothing_of_the_machine_it_was_made_on(path: Path):
    text = path.read_text("utf-8")
    assert not re.search(r"/(root|home|work|tmp|Users|opt)/", text)


@each
def test_it_has_a_goal_an_exercise_with_a_hidden_answer_and_a_summary(path: Path):
    prose = "\n".join("".join(cell["source"]) for cell in cells(read(path.stem), "markdown"))
    assert "**Goal.**" in prose
    assert "## Exercise" in prose
    assert "<details><summary>Solution</summary>" in prose
    assert "## Summary" in prose
    assert 'api_key="sk-…"' in prose, "the one line that switches to a real key"


def test_the_lesson_on_errors_names_all_of_them():
    sources = ["".join(cell["source"]) for cell in cells(read("06_when_things_go_wrong"), "code")]
    (table,) = (source for source in sources if "rows = [" in source)
    named = set(re.findall(r'^    \("(\w+)"', table, re.MULTILINE))
    classes = {getattr(exceptions, name) for name in exceptions.__all__}
    assert {getattr(exceptions, name) for name in named} == classes - {
        exceptions.SkytellsError,
        exceptions.SkytellsWarning,
    }
