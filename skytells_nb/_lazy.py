"""What plain values look up in the packages above them: by name, and only when it is asked for.

A prediction must not import pandas or draw pictures to exist. So ``prediction.show()`` and ``.to_pandas()``
go through here: this is the one place where a function is named by a text, and a test resolves all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


class Upward:
    """A function or class of a package further up, imported when it is first called."""

    def __init__(self, package: str, name: str) -> None:
        self.package = package
        self.name = name

    def resolve(self) -> Any:
        """Return the function itself."""
        return getattr(import_module(f"skytells_nb.{self.package}"), self.name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call it."""
        return self.resolve()(*args, **options)

    def __repr__(self) -> str:
        return f"Upward({self.package!r}, {self.name!r})"


display_mimebundle = Upward("display", "mimebundle")
show = Upward("display", "show")
load = Upward("archive", "load")
save = Upward("archive", "save")
rate = Upward("archive", "rate_prediction")
again = Upward("archive", "again")
predictions_frame = Upward("frames", "predictions_frame")
pricing_frame = Upward("frames", "pricing_frame")
embeddings_frame = Upward("frames", "embeddings_frame")
append_dataset = Upward("frames", "append_dataset")
archive_class = Upward("archive", "Archive")
prepare_input = Upward("archive", "prepare")
join_budgets = Upward("spending", "join_budgets")
connect = Upward("_connect", "connect")

UPWARD = tuple(found for found in vars().copy().values() if isinstance(found, Upward))


def on_demand(package: str, *modules: str) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``: it imports these modules once a name of theirs is asked for."""

    def find(name: str) -> Any:
        for module in modules if name[0] != "_" else ():
            found = getattr(import_module(f"{package}.{module}"), name, None)
            if found is not None:
                return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
