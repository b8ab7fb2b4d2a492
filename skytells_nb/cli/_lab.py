"""``skytells-nb lab``: the lessons, brought to where the user stands, open in JupyterLab."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from .._connect import is_skytells
from ..exceptions import SkytellsError

_OLDEST: Final = 4
_COPY: Final = "my-notebooks"
_NO_NEWS: Final = (  # a question about news would lie over the first lesson, and ask a server for updates
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


def lab(folder: str, *, real: bool = False, jupyter_arguments: list[str] | None = None) -> int:
    """Copy the lessons into a folder and open them in JupyterLab, on the sandbox unless ``real``.

    A file there that was changed is left alone. In a clone of the project's repository the lessons themselves
    stay as they are: a copy that git ignores is opened. With ``real`` kernels may see ``SKYTELLS_API_KEY``; a
    sandbox's key is left to them only with the ``SKYTELLS_BASE_URL`` of a sandbox, such as a class. Returns
    JupyterLab's exit code.
    """
    _require_jupyterlab()
    place = Path(folder)
    originals = packaged()
    if originals and place.resolve() == originals[0].parent.resolve():
        place = place.resolve().parent / _COPY
    lines = bring(place)
    environment, note = _environment(os.environ, real=real)
    first = next(iter(sorted(place.glob("*.ipynb"))), None)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={place.resolve()}", *_NO_NEWS]
    if first is not None:
        command.append(f"--LabApp.default_url=/lab/tree/{first.name}")
    lines += [note] if note else []
    lines.append(f"The lessons are in {place.resolve()}. To stop JupyterLab, press Ctrl+C here, then y.")
    print("\n".join(lines), flush=True)
    process = subprocess.Popen([*command, *(jupyter_arguments or [])], env=environment)  # noqa: S603 - its own interpreter
    return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for JupyterLab to end, and say where it is once it is there; Ctrl+C is its own to answer."""
    said = False
    while True:
        try:
            return process.wait(None if said else 0.2)
        except subprocess.TimeoutExpired:
            url = _url(process.pid)
            if url:
                print(f"JupyterLab is at {url}", flush=True)
            said = bool(url)
        except KeyboardInterrupt:
            continue


def _url(pid: int) -> str | None:
    """Return the address of the server of a process, as Jupyter notes it; None until it is there."""
    from jupyter_core.paths import jupyter_runtime_dir

    try:
        about = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json").read_text("utf-8"))
        token = f"?token={about['token']}" if about.get("token") else ""
        socket.create_connection((about["hostname"], about["port"]), 1.0).close()  # noted before it listens
        return f"{about['url']}lab{token}"
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _environment(given: Mapping[str, str], *, real: bool) -> tuple[dict[str, str], str]:
    """Return what kernels see, and a note on what they do not.

    Real keys go to the real API with ``--real`` alone, and a sandbox's key goes nowhere but to a sandbox.
    """
    environment = dict(given)
    key = environment.get("SKYTELLS_API_KEY", "").strip()
    if not key:
        return environment, ""
    url = environment.get("SKYTELLS_BASE_URL", "").strip()
    if key.startswith("sk-sandbox-"):
        if url and not is_skytells(url):
            return environment, ""
        note = "SKYTELLS_API_KEY is a sandbox's key, and SKYTELLS_BASE_URL names no sandbox: both are hidden."
    elif real:
        return environment, ""
    else:
        note = "SKYTELLS_API_KEY is hidden from the kernels: everything runs on the sandbox. --real shows it."
    environment.pop("SKYTELLS_API_KEY")
    environment.pop("SKYTELLS_BASE_URL", None)  # without its key it would only be refused
    return environment, note


def _require_jupyterlab() -> None:
    try:
        found = version("jupyterlab")
    except PackageNotFoundError:
        raise SkytellsError(
            'JupyterLab is not installed. Install it with: pip install "skytells-nb[lab]"'
        ) from None
    if int(found.split(".")[0]) < _OLDEST:
        raise SkytellsError(
            f"JupyterLab {found} is too old for these lessons: their forms need version {_OLDEST} or later. "
            'Update it with: pip install --upgrade "skytells-nb[lab]"'
        )


def bring(place: Path) -> list[str]:
    """Copy the lessons that are not there yet; return a line for each that was left as it is."""
    lines: list[str] = []
    try:
        place.mkdir(parents=True, exist_ok=True)
        if place.name == _COPY and not (place / ".gitignore").exists():
            (place / ".gitignore").write_text("*\n", "utf-8")
        for source in packaged():
            target = place / source.name
            if not target.exists():
                shutil.copyfile(source, target)
            elif not filecmp.cmp(source, target, shallow=False):
                lines.append(f"{target} was changed, and is left as it is.")
    except OSError as error:
        raise SkytellsError(
            f"Cannot write the lessons to {place}: {error.strerror or error}. Name a folder with --folder."
        ) from None
    return lines


def packaged() -> list[Path]:
    """Return the lessons: inside the package as installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for home in (package / "notebooks", package.parent / "notebooks"):
        found = sorted(home.glob("*.ipynb"))
        if found:
            return found
    return []
