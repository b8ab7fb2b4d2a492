"""``asyncio.run`` inside a cell, for code that was written as a script: opt-in, on nest-asyncio2."""

from __future__ import annotations

import asyncio
from typing import Final

from ..exceptions import SkytellsError

__all__ = ["enable_nested_asyncio"]

_OLDEST: Final = (1, 7, 3)


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

    digits = []
    for part in version("nest-asyncio2").split(".")[:3]:
        if not part.isdecimal():
            break
        digits.append(int(part))
    return tuple(digits)


def _loop_of_this_thread() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
