"""What an earlier version kept is brought up; what was damaged is written anew; nothing stays lost."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from archive.scenery import Carry, Keep, made

from skytells_nb.api import Account
from skytells_nb.archive import Archive, Rating
from skytells_nb.archive import _index as index
from skytells_nb.exceptions import SkytellsWarning

OLD = Path(__file__).with_name("archive_0_1_0.zip")
ORIGIN = "http://127.0.0.1:46371/v1"
ACCOUNT = Account(ORIGIN, "cacae1893652")
TEXT = {"model": {"name": "sandbox-scribe", "type": "text"}}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder as 0.1.0 left it: four creates by hand, one of them failed, and a batch of two."""
    with zipfile.ZipFile(OLD) as file:
        file.extractall(tmp_path / "kept")
    return tmp_path / "kept"


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "index.sqlite", isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@contextmanager
def set_aside() -> Iterator[None]:
    """Two notes and no other warning: that it was set aside, and what was made in its place."""
    with pytest.warns(SkytellsWarning) as notes:
        yield
    first, second = [str(entry.message) for entry in notes]
    assert "was damaged. No output is lost: it was set aside as index-damaged-" in first
    assert "made from the JSON files beside the outputs" in second
    assert "nothing downloaded again" in second


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_an_archive_of_0_1_0_is_upgraded_whole(old: Path) -> None:
    with Archive(old) as archive:
        with pytest.warns(SkytellsWarning, match=r"upgraded from format 1 to \d+: 6 predictions"):
            kept = archive.predictions()
        assert [p.prompt for p in reversed(kept)][:4] == [
            "a red fox in snow",
            "an owl, Eule",
            "a song of winter",
            "fail",
        ]
        assert [len(p.files) for p in kept] == [1, 1, 0, 1, 1, 1]
        assert all(file.is_file() for p in kept for file in p.files)
        owl = archive.find("eule")[0]
        assert len((owl.input or {})["image"]) == 2702, "what was sent is still known whole"
        batches = archive.database.reading(
            lambda db: db.execute("SELECT name FROM jobs_batches").fetchall(), []
        )
        assert batches == [("foxes",)], "a batch's journal decides about money, and stays"
        assert len(archive.to_pandas()) == 6
    assert version(old) == index.VERSION
    with Archive(old) as again:  # and says nothing the second time
        assert len(again) == 6


def test_what_an_older_version_kept_can_be_rated(old: Path) -> None:
    with Archive(old) as archive:
        with pytest.warns(SkytellsWarning, match="upgraded"):
            archive.rate("a317b27e-f0ab-4398-ada0-645d3bb9e336", 4)
        assert [p.prompt for p in archive.predictions(min_rating=4)] == ["a red fox in snow"]


def test_an_upgraded_archive_keeps_what_is_made_next(old: Path, account: Account, carry: Carry) -> None:
    with Archive(old) as archive:
        with pytest.warns(SkytellsWarning, match="upgraded"):
            kept = carry(archive.ended(account, made("p1", "fox", **TEXT)))
        assert kept.files[0].read_text() == "fox"
        assert len(archive) == 7


def test_an_upgraded_archive_finds_equal_inputs(old: Path) -> None:
    with Archive(old) as archive:
        with pytest.warns(SkytellsWarning, match="upgraded"):
            (found,) = archive.equal_inputs(ACCOUNT, "painter", {"seed": 7.0, "prompt": "a red fox in snow"})
        assert found.id == "a317b27e-f0ab-4398-ada0-645d3bb9e336"


def test_an_index_of_format_2_knows_its_outputs_by_their_urls(
    keep: Keep, archive: Archive, account: Account
) -> None:
    url = "https://delivery.example.test/a.png"
    keep(made("p1", url))
    archive.close()
    change(archive.path, "DROP TABLE urls", "PRAGMA user_version = 2")
    with (
        Archive(archive.path) as again,
        pytest.warns(SkytellsWarning, match="from format 2 to 3: 1 prediction"),
    ):
        found = again.database.reading(lambda db: db.execute("SELECT url, position FROM urls").fetchall(), [])
    assert found == [(url, 0)]


def test_an_index_that_cannot_be_upgraded_is_made_anew(old: Path) -> None:
    change(old, "ALTER TABLE predictions RENAME COLUMN n TO number")
    with Archive(old) as archive:
        with set_aside():
            assert len(archive) == 6
        assert [len(p.files) for p in archive.predictions()] == [1, 1, 0, 1, 1, 1]


