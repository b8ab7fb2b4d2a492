"""``import skytells`` as the Skytells Python course writes it, for this toolkit: opt-in, in this process."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module

from ..exceptions import SkytellsError
from ._nested import enable_nested_asyncio

__all__ = ["enable_course_imports"]

_PACKAGE = __name__.partition(".")[0]
_MODULES = ("", ".exceptions", ".webhooks")


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
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return  # a script: asyncio.run works as it is
    enable_nested_asyncio()
