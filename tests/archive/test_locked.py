"""While another program keeps the index locked, pictures are kept all the same, and are listed afterwards."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from archive.scenery import Assets, Carry, Keep, made, picture

from skytells_nb.api import Account
from skytells_nb.archive import Archive, Rating
from skytells_nb.exceptions import SkytellsError, SkytellsWarning

ID = "3b0c1f0a-5f0e-4a53-9c53-0d7d5f1f2a10"
TEXT = {"model": {"name": "sandbox-scribe", "type": "text"}}


@contextmanager
def locked(folder: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Hold the index as another program does: against writers, or (an old journal) against everybody."""
    with closing(sqlite3.connect(folder / "index.sqlite", isolation_level=None)) as db:
        if how == "EXCLUSIVE":
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = DELETE")
        db.execute(f"BEGIN {how}")
        yield
        db.execute("ROLLBACK")


@pytest.fixture
def hasty(archive: Archive) -> Archive:
    archive._writer.patience = 0.05
    return archive


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_index_loses_no_picture(how: str, keep: Keep, hasty: Archive, assets: Assets) -> None:
    keep(made("before", "x", **TEXT))
    hasty.close()
    with (
        locked(hasty.path, how),
        pytest.warns(SkytellsWarning, match=f"locked. Prediction {ID} is kept all the"),
    ):
        kept = keep(made(ID, assets.put("a", picture()), assets.put("b", picture("JPEG"))))
    assert [path.suffix for path in kept.files] == [".png", ".jpg"]
    again = hasty.get(ID)
    assert again is not None
    assert again.files == kept.files
    assert len(hasty) == 2
    assert [stored.path is not None for stored in hasty.outputs(ID)] == [True, True]
    assert list((hasty.path / ".unindexed").iterdir()) == []


def test_a_create_with_a_url_does_not_fail_for_it(
    keep: Keep, hasty: Archive, account: Account, carry: Carry
) -> None:
    keep(made("before", "x", **TEXT))
    hasty.close()
    asked = {"image": "https://delivery.example/a.png"}
    with locked(hasty.path, "EXCLUSIVE"):
        assert carry(hasty.before_create(account, "painter", asked)) == ("painter", asked)


def test_what_was_kept_while_it_was_locked_is_not_fetched_again(
    keep: Keep, hasty: Archive, assets: Assets
) -> None:
    keep(made("before", "x", **TEXT))
    prediction = made(ID, assets.put("a", picture()))
    with locked(hasty.path), pytest.warns(SkytellsWarning):
        first = keep(prediction)
    assert keep(prediction).files == first.files
    assert assets.asked == ["/a"]
    assert len(list(first.files[0].parent.glob("*3b0c1f0a*"))) == 2


def test_only_the_first_of_many_waits_for_the_lock(keep: Keep, archive: Archive) -> None:
    keep(made("before", "x", **TEXT))
    archive._writer.patience = 1.0

    def waited(number: int) -> float:
        began = time.monotonic()
        with pytest.warns(SkytellsWarning, match="kept all the same"):
            keep(made(f"p{number}", "x", **TEXT))
        return time.monotonic() - began

    with locked(archive.path):
        first, *others = [waited(number) for number in range(3)]
    assert max(others) < first, "a second, then quarters of one"
    assert len(archive) == 4


def test_a_text_kept_while_it_was_locked_can_be_rated_afterwards(keep: Keep, hasty: Archive) -> None:
    keep(made("before", "x", **TEXT))
    with locked(hasty.path), pytest.warns(SkytellsWarning):
        keep(made(ID, "a poem", **TEXT))
    hasty.rate(ID, 3)
    assert hasty.rating(ID) == Rating(3)
    with Archive(hasty.path) as other:
        assert {p.id for p in other.find("fox")} == {"before", ID}


def test_whoever_needs_the_index_itself_says_that_it_is_locked(keep: Keep, hasty: Archive) -> None:
    keep(made("before", "x", **TEXT))
    with locked(hasty.path), pytest.raises(SkytellsError, match="another program keeps its index locked"):
        hasty.database.writing(lambda db: db.execute("DELETE FROM predictions"), patience=0.05)