def test_an_older_index_that_cannot_be_written_is_read_all_the_same(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (old / "index.sqlite").read_bytes()
    with Archive(old) as archive:
        connect = archive.database._connect
        # root may write anywhere, so permissions cannot stand in for a read-only disk
        monkeypatch.setattr(archive.database, "_connect", lambda mode: connect(mode.replace("rwc", "ro")))
        with pytest.warns(SkytellsWarning, match="upgraded"):
            assert len(archive.predictions()) == 6
        assert archive.database.readonly
    assert (old / "index.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "loss",
    [
        *("DROP TABLE predictions", "DROP TABLE documents", "DROP TABLE outputs", "DROP TABLE attachments"),
        *("DROP TABLE attached", "DROP TABLE words", "DROP TABLE words_config", "PRAGMA user_version = 0"),
    ],
)
def test_an_index_that_has_lost_a_table_is_made_anew(loss: str, keep: Keep, archive: Archive) -> None:
    kept = keep(made("p1", "fox", **TEXT))
    archive.close()
    change(archive.path, loss)
    with set_aside():
        assert [p.files for p in archive.predictions()] == [kept.files]
    assert [p.id for p in archive.find("fox")] == ["p1"]


def test_a_table_that_is_lost_while_the_index_is_open_comes_back(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    change(archive.path, "DROP TABLE predictions")
    with set_aside():
        keep(made("p2", "owl", **TEXT))
    assert {p.id for p in archive} == {"p1", "p2"}


def test_words_that_have_lost_their_order_do_not_stop_the_index(keep: Keep, archive: Archive) -> None:
    for name in ("p1", "p2"):
        keep(made(name, "fox", **TEXT))
    change(archive.path, "UPDATE words_data SET block = '' WHERE id = 10")
    with set_aside():
        keep(made("p3", "fox", **TEXT))
    assert {p.id for p in archive.find("fox")} == {"p1", "p2", "p3"}


def test_words_that_were_wiped_out_are_found_all_the_same(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    change(archive.path, "UPDATE words_data SET block = zeroblob(length(block)) WHERE id > 10")
    with set_aside():
        assert [p.id for p in archive.find("fox")] == ["p1"]


def test_a_column_that_is_lost_is_made_anew(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "fox", **TEXT))
    archive.close()
    change(archive.path, "ALTER TABLE predictions DROP COLUMN tags")
    with set_aside():
        assert len(archive) == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE predictions SET input = '{broken', output = '[broken' WHERE id = 'p1'",
        "UPDATE predictions SET created = 'yesterday' WHERE id = 'p1'",
        "UPDATE predictions SET cost = 'much' WHERE id = 'p1'",
        "UPDATE predictions SET tags = '{' WHERE id = 'p1'",
        "UPDATE documents SET raw = '{broken'",
        "UPDATE documents SET filled = '[]', raw = '[]'",
        "UPDATE documents SET raw = x'ff00'",
        "DELETE FROM documents",
        "UPDATE predictions SET model = cast(x'c3' AS TEXT) WHERE id = 'p1'",
        "UPDATE predictions SET stem = 'no name', output = '[broken'",
    ],
)
def test_a_damaged_row_is_written_anew_from_its_file(damage: str, keep: Keep, archive: Archive) -> None:
    before = [keep(made(id, id, **TEXT)) for id in ("p1", "p2")]
    change(archive.path, damage)
    with pytest.warns(SkytellsWarning, match=r"damaged rows .* were written anew"):
        rows, found = list(archive.rows()), archive.predictions()
    assert sorted(row["id"] for row in rows) == ["p1", "p2"]
    assert sorted(p.files for p in found) == sorted(p.files for p in before)
    assert len(archive.to_pandas()) == 2


def test_a_damaged_row_without_a_file_is_left_out_and_said_once(keep: Keep, archive: Archive) -> None:
    for id in ("p1", "p2"):
        keep(made(id, id, **TEXT))
    for path in archive.path.glob("*/*p1*.json"):
        path.unlink()
    change(archive.path, "UPDATE documents SET raw = '{broken'")
    with pytest.warns(SkytellsWarning) as notes:
        assert [p.id for p in archive.predictions()] == ["p2"]
    assert "1 rows" in str(notes[-1].message)
    assert "left out" in str(notes[-1].message)
    assert [p.id for p in archive.predictions()] == ["p2"]
    again = keep(made("p1", "p1", **TEXT))
    assert {p.files for p in archive} >= {again.files}


def test_a_rating_outlives_the_index(keep: Keep, archive: Archive) -> None:
    kept = keep(made("p1", "fox", "owl", **TEXT))
    archive.rate(kept, 5, tags=["cover", "Füchse"], note="the best")
    archive.close()
    for path in archive.path.glob("index.sqlite*"):
        path.unlink()
    with pytest.warns(SkytellsWarning, match="made from the JSON files"):
        assert archive.rating("p1") == Rating(5, ("cover", "Füchse"), "the best")
    assert [p.id for p in archive.predictions(min_rating=5, tag="cover")] == ["p1"]
