"""Write the API reference, as HTML, from the docstrings: ``python docs/reference [folder]``.

One page holds what ``import skytells_nb`` offers, whatever package it lives in; a page each holds the values
that those names return, and the packages that are imported by name. What is on no page is not public.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import is_dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from pdoc import doc, doc_types, extract, render, render_helpers

import skytells_nb
from skytells_nb import exceptions
from skytells_nb.api import Observer

__all__ = ["PAGES", "Page", "pages", "write"]

PAGES: dict[str, list[str] | None] = {
    "skytells_nb": [name for name in skytells_nb.__all__ if name not in exceptions.__all__],
    "skytells_nb.exceptions": None,
    "skytells_nb.webhooks": None,
    "skytells_nb.api": ["Predictions", "Models", "AsyncPredictions", "AsyncModels"],
    "skytells_nb.models": ["Metrics", "Pricing", "Criterion"],
    "skytells_nb.archive": ["Stored"],
    "skytells_nb.comparison": ["Comparison", "Cell"],
    "skytells_nb.display": ["Gallery"],
    "skytells_nb.forms": ["Field", "Property", "Rule"],
    "skytells_nb.jobs": ["BatchResult", "BatchList", "BatchState"],
    "skytells_nb.pricing": ["Estimate"],
    "skytells_nb.sandbox": ["Options", "Faults", "Received"],
    "skytells_nb.spending": ["Budget"],
    "skytells_nb._options": ["Options", "UnknownOptionError", "OptionValueError"],
}
"""The pages, and which names each shows; None is all of the module's ``__all__``."""

_HOOKS = {name for name in vars(Observer) if not name.startswith("_")}
_SPOKEN_OF = re.compile(r"(?<=<code>)[A-Z]\w+(?=</code>)|(?<=<strong>)[A-Z][\w, ]+(?=</strong>)")
_SECTION = re.compile(r'<h6 id="[^"]*">')


class Page(doc.Module):
    """A module and the names it is documented with, fetched as a reader would: by attribute."""

    def __init__(self, module: ModuleType, names: list[str] | None) -> None:
        super().__init__(module)
        self.names = [name for name in names or module.__all__ if not name.startswith("__")]

    @cached_property
    def _member_objects(self) -> dict[str, Any]:
        # pdoc looks into the module's __dict__, in which a lazy name is not yet
        found = {name: getattr(self.obj, name) for name in self.names}
        for each in found.values():
            if isinstance(each, type) and is_dataclass(each):
                # inherited annotations are words of the base's module, which alone can say what they mean
                each.__init__.__annotations__ = get_type_hints(each)
        return found

    @cached_property
    def members(self) -> dict[str, doc.Doc[Any]]:
        """What the page shows, each class with all that it can do."""
        members: dict[str, doc.Doc[Any]] = super().members
        for each in members.values():
            if isinstance(each, doc.Class):
                each.bases = [base for base in each.bases if not base[1].startswith("_")]
                each.own_members = [member for member in each.members.values() if _is_shown(each, member)]
            elif isinstance(each, doc.Variable):
                each.default_value = doc_types.empty
                each.docstring = each.docstring or inspect.getdoc(type(self._member_objects[each.name])) or ""
        return members


def _is_shown(owner: doc.Class, member: doc.Doc[Any]) -> bool:
    """Whether a class shows a member: its own, and those of bases that have no place of their own."""
    if member.name == "__init__" and "Parameters" not in owner.docstring:
        return False  # a value that one is given, and does not make
    if member.name in _HOOKS and all(hasattr(owner.obj, name) for name in _HOOKS):
        return False  # it observes: the client calls these, and nobody else
    module, _, base = ".".join(member.taken_from).rpartition(".")[0].rpartition(".")
    if base == owner.name:
        return True
    return module.startswith(skytells_nb.__name__) and base not in _public()


def _public() -> dict[str, str]:
    """Give every documented name, and the page it is on; a name that is on two pages is on neither."""
    places: dict[str, list[str]] = {}
    for module, names in PAGES.items():
        for name in names or extract.load_module(module).__all__:
            places.setdefault(name, []).append(module)
    return {name: found[0] for name, found in places.items() if len(found) == 1}


def pages() -> dict[str, Page]:
    """Give every page by its module's name."""
    found = {name: Page(extract.load_module(name), names) for name, names in PAGES.items()}
    front, *others = found.values()
    front.submodules = others
    return found


def write(folder: Path) -> list[Path]:
    """Write the pages, their index and the search; gives the HTML files."""
    render.configure(
        docformat="numpy", show_source=False, footer_text=f"skytells_nb {skytells_nb.__version__}"
    )
    found = pages()
    written = []
    for name, page in found.items():
        file = folder / f"{name.replace('.', '/')}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_joined(render.html_module(page, found), name), "utf-8")
        written.append(file)
    index = folder / "index.html"
    index.write_text(render.html_index(found), "utf-8")
    (folder / "search.js").write_text(render.search_index(found), "utf-8")
    return [index, *written]


def _joined(html: str, page: str) -> str:
    """Link the public names that a docstring speaks of, which pdoc does within one page only."""
    public = _public()

    def link(spoken: re.Match[str]) -> str:
        return re.sub(r"\w+", lambda word: _link(word[0], public.get(word[0]), page), spoken[0])

    html = _SECTION.sub("<h6>", html)  # every "Parameters" would be an anchor of that name
    return _SPOKEN_OF.sub(link, html)


def _link(name: str, target: str | None, page: str) -> str:
    if target is None:
        return name
    way = render_helpers.relative_link(page, target)
    return f'<a href="{way}#{name}">{name}</a>'


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build/reference")
    sys.stdout.write(f"{write(target)[0]}\n")
