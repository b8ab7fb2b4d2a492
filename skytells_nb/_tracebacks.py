"""Short tracebacks in a notebook: the user's own lines and the error. And what was meant by a slip.

IPython asks an exception for ``_render_traceback_`` before it formats one itself. `install` wraps the shell's
``showtraceback``, which gives that method to this toolkit's errors, also where another error came of one, and
to what everybody meets here: the stop button, ``asyncio.run()`` where the kernel's loop runs already, a
coroutine taken for what it will give, a method or an option that is misspelt. No other error looks different.
`uninstall` takes it back; ``sky.options.tracebacks = "full"`` shows all frames, as IPython would.
"""

from __future__ import annotations

import asyncio
import linecache
import re
import site
import sys
import sysconfig
import textwrap
import traceback
from inspect import signature
from operator import attrgetter
from pathlib import Path
from types import CoroutineType, ModuleType
from typing import Any, Final

from ._options import options
from .checks import did_you_mean
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

WITH_HINT: Final = "A Client is opened with `with`, an AsyncClient with `async with`."

_NO_OPTION: Final = re.compile(r"^the sandbox has no option '(\w+)'; it has (.*)")
_NO_CONTEXT: Final = re.compile(
    r"'(?:Async)?Client' object does not support the (?:asynchronous )?context manager"
)
_RUNNING: Final = re.compile(r"cannot be called from a running|loop is already running")
_MISFIT: Final = re.compile(
    r"(\S+)\(\) (?:takes|missing|got multiple|got an unexpected keyword argument '(\w+)')"
)
_NO_CONTAINER: Final = re.compile(
    r"'(\w+)' object is not (?:subscriptable|iterable|callable)|type '(\w+)' has no len"
)
_NO_SUCH_IMPORT: Final = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_PACKAGE: Final = __name__.partition(".")[0]
_MOST_NAMES: Final = 40

_installed: dict[Any, Any] = {}


def install() -> None:
    """Shorten the tracebacks of this toolkit's errors in the running notebook; does nothing elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or shell in _installed:
        return
    original = shell.showtraceback

    def showtraceback(exc_tuple: Any = None, *args: Any, **named: Any) -> None:
        error: Any = (exc_tuple or sys.exc_info())[1]
        try:
            ours = _explain(error) and options.tracebacks != "full"
        except Exception:  # noqa: BLE001 - a hint that cannot be made must not hide the error
            ours = False
        if not ours or hasattr(error, "_render_traceback_"):  # a magic's error shows itself, in one line
            original(exc_tuple, *args, **named)
            return
        if isinstance(error, ExceptionGroup):  # which IPython leaves to Python, without asking it
            shell._showtraceback(type(error), error, short_traceback(error, shell))  # noqa: SLF001 - for shells to override
            return
        error._render_traceback_ = lambda: _chain(error, shell)
        try:
            original(exc_tuple, *args, **named)
        finally:
            del error._render_traceback_

    shell.showtraceback = _installed[shell] = showtraceback
    shell.display_formatter.formatters["text/plain"].for_type(CoroutineType, _print_coroutine)


def uninstall() -> None:
    """Let IPython format all errors again."""
    while _installed:
        shell, ours = _installed.popitem()
        if shell.showtraceback is ours:  # else another extension has wrapped it since
            del shell.showtraceback
        shell.display_formatter.formatters["text/plain"].pop(CoroutineType, None)


def _print_coroutine(coroutine: CoroutineType[Any, Any, Any], printer: Any, _cycle: bool) -> None:
    """Print a coroutine that is a cell's last value; one of ours was to be awaited."""
    if coroutine.cr_code.co_filename.startswith(_OWN):
        name = coroutine.__name__
        printer.text(f"This call of {name}() has not begun: it needs `await` before it.")
    else:
        printer.text(repr(coroutine))


def _explain(error: BaseException | None) -> bool:
    """Note below an error what was meant, and say whether it, or what it came of, concerns this toolkit."""
    if error is None:
        return False
    hint = _hint(error)
    if hint and hint not in getattr(error, "__notes__", ()):
        error.add_note(hint)
    if isinstance(error, ExceptionGroup):
        return {True} == {_explain(each) for each in error.exceptions}
    return _is_short(error) or _explain(_cause(error))


def _is_short(error: BaseException) -> bool:
    """Whether an error is shown without inner frames: ours, a slip, or the stop button while we waited."""
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        frames = traceback.walk_tb(error.__traceback__)
        return any(frame.f_code.co_filename.startswith(_OWN) for frame, _ in frames)
    return isinstance(error, SkytellsError) or bool(_hint(error))


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _chain(error: BaseException, shell: Any) -> list[str]:
    """Format an error that concerns us; one of others as IPython does, below ours that it came of."""
    if _is_short(error):
        return short_traceback(error, shell)
    before = _cause(error)
    # IPython formats what an error came of as well, at full length.
    kept = error.__cause__, error.__context__, error.__suppress_context__
    error.__cause__ = error.__context__ = None
    try:
        lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    finally:
        error.__cause__, error.__context__, error.__suppress_context__ = kept
    if before is None:
        return lines
    during = "During handling of the above exception, another exception occurred:"
    caused = "The above exception was the direct cause of the following exception:"
    return [*_chain(before, shell), f"\n{caused if error.__cause__ else during}\n", *lines]


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
    text += [f"{type(each).__name__}: {each}" for each in getattr(error, "exceptions", ())]
    wrap = textwrap.TextWrapper(_WIDTH, break_long_words=False, break_on_hyphens=False).wrap
    message = [part for each in text for line in each.splitlines() for part in wrap(line)]
    message[:1] = [f"{red}{name}{plain}: {message[0]}" if message else name]
    room = MOST_LINES - len(lines) - 1
    if len(message) > room:
        message = [*message[: room - 1], "… str(error) has the whole of it."]
    return [*lines, "", *message]


