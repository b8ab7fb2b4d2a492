"""The front door: light, complete, and the same whoever has been in the house."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import skytells_nb as sky

HOUSE = Path(sky.__file__).parent
NAMES = [name for name in sky.__all__ if not name.startswith("_")]

LOOK_INTO_EVERY_ROOM = """
import importlib, pkgutil, sys, types
import skytells_nb as sky

def every_submodule():
    for found in pkgutil.walk_packages(sky.__path__, "skytells_nb."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)
"""


def in_a_process_of_its_own(code: str, *flags: str) -> object:
    """What the code prints as JSON, in a Python that has imported nothing yet."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", f"import sys\nsys.path.insert(0, {str(HOUSE.parent)!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_public_name_can_be_imported():
    for name in sky.__all__:
        assert getattr(sky, name) is not None


def test_the_names_are_sorted_without_regard_to_case():
    assert sorted(NAMES, key=str.lower) == NAMES
    assert sky.__all__[-1] == "__version__"


def test_what_is_listed_is_what_is_importable():
    assert sorted(sky.__all__) == sorted({*sky._HOME_OF, *sky._MODULES, "__version__"})
    assert set(sky.__all__) <= set(dir(sky))
    shown: dict[str, object] = {}
    exec("from skytells_nb import *", shown)
    assert set(NAMES) <= set(shown)


def stub() -> str:
    """Return what ``__init__.pyi`` holds: the table of the façade, as editors and type checkers read it."""
    homes = {**{name: f".{home}" for name, home in sky._HOME_OF.items()}, **dict.fromkeys(sky._MODULES, ".")}
    lines = [f"from {home} import {name} as {name}" for name, home in homes.items()]
    return "\n".join(
        [
            "# Written by `python tests/test_facade.py` from the table in __init__.py.",
            *sorted(lines, key=lambda line: line.split()[1::2]),
            "",
            "__version__: str",
            "__all__: list[str]",
            "",
            "def load_ipython_extension(ipython: object) -> None: ...",
            "",
        ]
    )


def test_editors_read_the_same_homes_as_python():
    written = (HOUSE / "__init__.pyi").read_text("utf-8")
    assert written == stub(), "python tests/test_facade.py writes it anew"


def test_dir_lists_public_names_only():
    import skytells_nb.forms  # noqa: F401  a module that is loaded is an attribute, too

    assert [name for name in dir(sky) if not name.startswith("_") and name not in sky.__all__] == []


def test_the_map_of_one_screen_names_everything():
    lines = (sky.__doc__ or "").splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 110
    errors = {*sky._HOMES["exceptions"]}
    words = set(re.findall(r"\w+", sky.__doc__ or ""))
    assert {*NAMES} - errors - words == set()


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'picture'"):
        _ = sky.picture  # type: ignore[attr-defined]


def test_the_bare_import_loads_nothing_else():
    loaded = in_a_process_of_its_own(
        "import json\n"
        "before = set(sys.modules)\n"
        "import skytells_nb\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))",
        "-I",
        "-S",
    )
    assert loaded == ["skytells_nb"]


def test_errors_cost_next_to_nothing_either():
    loaded = in_a_process_of_its_own(
        "import json\n"
        "before = set(sys.modules)\n"
        "from skytells_nb.exceptions import SkytellsError\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))",
        "-I",
        "-S",
    )
    assert set(loaded).isdisjoint({"dataclasses", "typing", "importlib.metadata", "skytells_nb.models"})  # type: ignore[call-overload]


def test_no_submodule_takes_the_place_of_a_public_name():
    """Importing ``pkg.name`` sets the attribute ``name`` of ``pkg``, over whatever was there."""
    changed = in_a_process_of_its_own(
        LOOK_INTO_EVERY_ROOM + "import json\n"
        "before = {name: getattr(sky, name) for name in sky.__all__}\n"
        "for _ in every_submodule(): pass\n"
        "print(json.dumps([name for name in before if getattr(sky, name) is not before[name]]))"
    )
    assert changed == []


def test_no_public_name_is_a_module_when_every_submodule_was_imported_first():
    modules = in_a_process_of_its_own(
        LOOK_INTO_EVERY_ROOM + "import json\n"
        "for _ in every_submodule(): pass\n"
        "print(json.dumps([n for n in sky.__all__ if isinstance(getattr(sky, n), types.ModuleType)]))"
    )
    assert modules == sorted(sky._MODULES)


def test_inside_the_house_no_room_s_name_hides_what_a_package_exports():
    hidden = in_a_process_of_its_own(
        LOOK_INTO_EVERY_ROOM + "import json\n"
        "hidden = []\n"
        "for module in list(every_submodule()):\n"
        "    for name in getattr(module, '__all__', ()):\n"
        "        if isinstance(getattr(module, name), types.ModuleType):\n"
        "            hidden.append(f'{module.__name__}.{name}')\n"
        "print(json.dumps(hidden))"
    )
    assert hidden == []


def test_rooms_of_the_facade_are_modules():
    for name in sky._MODULES:
        assert isinstance(getattr(sky, name), ModuleType)


@pytest.mark.parametrize(
    ("word", "meant"), [("galery", "gallery"), ("cleint", "Client"), ("Budget", "budget")]
)
def test_a_misspelt_name_is_guessed(word: str, meant: str):
    with pytest.raises(AttributeError, match=f"Did you mean '{meant}'"):
        getattr(sky, word)


def test_the_types_are_published():
    assert (HOUSE / "py.typed").is_file()


if __name__ == "__main__":
    (HOUSE / "__init__.pyi").write_text(stub(), "utf-8")
