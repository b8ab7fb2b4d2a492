"""`enable_nested_asyncio`: a script's ``asyncio.run`` where a loop is running already."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import skytells_nb as sky
from skytells_nb.aio import _course
from skytells_nb.exceptions import SkytellsError


def run_a_script(code: str) -> str:
    """In a process of its own, since asyncio stays patched; prints nothing but what is returned."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


def test_a_script_runs_as_before():
    assert (
        run_a_script(
            "import asyncio, skytells_nb as sky\n"
            "async def main():\n"
            "    return sum(await asyncio.gather(*(asyncio.sleep(0, n) for n in range(4))))\n"
            "sky.enable_nested_asyncio()\n"
            "sky.enable_nested_asyncio()\n"
            "print(asyncio.run(main()), asyncio.run(main()))\n"
        )
        == "6 6\n"
    )


def test_asyncio_run_works_where_a_loop_is_running():
    assert (
        run_a_script(
            "import asyncio, skytells_nb as sky\n"
            "async def main():\n"
            "    return await sky.gather(*(asyncio.sleep(0, n) for n in range(4)), limit=2)\n"
            "async def cell():\n"
            "    sky.enable_nested_asyncio()\n"
            "    return asyncio.run(main())\n"
            "print(asyncio.run(cell()))\n"
        )
        == "[0, 1, 2, 3]\n"
    )


def test_the_private_loop_goes_on_before_and_after():
    assert (
        run_a_script(
            "import asyncio, skytells_nb as sky\n"
            "async def main():\n"
            "    return sky.run(asyncio.sleep(0, 'inner'))\n"
            "before = sky.run(asyncio.sleep(0, 'before'))\n"
            "async def cell():\n"
            "    sky.enable_nested_asyncio()\n"
            "    return asyncio.run(main())\n"
            "print(before, asyncio.run(cell()), sky.run(asyncio.sleep(0, 'after')))\n"
        )
        == "before inner after\n"
    )


def test_asyncio_is_untouched_until_it_is_asked_for():
    assert (
        run_a_script(
            "import asyncio\n"
            "original = asyncio.run\n"
            "import skytells_nb as sky\n"
            "sky.run(sky.gather(asyncio.sleep(0)))\n"
            "print(asyncio.run is original)\n"
        )
        == "True\n"
    )


def test_a_missing_package_is_named_and_so_is_the_way_without_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "nest_asyncio2", None)
    with pytest.raises(SkytellsError, match=r"%pip install 'nest-asyncio2>=1\.7\.3'.*`await`"):
        sky.enable_nested_asyncio()


@pytest.mark.parametrize("version", ["1.7.2", "1.7", "1.7.2rc1", "0.9"])
def test_versions_that_lose_cells_are_refused(monkeypatch: pytest.MonkeyPatch, version: str):
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    original = asyncio.run
    with pytest.raises(SkytellsError, match="loses queued cells"):
        sky.enable_nested_asyncio()
    assert asyncio.run is original


@pytest.mark.parametrize("version", ["1.7.3", "1.7.4", "1.10", "2.0.0"])
def test_later_versions_are_not(monkeypatch: pytest.MonkeyPatch, version: str):
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    assert _course._installed() >= _course._OLDEST


def test_a_process_that_the_archived_original_has_patched_is_told_so():
    assert (
        run_a_script(
            "import asyncio, skytells_nb as sky\n"
            "asyncio._nest_patched = True  # what nest_asyncio leaves behind\n"
            "try:\n"
            "    sky.enable_nested_asyncio()\n"
            "except sky.exceptions.SkytellsError as error:\n"
            "    print('restart the kernel' in str(error))\n"
        )
        == "True\n"
    )
