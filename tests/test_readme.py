"""What README says is so: its commands, its figures, its pictures."""

from __future__ import annotations

import re

from checkout import PROJECT


def blocks(document: str, language: str) -> list[str]:
    text = (PROJECT / document).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def test_the_second_command_is_how_the_tests_are_run():
    command = blocks("README.md", "bash")[1]
    assert 'pip install -e ".[dev]"' in command
    assert command.endswith("python -m pytest -n 4 --dist loadfile\n")


def test_the_figures_are_those_that_were_measured():
    readme = (PROJECT / "README.md").read_text("utf-8")
    measured = (PROJECT / "benchmarks/README.md").read_text("utf-8")
    (row,) = re.findall(r"^\|.*\[measured\].*\|$", readme, re.M)
    figures = re.findall(r"[\d.]+ to [\d.]+|\d+\.\d\d", row)
    assert len(figures) >= 4
    assert [figure for figure in figures if figure not in measured] == []


def test_every_picture_is_there_in_light_and_dark():
    readme = (PROJECT / "README.md").read_text("utf-8")
    shown = re.findall(r'(?:srcset="|src="|\]\()(docs/pictures/[^")]+)', readme)
    assert {PROJECT / path for path in shown} == set((PROJECT / "docs/pictures").iterdir())
