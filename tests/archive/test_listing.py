"""What is kept is found again: newest first, by word, by day, by account; and can be thrown away."""

from __future__ import annotations

import os
import pickle
import sys
import types
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from archive.scenery import Assets, Keep, made, picture

from skytells_nb._options import options
from skytells_nb.archive import Archive
from skytells_nb.exceptions import InvalidInputError, SkytellsError, SkytellsWarning
from skytells_nb.models import Prediction, PredictionList


def text(id: str, prompt: str, **facts: Any) -> Prediction:
    return made(id, "words", input={"prompt": prompt}, model={"name": "scribe", "type": "text"}, **facts)


@pytest.fixture
def filled(keep: Keep, archive: Archive) -> Archive:
    keep(text("p1", "A red fox in snow", created_at="2026-11-20T10:00:00Z"))
    keep(text("p2", 'the "Füchse" of Tōkyō', created_at="2026-11-22T10:00:00Z"))
    keep(text("p3", "赤い狐と雪", created_at="2026-11-21T23:59:59.999Z"))
    keep(text("p4", "an owl; 100% fox-free", created_at="2026-11-23T10:00:00Z", status="failed", error="no"))
    return archive


def ids(found: list[Prediction]) -> list[str]:
    return [p.id for p in found]


def test_a_listing_is_newest_first(filled: Archive) -> None:
    assert isinstance(filled.predictions(), PredictionList)
    assert ids(filled.predictions()) == ids(list(filled)) == ["p4", "p2", "p3", "p1"]
    assert ids(filled.predictions(2)) == ["p4", "p2"]
    assert ids(filled.predictions(limit=0)) == []
    assert len(filled) == 4
    assert repr(filled).endswith("4 predictions)")


def test_days_are_whole_days_of_utc_and_both_bounds_count(filled: Archive) -> None:
    assert ids(filled.predictions(since=date(2026, 11, 21), until="2026-11-22")) == ["p2", "p3"]
    moment = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert ids(filled.predictions(since=moment, until=moment)) == ["p2"]
    assert ids(filled.predictions(until="2026-11-20T11:00:00+02:00")) == []


def test_status_model_and_origin_narrow_it_down(filled: Archive) -> None:
    assert ids(filled.predictions(status="failed")) == ["p4"]
    assert ids(filled.predictions(status="cancelled")) == []
    for written in ("scribe", "Scribe", "lumo/scribe"):
        assert ids(filled.predictions(model=written, limit=None)) == ["p4", "p2", "p3", "p1"]
    with pytest.warns(SkytellsWarning, match="nothing of a model 'scrbe'. Did you mean 'scribe'"):
        assert ids(filled.predictions(model="scrbe")) == []
    assert ids(filled.predictions(origin="https://api.skytells.ai/v1")) == []
    filled.rate("p1", tags=["Scribe"])
    assert ids(filled.predictions(model="Scribe", tag="Scribe")) == ["p1"], "a tag stays as it is written"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("fox", ["p4", "p1"]),
        ("FOX snow", ["p1"]),
        ("fuch", ["p2"]),
        ("tokyo", ["p2"]),
        ("狐と", ["p3"]),
        ("ox in sn", ["p1"]),
        ('"', ["p2"]),
        ("100% fox", ["p4"]),
        ("fox NOT owl", []),
        ("x' OR 1=1 --", []),
        ("", []),
        ("prompt:fox NEAR(", []),
        ("*", []),
    ],
)
def test_words_find_prompts_whatever_was_typed(filled: Archive, wanted: str, found: list[str]) -> None:
    assert ids(filled.find(wanted)) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("негу", ["p2"]),
        ("СНЕГ", ["p2"]),
        ("ÄHLT", ["p1"]),
        ("zahlt", ["p1"]),
        ("🦊", ["p3"]),
        ("fox 🦊", ["p3"]),
        ("fox 🐺", []),
        ("狐、雪", ["p4"]),
        ("x" * 5000, []),
        ("\ud800", []),
        ("a\x00b", []),
    ],
)
def test_any_script_is_found_in_capitals_or_not_and_within_words(
    keep: Keep, archive: Archive, wanted: str, found: list[str]
) -> None:
    prompts = ["Er erzählt", "лиса в СНЕГУ", "fox 🦊", "赤い狐、雪の中", "fox"]
    for n, prompt in enumerate(prompts, start=1):
        keep(made(f"p{n}", "x", input={"prompt": prompt}))
    assert ids(archive.find(wanted)) == found


def test_lyrics_are_searched_and_what_was_not_wanted_is_not(keep: Keep, archive: Archive) -> None:
    keep(made("m1", "x", input={"lyrics": "la la lighthouse", "negative_prompt": "fox"}))
    assert ids(archive.find("lighthouse")) == ids(archive.find("thous")) == ["m1"]
    assert ids(archive.find("fox")) == []


def test_a_text_changed_later_is_found_under_its_new_words_only(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "x", input={}, status="failed"))
    keep(made("p1", "x", input={"prompt": "a whale"}, status="failed"))
    assert ids(archive.find("whale")) == ["p1"]
    assert len(archive) == 1


def test_plain_rows_are_what_a_frame_needs(filled: Archive) -> None:
    row = list(filled.rows())[3]
    columns = (
        "id model model_type status created_at started_at completed_at queue_s predict_s total_s cost "
        "currency n_outputs output error prompt source origin"
    )
    assert " ".join(row).startswith(columns)
    assert (row["id"], row["cost"], row["sandbox"], row["account"]) == (
        "p1",
        Decimal("0.03"),
        False,
        "0123456789ab",
    )
    assert row["created_at"] == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert row["input"] == {"prompt": "A red fox in snow"}


