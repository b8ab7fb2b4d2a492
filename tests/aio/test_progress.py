"""The bar: what it says, when it appears, where it is drawn, and that it never breaks the work."""

from __future__ import annotations

import io
import sys
import threading
from decimal import Decimal
from typing import Any

import pytest

from skytells_nb.aio import _progress
from skytells_nb.aio._progress import Bar, NotebookBar, Tally, TerminalLine, bar


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What each rewriting left to be read."""
        return [part.strip() for part in self.getvalue().split("\r")[1:]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def screen() -> Screen:
    return Screen()


class TestTheText:
    @pytest.mark.parametrize(
        ("tally", "text"),
        [
            (Tally("portraits"), "portraits: 0"),
            (Tally("portraits", total=8), "portraits: 0 of 8"),
            (Tally("portraits", total=8, running=3), "portraits: 0 of 8 · 3 running"),
            (Tally("portraits", total=8, done=8, elapsed=9), "portraits: 8 of 8"),
            (Tally("portraits", done=5, failed=2), "portraits: 5 · 2 failed"),
            (Tally("portraits", total=5, done=5, canceled=2), "portraits: 5 of 5 · 2 canceled"),
            (Tally("portraits", total=5, done=3, not_sent=2), "portraits: 3 of 5 · 2 not sent"),
            (Tally("portraits", spent=Decimal("0.30")), "portraits: 0 · $0.30 spent"),
            (Tally("portraits", spent=Decimal("0")), "portraits: 0 · $0.00 spent"),
            (Tally("portraits", spent=Decimal("1E+2")), "portraits: 0 · $100.00 spent"),
            (Tally("portraits", spent=Decimal("0.3"), sandbox=True), "portraits: 0 · 0.3 credits spent"),
            (
                Tally("portraits", total=3, done=3, elapsed=61, over=True),
                "portraits: 3 of 3 · took 1 min 1 s",
            ),
        ],
    )
    def test_it_says_what_is_known_and_nothing_else(self, tally: Tally, text: str):
        assert tally.text == text

    @pytest.mark.parametrize(
        ("done", "elapsed", "left"),
        [
            (1, 2.0, "about 18 s left"),
            (5, 60.0, "about 1 min left"),
            (1, 1000.0, "about 2 h 30 min left"),
        ],
    )
    def test_the_time_left_follows_the_throughput(self, done: int, elapsed: float, left: str):
        assert Tally("portraits", total=10, done=done, elapsed=elapsed).text.endswith(left)


class TestWhenItAppears:
    def test_not_before_the_delay(self, clock: Clock, screen: Screen):
        shown = bar(2, "portraits", clock=clock, stream=screen)
        clock.now += 0.99
        shown.update(done=1)
        assert screen.lines == []
        clock.now += 0.02
        shown.update(running=1)
        assert screen.lines == ["portraits: 1 of 2 · 1 running · about 1 s left"]

    def test_never_for_work_that_was_over_before(self, clock: Clock, screen: Screen):
        with bar(2, "portraits", clock=clock, stream=screen) as shown:
            clock.now += 0.5
            shown.update(done=2)
            clock.now += 0.1
        assert screen.getvalue() == ""

    def test_at_most_ten_times_a_second_but_always_at_the_end(self, clock: Clock, screen: Screen):
        with bar(100, "portraits", clock=clock, stream=screen, delay=0) as shown:
            for n in range(100):
                shown.update(done=n)
                clock.now += 0.01
            assert len(screen.lines) <= 11
            shown.update(done=100)
        assert screen.lines[-1] == "portraits: 100 of 100 · took 1 s"

    def test_closing_twice_draws_the_end_once(self, clock: Clock, screen: Screen):
        shown = bar(1, "portraits", clock=clock, stream=screen, delay=0)
        shown.update(done=1)
        shown.close()
        shown.close()
        assert screen.getvalue().count("\n") == 1


class TestWhereItIsDrawn:
    def test_nowhere_when_it_is_not_wanted(self, clock: Clock, screen: Screen):
        with bar(1, "portraits", enabled=False, clock=clock, stream=screen, delay=0) as shown:
            shown.update(done=1)
        assert screen.getvalue() == ""

    def test_nowhere_when_nobody_looks(self, clock: Clock):
        log = io.StringIO()
        with bar(1, "portraits", enabled=True, clock=clock, stream=log, delay=0) as shown:
            shown.update(done=1)
        assert log.getvalue() == ""

    def test_nowhere_when_the_stream_is_closed_or_missing(self, monkeypatch: pytest.MonkeyPatch):
        closed = io.StringIO()
        closed.close()
        monkeypatch.setattr(sys, "stderr", None)
        for stream in (closed, None):
            with bar(1, "portraits", stream=stream, delay=0) as shown:
                shown.update(done=1)

    def test_on_stderr_in_a_terminal(self, monkeypatch: pytest.MonkeyPatch, screen: Screen):
        monkeypatch.setattr(sys, "stderr", screen)
        with bar(1, "portraits", delay=0) as shown:
            shown.update(done=1)
        assert screen.lines[0] == "portraits: 1 of 1"

    def test_as_a_display_in_a_kernel(self, monkeypatch: pytest.MonkeyPatch, screen: Screen):
        monkeypatch.setattr(_progress, "in_a_kernel", lambda: True)
        assert isinstance(bar(1, "portraits", stream=screen)._view, NotebookBar)

    def test_ordinary_ipython_is_no_kernel(self):
        assert not _progress.in_a_kernel()


class TestInATerminal:
    def test_a_shorter_line_covers_the_longer_one_before(self, screen: Screen):
        line = TerminalLine(screen)
        line.draw(Tally("portraits", total=100, done=10, running=4))
        line.draw(Tally("portraits", total=100, done=11))
        first, second = screen.getvalue().split("\r")[1:]
        assert len(second) == len(first)

    def test_a_line_never_wraps(self, screen: Screen, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("COLUMNS", "40")
        TerminalLine(screen).draw(Tally("x" * 100, total=5))
        assert screen.lines == ["x" * 38 + "…"]


class TestInANotebook:
    @pytest.fixture
    def displayed(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, dict[str, str]]]:
        shown: list[tuple[str, bool, dict[str, str]]] = []

        def display(data: dict[str, str], *, raw: bool, display_id: str, update: bool) -> None:
            assert raw
            shown.append((display_id, update, data))

        monkeypatch.setattr("IPython.display.display", display)
        return shown

    def test_it_is_displayed_once_and_then_only_updated(self, displayed: list[Any]):
        view = NotebookBar()
        view.draw(Tally("portraits", total=4, done=1, running=2))
        view.draw(Tally("portraits", total=4, done=3, failed=1, elapsed=3.0))
        (first, new, _), (second, update, bundle) = displayed
        assert (new, update, second) == (False, True, first)
        assert '<progress max="4" value="3">' in bundle["text/html"]
        assert bundle["text/plain"] == "portraits: 3 of 4 · 1 failed · about 1 s left"

    def test_what_it_last_said_is_its_text_where_html_is_not_shown(self, displayed: list[Any]):
        NotebookBar().draw(Tally("portraits", total=2, done=2, over=True, elapsed=3.0))
        assert displayed[0][2]["text/plain"] == "portraits: 2 of 2 · took 3 s"

    def test_one_without_a_total_is_full_at_its_end(self, displayed: list[Any]):
        view = NotebookBar()
        for over in (False, True):
            view.draw(Tally("portraits", total=None, done=3, over=over))
        gauges = [data["text/html"].partition("</progress>")[0] for _, _, data in displayed]
        assert gauges == ['<div><progress max="1" value="0">', '<div><progress max="1" value="1">']

    def test_a_label_is_text_and_never_markup(self, displayed: list[Any]):
        NotebookBar().draw(Tally("<img src=x onerror=alert(1)>", total=1))
        assert "&lt;img src=x onerror=alert(1)&gt;: 0 of 1" in displayed[0][2]["text/html"]


class TestTheWorkMatters:
    def test_a_view_that_fails_is_left_alone_from_then_on(self, clock: Clock):
        class Broken:
            drawn = 0

            def draw(self, tally: Tally) -> None:
                self.drawn += 1
                raise OSError("the terminal went away")

        view = Broken()
        with Bar(Tally("portraits", total=3), view, delay=0, clock=clock) as shown:
            for n in range(3):
                clock.now += 1
                shown.update(done=n + 1)
        assert view.drawn == 1
        assert shown.tally.done == 3

    def test_many_threads_may_tell(self, clock: Clock, screen: Screen):
        with bar(8, "portraits", clock=clock, stream=screen, delay=0) as shown:
            threads = [threading.Thread(target=lambda: shown.update(done=1)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert shown.tally.done == 1

    def test_what_is_left_out_stays_as_it_was(self, clock: Clock):
        shown = Bar(Tally("portraits", total=3), None, delay=0, clock=clock)
        shown.update(done=1, running=2, spent=Decimal("0.03"))
        shown.update(failed=1, total=4, spent=None)
        assert shown.tally == Tally("portraits", 4, 2, 1, 1, spent=Decimal("0.03"))
