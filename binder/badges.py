"""Print what opens this repository on Binder and in Colab, for README: ``python binder/badges.py [address]``.

The address is where git says the repository came from, so a fork's badges open the fork.
"""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import quote, urlsplit

__all__ = ["badge", "cell", "main", "public"]

FIRST = "lab/tree/notebooks/01_first_prediction.ipynb"
"""What Binder opens."""

_HOSTS = {"github.com": "gh", "gitlab.com": "gl"}


def public(address: str) -> str:
    """Give the address that anybody can clone from: https, with no name and no password in it.

    Parameters
    ----------
    address : str
        As ``git remote get-url`` spells it, ``git@github.com:owner/repo.git`` too.

    Raises
    ------
    ValueError
        It is no address on the web, such as a folder of this machine.
    """
    if "://" not in address and "@" in address and ":" in address:
        host, _, path = address.partition("@")[2].partition(":")
    else:
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http", "ssh", "git"):
            raise ValueError(f"{address} is not on the web, so nothing can open it from there.")
        host, path = parts.hostname or "", parts.path
    return f"https://{host}/{path.strip('/').removesuffix('.git')}"


def badge(repository: str) -> str:
    """Give the Markdown of a badge that opens the first notebook on Binder.

    Parameters
    ----------
    repository : str
        Its public address, as `public` gives it.
    """
    parts = urlsplit(repository)
    name = parts.path.strip("/")
    kind = _HOSTS.get(parts.netloc, "git")
    where = {"gh": name, "gl": quote(name, safe=""), "git": quote(repository, safe="")}[kind]
    link = f"https://mybinder.org/v2/{kind}/{where}/HEAD?urlpath={quote(FIRST, safe='')}"
    return f"[![Open on Binder](https://mybinder.org/badge_logo.svg)]({link})"


def cell(repository: str) -> str:
    """Give the cell that a notebook in Colab starts with.

    Parameters
    ----------
    repository : str
        Its public address, as `public` gives it.
    """
    return f'%pip install --quiet "git+{repository}"\n\nimport skytells_nb as sky\n\nclient = sky.connect()'


def main(arguments: list[str]) -> int:
    """Print badge and cell, or why there are none; gives the exit code."""
    try:
        repository = public(arguments[0] if arguments else _origin())
    except ValueError as error:
        sys.stderr.write(f"{error} Name the public address: python binder/badges.py https://…\n")
        return 1
    sys.stdout.write(f"{badge(repository)}\n\nThe first cell in Colab:\n\n{cell(repository)}\n")
    return 0


def _origin() -> str:
    command = ["git", "remote", "get-url", "origin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no input in it
    if done.returncode:
        raise ValueError("git does not know where this repository came from.")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
