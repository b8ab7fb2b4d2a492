"""``skytells-nb lab``: the notebooks, brought to where the user stands, open in JupyterLab."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from ..exceptions import SkytellsError

__all__ = ["bring", "lab"]

_OLDEST: Final = 4


def lab(folder: str, *, real: bool = False, jupyter_arguments: list[str] | None = None) -> int:
    """Copy the notebooks into a folder and open them in JupyterLab, on the sandbox unless ``real``.

    Parameters
    ----------
    folder : str
        Where the notebooks go. A file there that was changed is left alone.
    real : bool
        Whether kernels may see ``SKYTELLS_API_KEY``, so that predictions are real and billed. The key of a
        sandbox that ``SKYTELLS_BASE_URL`` names, such as a class, is no such key, and is left to them.
    jupyter_arguments : list of str, optional
        Passed on to ``jupyter lab``, such as ``--no-browser``.

    Returns
    -------
    int
        JupyterLab's exit code.

    Raises
    ------
    SkytellsError
        JupyterLab is not installed or too old, or the folder cannot be written.
    """
    _require_jupyterlab()
    place = Path(folder)
    for line in bring(place):
        print(line)
    environment = dict(os.environ)
    if not real and "SKYTELLS_API_KEY" in environment and not _is_for_a_sandbox(environment):
        del environment["SKYTELLS_API_KEY"]
        print("SKYTELLS_API_KEY is hidden from the kernels: everything runs on the sandbox. --real shows it.")
    first = next(iter(sorted(place.glob("*.ipynb"))), None)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={place.resolve()}"]
    if first is not None:
        command.append(f"--LabApp.default_url=/lab/tree/{first.name}")
    command += jupyter_arguments or []
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - its own interpreter


def _is_for_a_sandbox(environment: Mapping[str, str]) -> bool:
    key = environment["SKYTELLS_API_KEY"].strip()
    return key.startswith("sk-sandbox-") and bool(environment.get("SKYTELLS_BASE_URL", "").strip())


def _require_jupyterlab() -> None:
    try:
        found = version("jupyterlab")
    except PackageNotFoundError:
        raise SkytellsError(
            "JupyterLab is not installed, so there is nothing to open the notebooks in. Install it with: "
            'pip install "skytells-nb[lab]"'
        ) from None
    if int(found.split(".")[0]) < _OLDEST:
        raise SkytellsError(
            f"JupyterLab {found} is too old for these notebooks: its forms need version {_OLDEST} or later. "
            'Nothing was opened. Update it with: pip install --upgrade "skytells-nb[lab]"'
        )


def bring(place: Path) -> list[str]:
    """Copy the notebooks that are not there yet; gives a line for each that was left as it is.

    Raises
    ------
    SkytellsError
        The folder cannot be written.
    """
    told: list[str] = []
    try:
        place.mkdir(parents=True, exist_ok=True)
        for source in _packaged():
            target = place / source.name
            if not target.exists():
                shutil.copyfile(source, target)
            elif not filecmp.cmp(source, target, shallow=False):
                told.append(f"{target} was changed, and is left as it is.")
    except OSError as error:
        raise SkytellsError(
            f"The notebooks cannot be written to {place}: {error.strerror or error}. Nothing was changed. "
            "Stand in a folder that can be written, or name one with --folder."
        ) from None
    return told


def _packaged() -> list[Path]:
    """Find the notebooks: inside the package as installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for home in (package / "notebooks", package.parent / "notebooks"):
        found = sorted(home.glob("*.ipynb"))
        if found:
            return found
    return []
