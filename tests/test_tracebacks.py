"""What a notebook shows of an error: the user's line and what it says, and no line of ours."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

import skytells_nb as sky
from skytells_nb import _tracebacks
from skytells_nb.exceptions import InvalidInputError, SkytellsError


@pytest.fixture
def shell(ipython: InteractiveShell) -> Iterator[InteractiveShell]:
    _tracebacks.install()
    yield ipython
    _tracebacks.uninstall()


def shown(shell: InteractiveShell, capsys: pytest.CaptureFixture[str], code: str) -> list[str]:
    shell.run_cell(code)
    captured = capsys.readouterr()
    return (captured.out + captured.err).rstrip().split("\n")


FAIL = "import skytells_nb as sky\n\ndef ask():\n    sky.Client('a b')\n\nask()"


def test_a_cell_shows_its_own_lines_and_the_error(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    lines = shown(shell, capsys, FAIL)
    assert len(lines) <= _tracebacks.MOST_LINES
    assert [line for line in lines if "---->" in line] == ["----> ask()", "----> sky.Client('a b')"]
    assert "skytells_nb/" not in "\n".join(lines)
    assert any(line.startswith("AuthenticationError: ") for line in lines)


def test_long_messages_and_notes_are_wrapped_at_words():
    error = InvalidInputError("every word of it is whole " * 60)
    error.add_note("Prediction p1 is kept.")
    lines = _tracebacks.short_traceback(error)
    assert len(lines) <= _tracebacks.MOST_LINES
    assert all(len(line) < 120 and not line.endswith("wor") for line in lines)
    short = InvalidInputError("Refused.")
    short.add_note("Prediction p1 is kept.")
    said = ["InvalidInputError: Refused.", "Prediction p1 is kept."]
    assert _tracebacks.short_traceback(short)[-2:] == said


def test_a_group_of_errors_is_as_short(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]):
    group = "raise ExceptionGroup('Two', [sky.SkytellsError('Refused.'), sky.InvalidInputError('Wrong.')])"
    lines = shown(shell, capsys, f"import skytells_nb as sky\n{group}")
    assert lines[-2:] == ["SkytellsError: Refused.", "InvalidInputError: Wrong."]
    assert len(lines) <= _tracebacks.MOST_LINES


def test_the_stop_button_shows_the_line_that_was_stopped(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    cell = (
        "import asyncio, os, signal\nimport skytells_nb as sky\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "async def pressed():\n    os.kill(os.getpid(), signal.SIGALRM)\n    await asyncio.sleep(60)\n"
        "sky.run(pressed())"
    )
    lines = shown(shell, capsys, cell)
    assert lines[-1].startswith("KeyboardInterrupt")
    assert "----> sky.run(pressed())" in lines
    assert len(lines) <= _tracebacks.MOST_LINES


def test_deep_code_shows_where_it_began_and_where_it_ended():
    def deeper(depth: int) -> None:
        if depth:
            deeper(depth - 1)
        sky.Client("a b")

    with pytest.raises(SkytellsError) as raised:
        deeper(30)
    lines = _tracebacks.short_traceback(raised.value)
    assert len(lines) <= _tracebacks.MOST_LINES
    assert lines[-1].count("\n") == 0
    assert [line for line in lines if "---->" in line][-1] == '----> sky.Client("a b")'


def test_an_error_that_says_nothing_is_shown_by_its_name():
    assert _tracebacks.short_traceback(SkytellsError(""))[-1] == "SkytellsError"


def test_all_frames_are_shown_where_that_is_wanted(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    with sky.options(tracebacks="full"):
        lines = shown(shell, capsys, FAIL)
    assert len(lines) > _tracebacks.MOST_LINES
    assert "skytells_nb/" in "\n".join(lines)


def test_errors_of_others_stay_as_they_are_and_all_can_be_taken_back(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    ours = shown(shell, capsys, "1 / 0")
    wrapped = shell.showtraceback
    _tracebacks.install()
    assert shell.showtraceback is wrapped
    _tracebacks.uninstall()
    assert [line for line in shown(shell, capsys, "1 / 0") if "In[" not in line] == [
        line for line in ours if "In[" not in line
    ]
    assert shell.showtraceback == type(shell).showtraceback.__get__(shell)


def test_an_error_that_came_of_one_of_ours_stands_whole_below_it(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    for then, said in (
        ("raise KeyError('theirs') from error", "direct cause of"),
        ("1 / 0", "During handling of"),
    ):
        cell = f"try:\n    sky.Client('a b')\nexcept sky.SkytellsError as error:\n    {then}"
        text = "\n".join(shown(shell, capsys, "import skytells_nb as sky\n" + cell))
        order = [text.index(part) for part in ("AuthenticationError: ", said, "Traceback (most recent", then)]
        assert order[:2] == sorted(order[:2])
        assert text.rindex("Traceback (most recent") > order[1]
        assert "skytells_nb/" not in text


SLIPS = {
    "client.predictions.creat": "Did you mean 'create'?",
    "client.create('truefusion', {})": "Did you mean 'predictions.create'?",
    "client.generate": "It has archive, as_async,",
    "sky.Client(api_kay='sk-hunter2-hunter2')": "Did you mean 'api_key'?",
    "client.predictions.list(limits=3)": "Did you mean 'limit'?",
    "sky.show('a.png', width=3)": "It takes x, full.",
    "from skytells_nb import Cleint": "Did you mean 'Client'?",
    "client.models['truefusion']": "It has get, list.",
    "sky.Prediction.from_api({'id': 'p1'}).wait()": "Write client.predictions.wait(prediction).",
    "for each in client.predictions: pass": "It has cancel, create, delete,",
    "class Mine(sky.Sandbox): pass\nMine().clint": "Did you mean 'client'?",
    "from skytells_nb.forms import PromtForm": "Did you mean 'PromptForm'?",
    "sky.Sandbox(second=1)": "Did you mean 'seconds'?",
    "async with client: pass": "an AsyncClient with `async with`",
    "def show(): pass\nshow(x=1)": None,
    "import math; math.sine": None,
}


def test_a_misspelt_method_or_option_is_told_what_was_meant(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    shell.run_cell("import skytells_nb as sky\nclient = sky.Client('a-key', archive=False)")
    for slip, meant in SLIPS.items():
        text = "\n".join(shown(shell, capsys, slip))
        assert "Error" in text
        assert (meant or "Did you") in text if meant else not re.search("Did you mean|It takes|It has", text)
        assert "hunter2" not in text.replace("sk-hunter2-hunter2')\n", "", 1)
        assert "skytells_nb/api" not in text
    shell.run_cell("client.close()")


def test_outside_of_a_notebook_nothing_changes():
    _tracebacks.install()
    assert not _tracebacks._installed
    assert "Refused." in "".join(traceback.format_exception(InvalidInputError("Refused.")))


def test_asyncio_run_in_a_cell_points_to_what_works(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    code = (
        "import asyncio\nasync def main(): ...\ncoro = main()\nasync def cell():\n    try:\n"
        "        asyncio.run(coro)\n    finally:\n        coro.close()\nawait cell()"
    )
    text = "\n".join(shown(shell, capsys, code))
    assert _tracebacks.ASYNCIO_RUN_HINT in text
    assert all(way in text for way in ("await main()", "sky.run(main())", "enable_nested_asyncio"))


def test_a_forgotten_await_is_told_in_place_of_an_address(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
):
    ours = "\n".join(shown(shell, capsys, "import skytells_nb as sky\nours = sky.gather()\nours"))
    assert "This call of gather() has not begun: it needs `await` before it." in ours
    theirs = "\n".join(shown(shell, capsys, "async def f(): pass\ntheirs = f()\ntheirs"))
    assert "<coroutine object f at" in theirs
    shell.run_cell("ours.close(), theirs.close()")