def _user_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return where the error passed through code that is neither ours nor a library's: first and last."""
    # A cell or file that was changed since would show the wrong line.
    linecache.checkcache()
    frames = traceback.extract_tb(error.__traceback__)
    mine = [
        frame for frame in frames if not frame.filename.startswith((*_LIBRARIES, "<frozen")) and frame.line
    ]
    # a comprehension is a frame of its own, on the line where it stands
    mine = [
        frame
        for before, frame in zip([None, *mine], mine, strict=False)
        if before is None or (before.filename, before.lineno) != (frame.filename, frame.lineno)
    ]
    mine = mine or [frame for frame in frames if not frame.filename.startswith(_OWN)][-1:]
    return mine if len(mine) <= _MOST_FRAMES else [mine[0], *mine[1 - _MOST_FRAMES :]]


def _file(filename: str, shell: Any) -> str:
    try:
        kind, name = shell.compile.format_code_name(filename)
    except Exception:  # noqa: BLE001 - an older IPython, none at all, or a file that is no cell
        return filename
    return f"{kind} {name}"


def _hint(error: BaseException) -> str:
    """Return what to do about an error that everybody meets here, or nothing."""
    said = str(error)
    if isinstance(error, RuntimeError) and _RUNNING.search(said):
        return ASYNCIO_RUN_HINT
    if isinstance(error, AttributeError | TypeError) and "'coroutine' object" in said:
        return AWAIT_HINT
    if isinstance(error, SkytellsError) or error.__traceback__ is None:
        return ""
    last = list(traceback.walk_tb(error.__traceback__))[-1][0]
    if isinstance(error, ImportError) and (found := _NO_SUCH_IMPORT.search(said)):
        return _names(sys.modules[found[2]], found[1]) if found[2].startswith(_PACKAGE) else ""
    if isinstance(error, AttributeError) and not last.f_code.co_filename.startswith(_OWN):
        return _names(error.obj, error.name) if error.name and _is_ours(error.obj) else ""
    if isinstance(error, TypeError) and (found := _MISFIT.search(said)):
        return _arguments(found[1], found[2], last.f_globals)
    if isinstance(error, TypeError) and (found := _NO_OPTION.search(said)):
        return did_you_mean(found[1], found[2].split(", ")).strip()
    if isinstance(error, TypeError) and _NO_CONTEXT.search(said):
        return WITH_HINT
    if isinstance(error, TypeError) and (found := _NO_CONTAINER.search(said)):
        name = found[1] or found[2]
        home = _module_with(name)
        return _names(getattr(home, name), "") if home else ""
    return ""


def _is_ours(thing: object) -> bool:
    if isinstance(thing, ModuleType):
        return thing.__name__.partition(".")[0] == _PACKAGE
    kind = thing if isinstance(thing, type) else type(thing)
    return any(each.__module__.partition(".")[0] == _PACKAGE for each in kind.__mro__)


def _names(thing: object, name: str) -> str:
    """Say which name of a thing was meant, or a name of what it holds, or else which there are."""
    calls = getattr(_module_with("Predictions"), "Predictions", None)
    if type(thing).__name__ == "Prediction" and hasattr(calls, name):
        return f"Write client.predictions.{name}(prediction)."
    held = getattr(thing, "__dict__", {}).items() if not isinstance(thing, ModuleType) else ()
    for part, value in held:
        if part[0] != "_" and _is_ours(value) and name in dir(value):
            return f"Did you mean '{part}.{name}'?"
    names = [each for each in getattr(thing, "__all__", None) or dir(thing) if each[0] != "_"]
    there_are = f"It has {', '.join(names)}." if len(names) <= _MOST_NAMES else ""
    return did_you_mean(name, names).strip() or there_are


def _arguments(qualname: str, odd: str | None, caller: dict[str, Any]) -> str:
    """Say which arguments a function of ours takes, by the name that Python's own error gives it."""
    first, _, rest = qualname.partition(".")
    home = _module_with(first)
    function = attrgetter(qualname)(home) if home else None
    if function is None or (not rest and caller.get(first, function) is not function):
        return ""
    takes = signature(function).parameters.items()
    known = [each for each, it in takes if each != "self" and it.kind is not it.VAR_POSITIONAL]
    meant = did_you_mean(odd, known).strip() if odd else ""
    return meant or f"It takes {', '.join(known) or 'no arguments'}."


def _module_with(name: str) -> ModuleType | None:
    """Return a module of ours, among those that are imported, that has this name."""
    ours = (module for path, module in list(sys.modules.items()) if path.partition(".")[0] == _PACKAGE)
    return next((module for module in ours if name in vars(module)), None)