def test_a_frame_is_made_by_the_room_above(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = types.ModuleType("skytells_nb.frames")
    frames.predictions_frame = lambda source: ("frame of", source)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "skytells_nb.frames", frames)
    assert filled.to_pandas() == ("frame of", filled)


def test_removing_takes_the_files_the_records_and_the_row(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    photo = "data:image/png;base64," + "A" * 5000
    kept = keep(made("p1", assets.put("a", picture()), assets.put("b", picture()), input={"image": photo}))
    other = keep(text("p2", "owl"))
    assert archive.size() == sum(p.stat().st_size for p in (*kept.files, *other.files))
    assert kept in archive
    assert archive.remove(kept)
    assert kept not in archive
    assert not archive.remove("p1")
    left = sorted(p.name for p in (archive.path / "2026-11-22").iterdir())
    assert left == sorted([other.files[0].name, other.files[0].name + ".json"])
    counts = "SELECT (SELECT count(*) FROM attachments), (SELECT count(*) FROM outputs)"
    assert archive.database.reading(lambda db: db.execute(counts).fetchone(), None) == (0, 1)
    archive.remove("p2")
    assert not (archive.path / "2026-11-22").exists()
    archive.close()
    assert len(Archive(archive.path)) == 0


def test_two_predictions_share_a_photo_until_the_last_is_removed(keep: Keep, archive: Archive) -> None:
    photo = "data:image/png;base64," + "A" * 5000
    for id in ("p1", "p2"):
        keep(made(id, status="failed", output=None, input={"image": photo}))
    archive.remove("p1")
    again = archive.get("p2")
    assert again is not None
    assert again.input == {"image": photo}


def test_a_file_that_cannot_be_removed_keeps_all_of_it(
    keep: Keep, archive: Archive, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep(made("p1", assets.put("a", picture()), assets.put("b", picture())))
    real = os.replace

    def held(source: Any, target: Any) -> None:
        if Path(source) == kept.files[1]:
            raise PermissionError(13, "The process cannot access the file")  # Windows, file open elsewhere
        real(source, target)

    monkeypatch.setattr("os.replace", held)
    with pytest.raises(SkytellsError, match=r"nothing of it was deleted.* Close the program"):
        archive.remove("p1")
    assert all(p.is_file() for p in kept.files)
    assert archive.get("p1") is not None


def test_limits_and_bounds_that_make_no_sense_are_refused(archive: Archive) -> None:
    for bad in (-1, 2.5, True, "3"):
        with pytest.raises(InvalidInputError, match="limit"):
            archive.predictions(limit=bad)  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError, match="limit"):
            archive.find("fox", limit=bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="YYYY-MM-DD"):
        archive.predictions(since="yesterday")


@pytest.mark.parametrize("wrong", [None, 5, b"p1", ["p1"], {}])
def test_what_is_no_string_is_refused_in_words(keep: Keep, archive: Archive, wrong: Any) -> None:
    keep(made("p1", "x"))
    for ask in (archive.find, archive.get, archive.outputs, archive.remove):
        with pytest.raises(InvalidInputError, match="must be a string"):
            ask(wrong)
    if wrong is not None:
        for name in ("model", "status", "origin"):
            with pytest.raises(InvalidInputError, match=name):
                archive.predictions(**{name: wrong})
    assert len(archive) == 1


@pytest.mark.parametrize("wrong", ["", 5, None, b"out"])
def test_a_path_that_names_no_folder_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="path of a folder"):
        Archive(wrong)


def test_the_archive_is_chosen_by_argument_option_environment_and_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKYTELLS_ARCHIVE", raising=False)

    def chosen(value: Any = None) -> str | None:
        found = Archive.resolve(value)
        return None if found is None else found.path.relative_to(tmp_path).as_posix()

    mine = Archive("mine")
    assert Archive.resolve(mine) is mine
    assert (chosen(False), chosen("a"), chosen(Path("b"))) == (None, "a", "b")
    assert (chosen(), chosen(True)) == ("skytells_outputs", "skytells_outputs")
    for told, none, true in (
        ("env", "env", "env"),
        ("off", None, "skytells_outputs"),
        ("1", *["skytells_outputs"] * 2),
    ):
        monkeypatch.setenv("SKYTELLS_ARCHIVE", told)
        assert (chosen(), chosen(True)) == (none, true)
    with options(archive="option"):
        assert (chosen(), chosen(True), chosen("a")) == ("option", "option", "a")
    with options(archive=False):
        assert (chosen(), chosen(True)) == (None, "skytells_outputs")
    with pytest.raises(InvalidInputError, match="archive must be"):
        Archive.resolve(3)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_archive_stays_where_it_was_when_the_working_folder_changes(
    keep: Keep, archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keep(text("p1", "fox"))
    monkeypatch.chdir(tmp_path)
    relative = Archive("out")
    monkeypatch.chdir("/")
    assert ids(relative.find("fox")) == ["p1"]
    assert len(pickle.loads(pickle.dumps(relative))) == 1
    relative.close()


def test_a_folder_can_be_moved(keep: Keep, archive: Archive, tmp_path: Path) -> None:
    keep(text("p1", "fox"))
    archive.close()
    moved = archive.path.rename(tmp_path / "moved")
    with Archive(moved) as again:
        assert again.predictions()[0].files[0].read_text() == "words"
