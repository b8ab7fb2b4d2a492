"""Short tracebacks in a notebook: the user's own lines and the error. And a word where `await` was forgotten.

IPython asks an exception for ``_render_traceback_`` before it formats one itself, so nothing of IPython is
replaced: `install` gives `SkytellsError` that method, and no other error looks different. It also registers
a callback that is called after a cell, for the two errors of another's that everybody meets here:
``asyncio.run()`` where the kernel's loop runs already, and a coroutine taken for what it will give.
`uninstall` takes both back; ``sky.options.tracebacks = "full"`` shows all frames, as IPython would.
"""

from __future__ import annotations

import linecache
import re
import site
import sys
import sysconfig
import textwrap
import traceback
from pathlib import Path
from types import CoroutineType
from typing import Any, Final

from ._options import options
from .exceptions import SkytellsError

MOST_LINES: Final = 12
_WIDTH: Final = 96
_MOST_FRAMES: Final = 3
_OWN: Final = str(Path(__file__).parent)
_LIBRARIES: Final = tuple(
    {*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_paths()["stdlib"], _OWN}
)

ASYNCIO_RUN_HINT: Final = (
    "A notebook runs an event loop already: write `await main()` in place of asyncio.run(main()),\n"
    "or sky.run(main()). After sky.enable_nested_asyncio() asyncio.run() works here, too."
)

AWAIT_HINT: Final = (
    "A call of an AsyncClient gives a coroutine: write `await` before it, as in\n"
    "(await client.predictions.create(…)).status."
)

_RUNNING: Final = re.compile(r"cannot be called from a running|loop is already running")

_hinting: list[Any] = []


def install() -> None:
    """Shorten the tracebacks of this toolkit's errors in the running notebook; does nothing elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or shell in _hinting:
        return
    SkytellsError._render_traceback_ = _render  # type: ignore[attr-defined]  # IPython's own protocol
    shell.events.register("post_run_cell", _hint)
    shell.display_formatter.formatters["text/plain"].for_type(CoroutineType, _print_coroutine)
    _hinting.append(shell)


def uninstall() -> None:
    """Let IPython format all errors again."""
    if hasattr(SkytellsError, "_render_traceback_"):
        del SkytellsError._render_traceback_
    while _hinting:
        shell = _hinting.pop()
        shell.events.unregister("post_run_cell", _hint)
        shell.display_formatter.formatters["text/plain"].pop(CoroutineType, None)


def _print_coroutine(coroutine: CoroutineType[Any, Any, Any], printer: Any, _cycle: bool) -> None:
    """Print a coroutine that is a cell's last value; one of ours was to be awaited."""
    if coroutine.cr_code.co_filename.startswith(_OWN):
        name = coroutine.__name__
        printer.text(f"This call of {name}() has not begun: it needs `await` before it.")
    else:
        printer.text(repr(coroutine))


def _render(error: SkytellsError) -> list[str]:
    shell = sys.modules["IPython"].get_ipython()
    if options.tracebacks == "full" and shell is not None:
        lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
        return lines
    return short_traceback(error, shell)


def short_traceback(error: BaseException, shell: Any = None) -> list[str]:
    """Format an error in at most a dozen lines: where the user's own code was, and what the error says.

    An IPython ``shell`` knows a cell's number by its file name, and whether there are colours.
    """
    colours = shell is not None and str(getattr(shell, "colors", "")).lower() != "nocolor"
    red, green, plain = ("\x1b[31m", "\x1b[32m", "\x1b[0m") if colours else ("", "", "")
    name = type(error).__name__
    lines = [f"{red}{name}{plain}{'Traceback (most recent call last)':>{max(_WIDTH - 21 - len(name), 35)}}"]
    for frame in _user_frames(error):
        where = f"{green}{_file(frame.filename, shell)}, line {frame.lineno}{plain}"
        lines += [where, f"----> {(frame.line or '').strip()}"]
    text = [str(error), *getattr(error, "__notes__", ())]
    message = [part for each in text for line in each.splitlines() for part in _wrapped(line)]
    message[:1] = [f"{red}{name}{plain}: {message[0]}" if message else name]
    room = MOST_LINES - len(lines) - 1
    if len(message) > room:
        message = [*message[: room - 1], "… str(error) has the whole of it."]
    return [*lines, "", *message]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return where the error passed through code that is neither ours nor a library's: first and last."""
    # A cell or file that was changed since would show the wrong line.
    linecache.checkcache()
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if not frame.filename.startswith((*_LIBRARIES, "<frozen"))]
    mine = mine or [frame for frame in frames if not frame.filename.startswith(_OWN)][-1:]
    return mine if len(mine) <= _MOST_FRAMES else [mine[0], *mine[1 - _MOST_FRAMES :]]


def _file(filename: str, shell: Any) -> str:
    try:
        kind, name = shell.compile.format_code_name(filename)
    except Exception:  # noqa: BLE001 - an older IPython, none at all, or a file that is no cell
        return filename
    return f"{kind} {name}"


def _hint(result: Any = None) -> None:
    error = getattr(result, "error_in_exec", None)
    if isinstance(error, RuntimeError) and _RUNNING.search(str(error)):
        print(ASYNCIO_RUN_HINT, file=sys.stderr)  # noqa: T201 - under the traceback, as a part of it
    elif isinstance(error, AttributeError | TypeError) and "'coroutine' object" in str(error):
        print(AWAIT_HINT, file=sys.stderr)  # noqa: T201 - the same
