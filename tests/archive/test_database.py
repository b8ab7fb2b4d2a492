"""The index: shared by threads and processes, and no loss when it is lost, damaged or newer."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from archive.scenery import Assets, Carry, Keep, made, picture
from forks import Forks

from skytells_nb.api import Account
from skytells_nb.archive import Archive, read_provenance
from skytells_nb.archive._database import Database
from skytells_nb.exceptions import SkytellsError, SkytellsWarning

ROOT = Path(__file__).parents[2]
TEXT = {"model": {"name": "sandbox-scribe", "type": "text"}}

WRITER = """
    import asyncio
    from skytells_nb.archive import Archive
    from skytells_nb.api import Account
    from skytells_nb.models import Prediction

    async def write(name, archive, amount):
        account = Account("https://api.skytells.ai/v1", "0123456789ab")
        for number in range(amount):
            kept = await archive.ended(account, Prediction.from_api({
                "id": f"{name}{number:04}", "status": "succeeded", "output": f"{name} wrote {number}",
                "model": {"name": "s", "type": "text"}, "created_at": "2026-11-22T14:31:00Z",
                "input": {"prompt": f"writer {name} number {number}"}}))
            assert kept.files[0].is_file()
            say()

    def work(name, folder, amount):
        with Archive(folder) as archive:
            asyncio.run(write(name, archive, amount))
"""


@pytest.fixture(scope="module")
def writers() -> Iterator[Forks]:
    writers = Forks(WRITER)
    yield writers
    writers.close()


def python(code: str, *arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_two_processes_that_write_500_entries_each_end_in_1000_rows(writers: Forks, tmp_path: Path) -> None:
    both = [writers.begin(name, str(tmp_path / "out"), 500) for name in "ab"]
    assert [writers.end(each) for each in both] == [0, 0]
    with Archive(tmp_path / "out") as archive:
        assert len(archive) == 1000
        kept = archive.predictions(limit=None)
        assert all(p.files[0].read_text() == (p.output or [])[0] for p in kept)
        assert len(list((tmp_path / "out").glob("*/*.txt"))) == 1000


def test_two_processes_that_see_the_same_ends_share_one_set_of_files(writers: Forks, tmp_path: Path) -> None:
    both = [writers.begin("same", str(tmp_path / "out"), 100) for _ in "ab"]
    assert [writers.end(each) for each in both] == [0, 0]
    with Archive(tmp_path / "out") as archive:
        assert len(archive) == 100
        assert len(list((tmp_path / "out").glob("????-*/*"))) == 200
        assert list((tmp_path / "out" / ".partial").iterdir()) == []


def test_a_killed_process_loses_at_most_what_it_was_writing(writers: Forks, tmp_path: Path) -> None:
    for seen in (1, 2, 3, 5, 8, 13):
        writer = writers.begin(f"k{seen}-", str(tmp_path / "out"), 500)
        for _ in range(seen):
            writers.hear()
        writers.kill(writer)
        with Archive(tmp_path / "out") as archive:
            kept = archive.predictions(limit=None)
            assert sum(p.id.startswith(f"k{seen}-") for p in kept) >= seen
            for p in kept:
                assert [f.read_text() for f in p.files] == p.output
                assert read_provenance(p.files[0]) is not None


def test_threads_share_one_archive(archive: Archive, account: Account, carry: Carry) -> None:
    def write(name: str) -> None:
        for number in range(20):
            carry(archive.ended(account, made(f"{name}{number}", "x", **TEXT)))
            archive.predictions(5)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archive) == 80


def _in_child(archive: Archive, answers: multiprocessing.Queue[object]) -> None:
    try:
        archive.database.writing(lambda db: db.execute("UPDATE predictions SET source = 'child'"))
        answers.put(len(archive))
    except BaseException as error:
        answers.put(repr(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_a_connection_of_its_own(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=_in_child, args=(archive, answers))
    nobody: None = None
    archive.database.reading(lambda _: child.start(), nobody)  # held by the parent at the moment of the fork
    assert answers.get(timeout=20) == 1
    child.join()
    assert [row["source"] for row in archive.rows()] == ["child"]


def test_nothing_is_made_on_disk_before_there_is_something_to_keep(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "out")
    assert (len(archive), archive.predictions(), archive.find("x"), archive.get("x")) == (0, [], [], None)
    assert (archive.size(), list(archive.rows()), archive.remove("x"), "x" in archive) == (
        0,
        [],
        False,
        False,
    )
    assert repr(archive) == f"Archive({str(tmp_path / 'out')!r}, 0 predictions)"
    assert not (tmp_path / "out").exists()


def test_an_archive_left_open_warns_nobody(keep: Keep, archive: Archive, tmp_path: Path) -> None:
    keep(made("p1", "fox", **TEXT))
    other = Archive(archive.path)
    assert len(other) == 1
    del other
    gc.collect()
    archive.close()
    archive.close()
    assert len(archive) == 1


def _break_whole(path: Path) -> None:
    path.write_bytes(b"not a database at all " * 500)


def _break_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[2048:] = os.urandom(len(data) - 2048)
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_break_whole, _break_middle, _cut])
def test_a_damaged_index_is_set_aside_and_made_anew(
    damage: Callable[[Path], None], keep: Keep, archive: Archive, assets: Assets
) -> None:
    first = keep(made("p1", assets.put("a", picture()), assets.put("b", picture("JPEG"))))
    failed = keep(made("p2", status="failed", output=None, error="It failed."))
    before = archive.predictions()
    archive.close()
    damage(archive.path / "index.sqlite")
    with pytest.warns(SkytellsWarning) as told:
        again = archive.predictions()
    assert "set aside as index-damaged-" in str(told[0].message)
    assert "2 predictions, nothing downloaded again" in str(told[1].message)
    assert [p.name[:14] for p in archive.path.glob("index-damaged-*.sqlite")] == ["index-damaged-"]
    # webhooks are never written beside the files
    assert again == [replace(p, webhook=None, raw={**p.raw}) for p in before]
    assert keep(made("p1", *first.output or [])).files == first.files
    assert archive.get("p2") == replace(failed, origin=again[0].origin)
    assert len(assets.asked) == 2


def test_what_was_set_aside_is_not_written_over_by_what_is_set_aside_next(
    keep: Keep, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(made("p1", "fox", **TEXT))
    still = types.SimpleNamespace(strftime=lambda _: "20261122-143100", monotonic=time.monotonic)
    monkeypatch.setattr("skytells_nb.archive._database.time", still)
    for _ in range(3):
        archive.close()
        _break_whole(archive.path / "index.sqlite")
        with pytest.warns(SkytellsWarning):
            assert len(archive) == 1
    aside = sorted(archive.path.glob("index-damaged-*.sqlite"))
    assert len(aside) == 3
    assert aside[-1].stat().st_mtime_ns == max(path.stat().st_mtime_ns for path in aside)


def test_a_reader_sees_the_index_that_another_has_made_anew(
    keep: Keep, archive: Archive, account: Account, carry: Carry
) -> None:
    keep(made("p1", "fox", **TEXT))
    with Archive(archive.path) as reader:
        assert len(reader) == 1
        archive.close()
        for path in archive.path.glob("index.sqlite*"):
            path.unlink()
        with pytest.warns(SkytellsWarning, match="made from the JSON files"):
            keep(made("p2", "owl", **TEXT))
        assert len(reader) == 2


def test_an_index_cut_to_nothing_while_it_is_open_locks_nobody_out(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    os.truncate(archive.path / "index.sqlite", 0)
    with Archive(archive.path) as other:
        with pytest.warns(SkytellsWarning) as told:
            assert len(other) == 1
        assert "set aside" in str(told[0].message)
        keep(made("p2", "owl", **TEXT))
        assert len(other) == 2


def test_what_an_index_has_lost_with_its_log_is_found_beside_the_outputs(
    keep: Keep, archive: Archive, tmp_path: Path
) -> None:
    """As where a folder is copied by what leaves out the index's ``-wal``."""
    keep(made("p1", "fox", **TEXT))
    archive.close()
    kept = (archive.path / "index.sqlite").read_bytes()
    keep(made("p2", "owl", **TEXT))
    archive.close()
    (archive.path / "index.sqlite").write_bytes(kept)
    with Archive(archive.path) as copied:
        assert {p.id for p in copied} == {"p1", "p2"}


