"""Code that must stay as it is, such as the Skytells Python course's: opt-in, in this process.

``import skytells`` means this toolkit, and ``asyncio.run`` works inside a cell, on nest-asyncio2.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from itertools import takewhile
from typing import Final

from ..exceptions import SkytellsError

_PACKAGE = __name__.partition(".")[0]
_MODULES = ("", ".exceptions", ".webhooks")
_OLDEST: Final = (1, 7, 3)


def enable_course_imports() -> None:
    """Let the course's own lines run as they are: ``import skytells``, ``from skytells.exceptions import …``.

    After it they mean this toolkit, in this process alone. In a notebook it also allows the course's
    ``asyncio.run(main())``, as `enable_nested_asyncio` does. Calling it again changes nothing.

    Raises
    ------
    SkytellsError
        Another ``skytells`` is imported already, such as the package of that name.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> sky.enable_course_imports()
    >>> import skytells
    >>> from skytells.exceptions import RateLimitError
    >>> skytells.Client is sky.Client, RateLimitError is sky.RateLimitError
    (True, True)
    """
    ours = {f"skytells{name}": import_module(_PACKAGE + name) for name in _MODULES}
    other = sys.modules.get("skytells")
    if other is not None and other is not ours["skytells"]:
        where = getattr(other, "__file__", None)
        raise SkytellsError(
            f"Another skytells is imported already{f' ({where})' if where else ''}. Restart the kernel, and "
            "call sky.enable_course_imports() before anything imports it.",
            charged=False,
        )
    sys.modules.update(ours)
    if _loop_of_this_thread() is not None:  # in a script asyncio.run works as it is
        enable_nested_asyncio()


def enable_nested_asyncio() -> None:
    """Let ``asyncio.run(main())`` work in a cell, as it does in a script.

    A kernel's event loop runs already, so plain asyncio refuses to run another in it. This patches
    asyncio for the whole process, so it is for code that must stay as it is, such as a course's.
    In new code `await` in the cell, or call `skytells_nb.run`; neither needs it.

    It stands on nest-asyncio2, not on the nest_asyncio that many tutorials name: that one is
    archived, and loses queued cells under *Run All* on ipykernel 7.1 to 7.4. So did nest-asyncio2
    before 1.7.3. Calling it again changes nothing.

    Raises
    ------
    SkytellsError
        When nest-asyncio2 is missing or too old, or when the archived nest_asyncio has patched this
        process already. Nothing is patched then.

    Examples
    --------
    >>> import asyncio
    >>> import skytells_nb as sky
    >>> sky.enable_nested_asyncio()
    >>> asyncio.run(asyncio.sleep(0, "works in a cell too"))
    'works in a cell too'
    """
    nest = "nest-asyncio2>=" + ".".join(map(str, _OLDEST))
    try:
        import nest_asyncio2
    except ImportError as error:
        raise SkytellsError(
            f"nest-asyncio2 is not installed. Run `%pip install '{nest}'`, or `await` in the cell instead of "
            "`asyncio.run`, which needs no patch.",
            charged=False,
        ) from error
    found = _installed()
    if found < _OLDEST:
        raise SkytellsError(
            f"nest-asyncio2 {'.'.join(map(str, found))} loses queued cells on recent kernels. Run "
            f"`%pip install '{nest}'` and restart the kernel.",
            charged=False,
        )
    try:
        nest_asyncio2.apply(_loop_of_this_thread(), run_close_loop=True, error_on_mispatched=True)
    except RuntimeError as error:
        raise SkytellsError(
            "The archived nest_asyncio has patched this process already, and it loses queued cells on recent "
            "kernels. Remove `import nest_asyncio` and `nest_asyncio.apply()`, and restart the kernel.",
            charged=False,
        ) from error


def _installed() -> tuple[int, ...]:
    from importlib.metadata import version

    return tuple(map(int, takewhile(str.isdecimal, version("nest-asyncio2").split(".")[:3])))


def _loop_of_this_thread() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
