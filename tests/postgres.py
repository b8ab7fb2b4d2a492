"""A PostgreSQL of this machine for the tests that need one: started when the first of them asks.

    pytest_plugins = ["postgres"]

gives a module the fixture `postgres`, a running server in a folder of its own, and `journal`, the URL of an
empty schema in it. The server runs as another user where the tests are root's: PostgreSQL refuses root.

PYTEST_DONT_REWRITE: tests import from here as well, before pytest could.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Server"]


def _binaries() -> Path:
    """Find PostgreSQL's own programs, which Debian keeps apart from the others."""
    named = os.environ.get("SKYTELLS_NB_POSTGRES")
    places = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))
    assert found, (
        "The tests of a shared journal need PostgreSQL's server, and it is not there. Install it (on Debian: "
        "apt-get install postgresql), or name the folder of its initdb in SKYTELLS_NB_POSTGRES."
    )
    return Path(found).resolve().parent


class Server:
    """A PostgreSQL server on a free port of this machine, whose data is gone after the tests."""

    def __init__(self, *, durable: bool = False) -> None:
        self._bin = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="skytells-postgres-"))
        self._user: dict[str, Any] = {}
        if hasattr(os, "getuid") and os.getuid() == 0:
            import pwd

            names = {each.pw_name for each in pwd.getpwall()}
            user = next(name for name in ("postgres", "nobody") if name in names)
            self._user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
            os.chown(self.folder, pwd.getpwnam(user).pw_uid, -1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._options = f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories="
        if not durable:
            self._options += " -c fsync=off"
        self._run("initdb", "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._schemas = 0

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._bin / program, "-D", self.folder / "data", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            **self._user,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, unless it runs."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", self._options)

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def new_schema(self) -> str:
        """Make an empty schema, which costs a hundredth of a database; returns the URL that leads to it."""
        import psycopg

        self._schemas += 1
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as db:
            db.execute(f"CREATE SCHEMA night{self._schemas}")
        return f"{self.url}/postgres?options=-csearch_path%3Dnight{self._schemas}"

    @property
    def url(self) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used for connections that are closed."""
        import psutil

        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        times = psutil.Process(pid).cpu_times()
        return float(times.children_user + times.children_system)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def journal(postgres: Server) -> str:
    """The URL of an empty schema."""
    return postgres.new_schema()