def test_damage_found_while_writing_loses_nothing(keep: Keep, archive: Archive, assets: Assets) -> None:
    keep(made("p1", "fox", **TEXT))
    archive.close()
    _break_whole(archive.path / "index.sqlite")
    with pytest.warns(SkytellsWarning) as told:
        keep(made("p2", assets.put("a", picture())))
    assert "set aside" in str(told[0].message)
    assert {p.id for p in archive} == {"p1", "p2"}


def test_damage_met_by_another_package_is_repaired(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    archive.close()
    _break_whole(archive.path / "index.sqlite")
    with pytest.warns(SkytellsWarning) as noted:
        archive.database.writing(lambda db: db.execute("CREATE TABLE IF NOT EXISTS journal_items (id TEXT)"))
    rows = archive.database.reading(lambda db: db.execute("SELECT * FROM journal_items").fetchall(), [1])
    assert rows == []
    assert "set aside" in str(noted[0].message)


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_lost_index_is_made_anew(how: str, keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    archive.close()
    index = archive.path / "index.sqlite"
    index.unlink() if how == "deleted" else index.write_bytes(b"")
    with pytest.warns(SkytellsWarning, match="1 predictions, nothing downloaded again"):
        assert [p.id for p in archive.find("fox")] == ["p1"]


def test_an_index_deleted_while_it_is_open_comes_back_with_the_next_write(
    keep: Keep, archive: Archive
) -> None:
    keep(made("p1", "fox", **TEXT))
    for path in archive.path.glob("index.sqlite*"):
        path.unlink()
    with pytest.warns(SkytellsWarning, match="made from the JSON"):
        keep(made("p2", "owl", **TEXT))
    assert {p.id for p in Archive(archive.path)} == {"p1", "p2"}


def test_an_index_of_a_newer_version_is_refused_untouched(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    archive.close()
    index = archive.path / "index.sqlite"
    with sqlite3.connect(index) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    before = {p: p.read_bytes() for p in archive.path.rglob("*") if p.is_file()}
    for use in (archive.predictions, archive.__len__, lambda: keep(made("p2", "owl", **TEXT))):
        with pytest.raises(SkytellsError, match=r"newer version .*format 9.*left as it is.*pip"):
            use()
    assert {p: p.read_bytes() for p in archive.path.rglob("*") if p.is_file()} == before
    assert "unreadable" in repr(archive)


def test_where_wal_is_impossible_the_old_journal_does(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "n.sqlite", vfs="unix-dotfile", create=lambda db: db.execute("CREATE TABLE t (a)")
    )
    database.writing(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    mode = database.reading(lambda db: db.execute("PRAGMA journal_mode").fetchone(), None)
    assert mode == ("delete",)
    assert database.reading(lambda db: db.execute("SELECT a FROM t").fetchall(), []) == [(1,)]
    database.close()


def test_an_error_within_a_transaction_leaves_nothing_of_it(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))

    def fail(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM predictions")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        archive.database.writing(fail)
    assert len(archive) == 1


READER = """
    import asyncio, os, sys
    folder, user = sys.argv[1], int(sys.argv[2])
    from skytells_nb.archive import Archive
    from skytells_nb.exceptions import SkytellsError
    from skytells_nb.api import Account
    from skytells_nb.models import Prediction
    import _strptime, encodings.idna, encodings.utf_8_sig, skytells_nb.archive._load_save, warnings
    warnings.simplefilter("ignore")
    if user >= 0:
        os.setgid(user), os.setuid(user)
    archive = Archive(folder)
    print(len(archive), archive.find("fox")[0].files[0].read_text())
    asyncio.run(asyncio.sleep(0))  # what it imports is not to be read by nobody
    ended = archive.ended(Account("https://api.skytells.ai/v1", "0123456789ab"), Prediction.from_api({
        "id": "new", "status": "succeeded", "output": "text", "model": {"name": "s", "type": "text"}}))
    try:
        asyncio.run(ended)
    except SkytellsError as told:
        print(told.message)
    archive.close()
"""


@pytest.mark.skipif(os.name == "nt", reason="folders have no such permissions here")
def test_a_read_only_archive_is_read_and_says_why_it_cannot_be_written(
    account: Account, carry: Carry
) -> None:
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "out"
        with Archive(folder) as archive:
            carry(archive.ended(account, made("p1", "the fox", **TEXT)))
        Path(top).chmod(0o755)
        nobody = 65534 if os.getuid() == 0 else -1  # root may write anywhere
        shutil.copytree(folder, damaged := Path(top) / "damaged")
        (damaged / "index.sqlite").write_bytes(b"no index" * 1000)
        shutil.copytree(folder, bare := Path(top) / "bare", ignore=shutil.ignore_patterns("index*"))
        for path in Path(top).rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            told = finish(python(READER, str(folder), str(nobody)))
            for each in (damaged, bare):  # an index is made in memory
                assert finish(python(READER, str(each), str(nobody))).splitlines()[0] == "1 the fox"
        finally:
            for path in (p for p in Path(top).rglob("*") if p.is_dir()):
                path.chmod(stat.S_IRWXU)
    assert told.splitlines()[0] == "1 the fox"
    assert "Cannot write to the archive" in told
    assert "it is read-only. Outputs stay at the API for about 5 minutes: choose another folder" in told


FILLER = """
    import asyncio, resource, signal, sys, warnings
    from pathlib import Path
    from skytells_nb.archive import Archive
    from skytells_nb.exceptions import SkytellsError
    from skytells_nb.api import Account
    from skytells_nb.models import Prediction
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    archive, account = Archive(sys.argv[1]), Account("https://api.skytells.ai/v1", "0123456789ab")
    def end(text, name):
        return asyncio.run(archive.ended(account, Prediction.from_api({
            "id": name, "status": "succeeded", "output": text,
            "model": {"name": "s", "type": "text"}, "created_at": "2026-11-22T14:31:00Z"})))
    end("fox", "p1")
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    try:
        end("x" * 500_000, "p2")
    except SkytellsError as told:
        print(told.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(len(archive), [p.name for p in Path(sys.argv[1]).glob("*/*") if "partial" in str(p)])
    print(len(end("x" * 500_000, "p2").files), len(archive))
    archive.close()
"""


@pytest.mark.skipif(os.name == "nt", reason="files have no size limits here")
def test_a_full_disk_is_said_and_nothing_half_written_stays(tmp_path: Path) -> None:
    told = finish(python(FILLER, str(tmp_path / "out"))).splitlines()
    assert "the disk is full. Outputs stay" in told[0]
    assert "adopt(client)" in told[0]
    assert told[1] == "1 []"
    assert told[2] == "1 2"


def test_a_folder_that_is_a_file_is_said(tmp_path: Path, account: Account, carry: Carry) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SkytellsError, match="Cannot write"):
        carry(Archive(tmp_path / "out").ended(account, made("p1", "fox", **TEXT)))
    assert (tmp_path / "out").read_text() == "mine"
