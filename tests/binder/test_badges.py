"""Badges open the repository they are printed for, whoever has forked it, and never show a password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

SCRIPT = Path(__file__).parents[2] / "binder" / "badges.py"


def badges(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


def binder_link(text):
    return urlsplit(text.split("](")[-1].partition(")")[0])


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/fox/snow",
        "https://github.com/fox/snow.git",
        "https://fox:secret@github.com/fox/snow.git",
        "git@github.com:fox/snow.git",
        "ssh://git@github.com/fox/snow.git",
    ],
)
def test_every_spelling_of_an_address_gives_the_same_badge(address):
    told = badges(address).stdout
    link = binder_link(told)
    assert (link.netloc, link.path) == ("mybinder.org", "/v2/gh/fox/snow/HEAD")
    assert parse_qs(link.query) == {"urlpath": ["lab/tree/notebooks/01_first_prediction.ipynb"]}
    assert '%pip install --quiet "git+https://github.com/fox/snow"' in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("address", "kind", "named"),
    [
        ("https://gitlab.com/group/team/snow.git", "gl", "group/team/snow"),
        ("https://git.example.org/fox/snow.git", "git", "https://git.example.org/fox/snow"),
    ],
)
def test_other_hosts_are_named_in_one_piece(address, kind, named):
    _, version, found, repository, ref = binder_link(badges(address).stdout).path.split("/")
    assert (version, found, unquote(repository), ref) == ("v2", kind, named, "HEAD")


def test_it_asks_git_where_the_repository_came_from(tmp_path):
    for command in (["init", "-q"], ["remote", "add", "origin", "git@github.com:fox/snow.git"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert "/v2/gh/fox/snow/HEAD" in badges(cwd=tmp_path).stdout


@pytest.mark.parametrize("arguments", [[], ["/srv/git/snow.git"], ["file:///srv/git/snow.git"]])
def test_without_a_public_address_it_says_what_to_do(arguments, tmp_path):
    done = badges(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Name the public address" in done.stderr


def test_the_first_notebook_is_there():
    assert (SCRIPT.parents[1] / "notebooks" / "01_first_prediction.ipynb").is_file()
