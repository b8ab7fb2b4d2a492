"""What was made is rated, found again by its rating, and found by what was asked for it."""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive.scenery import Assets, Carry, Keep, made, picture

from skytells_nb.api import Account, Client
from skytells_nb.archive import Archive, Rating, read_provenance
from skytells_nb.exceptions import InvalidInputError
from skytells_nb.models import Model, Prediction

TEXT = {"model": {"name": "scribe", "type": "text"}}


def record(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"{file}.json").read_text("utf-8"))
    return found


def test_a_rating_is_kept_in_the_index_and_beside_each_output(keep: Keep, archive: Archive) -> None:
    kept = keep(made("p1", "a", "b", **TEXT))
    assert archive.rating(kept) == Rating()
    assert archive.rate(kept, 4, tags=["cover", " cover ", "snow"], note="softer") == Rating(
        4, ("cover", "snow"), "softer"
    )
    assert archive.rating("p1") == Rating(4, ("cover", "snow"), "softer")
    for file in kept.files:
        assert {key: record(file)[key] for key in ("rating", "tags", "note")} == {
            "rating": 4,
            "tags": ["cover", "snow"],
            "note": "softer",
        }
    row = next(archive.rows())
    assert (row["rating"], row["tags"], row["note"]) == (4, ["cover", "snow"], "softer")


def test_ratings_are_not_in_the_file_that_is_given_away(keep: Keep, archive: Archive) -> None:
    kept = keep(made("p1", "a", **TEXT))
    archive.rate(kept, 1, note="ugly")
    assert {"rating", "tags", "note"}.isdisjoint(read_provenance(kept.files[0]) or {})


def test_a_listing_is_narrowed_down_by_stars_and_tag(keep: Keep, archive: Archive) -> None:
    for stars in range(6):
        keep(made(f"p{stars}", "x", **TEXT))
        archive.rate(f"p{stars}", stars, tags=["odd"] if stars % 2 else "even")
    keep(made("unrated", "x", **TEXT))
    assert {p.id for p in archive.predictions(min_rating=4)} == {"p4", "p5"}
    assert {p.id for p in archive.predictions(tag="odd", min_rating=3)} == {"p3", "p5"}
    assert archive.predictions(tag="od") == []


def test_a_rating_is_taken_back_and_outlives_what_the_api_says_later(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "x", **TEXT))
    archive.rate("p1", 5, tags=["cover"])
    again = keep(made("p1", "x", metadata={"billing": {"credits_used": 0.07}}, **TEXT))
    assert archive.rating("p1") == Rating(5, ("cover",))
    assert record(again.files[0])["rating"] == 5
    archive.rate("p1")
    assert archive.rating("p1") == Rating()


@pytest.mark.parametrize("stars", [-1, 6, 2.5, "5", True])
def test_stars_that_make_no_sense_are_refused(stars: Any, keep: Keep, archive: Archive) -> None:
    keep(made("p1", "x", **TEXT))
    with pytest.raises(InvalidInputError, match="from 0 to 5"):
        archive.rate("p1", stars)
    assert archive.rating("p1") == Rating()


def test_what_people_pass_for_stars_tags_and_ids_is_taken(keep: Keep, archive: Archive) -> None:
    kept = keep(made("p1", "x", **TEXT))
    assert archive.rate(kept, np.int64(4), tags=np.array(["a"])) == Rating(4, ("a",))  # type: ignore[arg-type]  # what it is about
    kept.rate(4, tags=None)  # type: ignore[arg-type]  # what it is about
    wanted: Any = {"limit": np.int64(2), "min_rating": np.int64(3), "model": Model(id="scribe")}
    assert [p.id for p in archive.predictions(since=np.datetime64("2026-01-01"), **wanted)] == ["p1"]
    assert getattr(archive.get(kept), "id", None) == "p1"
    with pytest.raises(InvalidInputError, match="status must be one of queued"):
        archive.predictions(status="success")


def test_what_is_not_in_the_archive_cannot_be_rated(archive: Archive) -> None:
    for unknown in ("p9", made("p9", "x")):
        with pytest.raises(InvalidInputError, match=r"'p9' is not in the archive.*adopt"):
            archive.rate(unknown, 5)
    assert archive.rating("p9") == Rating()


def found(archive: Archive, account: Account, input: dict[str, Any]) -> list[str]:
    return [p.id for p in archive.equal_inputs(account, "truefusion", input)]


def asked(id: str, input: dict[str, Any], url: str = "words", **facts: Any) -> Prediction:
    return made(id, url, input=input, **facts)


def test_equal_inputs_are_found_newest_first(keep: Keep, archive: Archive, account: Account) -> None:
    for day, id in ((20, "old"), (22, "new"), (21, "mid")):
        keep(asked(id, {"prompt": "fox", "seed": 7}, created_at=f"2026-11-{day}T10:00:00Z"))
    keep(asked("other", {"prompt": "fox", "seed": 8}))
    assert found(archive, account, {"seed": 7.0, "prompt": "fox"}) == ["new", "mid", "old"]
    assert found(archive, account, {"prompt": "fox"}) == []
    assert [*archive.equal_inputs(account, "truefusion-pro", {"prompt": "fox", "seed": 7})] == []
    oldest = archive.equal_inputs(
        account, "truefusion", {"prompt": "fox", "seed": 7}, without={"old"}, oldest_first=True
    )
    assert [p.id for p in oldest] == ["mid", "new"]


def test_what_is_left_out_counts_as_the_default(keep: Keep, archive: Archive, account: Account) -> None:
    keep(asked("p1", {"prompt": "fox", "steps": 30}))
    keep(asked("p2", {"prompt": "owl"}))
    assert found(archive, account, {"prompt": "fox"}) == []
    with Client("sk-0123456789abcdef", base_url=account.origin) as client:
        for default, there in ((30, True), (20, False)):
            rules = {"properties": {"steps": {"type": "integer", "default": default}}}
            client.connection.note_model(Model(id="truefusion", input_schema=rules))
            assert found(archive, account, {"prompt": "fox"}) == ["p1"][:there]
            assert found(archive, account, {"prompt": "owl", "steps": default}) == ["p2"]


@pytest.mark.parametrize("default", [{}, {"default": None}, {"default": 20}], ids=["none", "null", "20"])
def test_null_is_as_left_out_where_the_schema_has_no_other_default(
    default: dict[str, Any], keep: Keep, archive: Archive, account: Account, carry: Carry
) -> None:
    left_out, null = inputs = {"prompt": "fox"}, {"prompt": "fox", "steps": None}
    with Client("sk-0123456789abcdef", base_url=account.origin) as client:
        rules = {"properties": {"steps": {"type": ["integer", "null"], **default}}}
        client.connection.note_model(Model(id="truefusion", input_schema=rules))
        for id, input in zip(("p1", "p2"), inputs, strict=True):
            ticket = carry(archive.before_create(account, "truefusion", dict(input)))
            carry(archive.created(account, ticket, asked(id, dict(input))))
            keep(asked(id, dict(input)))
        is_same = default != {"default": 20}
        assert sorted(found(archive, account, left_out)) == ["p1", "p2"][: 1 + is_same]
        assert sorted(found(archive, account, null)) == ["p1", "p2"][not is_same :]


def test_files_are_compared_by_their_content(keep: Keep, archive: Archive, account: Account) -> None:
    body = base64.b64encode(picture()).decode()
    keep(asked("p1", {"image": f"data:image/png;base64,{body}"}))
    assert found(archive, account, {"image": f"data:image/webp;name=x;base64,{body}"}) == ["p1"]
    assert found(archive, account, {"image": "data:image/png;base64,AAAA"}) == []


def test_only_what_succeeded_for_this_account_and_is_here_is_found(
    keep: Keep, archive: Archive, account: Account, assets: Assets
) -> None:
    input = {"prompt": "fox"}
    kept = keep(asked("p1", input, assets.put("a.png", picture())))
    keep(asked("p2", input, status="failed", output=None))
    keep(asked("p3", input), account=replace(account, fingerprint="ba9876543210"))
    assert found(archive, account, input) == ["p1"]
    kept.files[0].unlink()
    assert found(archive, account, input) == []


def test_equal_inputs_are_found_after_the_index_was_lost(
    keep: Keep, archive: Archive, account: Account
) -> None:
    input = {"image": "data:image/png;base64," + base64.b64encode(picture(size=(99, 99))).decode()}
    keep(asked("p1", input))
    archive.close()
    for path in archive.path.glob("index.sqlite*"):
        path.unlink()
    with pytest.warns(UserWarning, match="made from the JSON"):
        assert found(archive, account, input) == ["p1"]


def test_the_look_up_uses_the_index_alone(keep: Keep, archive: Archive, account: Account) -> None:
    keep(asked("p1", {"prompt": "fox"}))
    statements: list[str] = []

    def look(db: Any) -> list[Any]:
        db.set_trace_callback(statements.append)
        try:
            from skytells_nb.archive import _index

            _index.equal_inputs(db, account, [b"x" * 16])
        finally:
            db.set_trace_callback(None)
        return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]

    plan = archive.database.reading(look, [])
    assert any("USING INDEX predictions_by_input (input_digest=?)" in step for step in plan), plan


def test_a_prediction_is_rated_where_it_is_kept(
    keep: Keep, archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SKYTELLS_ARCHIVE", str(tmp_path / "another"))
    keep(made("p1", "x", **TEXT))
    with Archive(archive.path) as held:  # no client is there
        held.predictions()[0].rate(5, ["cover"], "the best")
    assert archive.rating("p1") == Rating(5, ("cover",), "the best")
    with pytest.raises(InvalidInputError, match="p-of-nobody is in no archive"):
        made("p-of-nobody", "x").rate(5)


def test_the_best_are_exported_with_a_table(
    keep: Keep, archive: Archive, assets: Assets, tmp_path: Path
) -> None:
    best = keep(made("p1", assets.put("a", picture()), assets.put("b", picture()), input={"prompt": "=1+1"}))
    keep(made("p2", "x", **TEXT))
    archive.rate("p1", 5, tags=["cover", "snow"])
    copies = archive.export(tmp_path / "best", min_rating=4)
    assert [path.name for path in copies] == [path.name for path in best.files]
    assert [path.read_bytes() for path in copies] == [path.read_bytes() for path in best.files]
    lines = (tmp_path / "best" / "outputs.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "file,prompt,model,rating,tags,note,cost,created_at,id"
    assert lines[1].startswith(
        f'{copies[0].name},\'=1+1,truefusion,5,"cover, snow",,0.03,2026-11-22T14:31:00+00:00,'
    )
    assert len(lines) == 3
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidInputError, match="could not be written"):
        archive.export(tmp_path / "file")


@pytest.mark.parametrize("note", ["@SUM(1)", " =1+1", "\uff1d1+1", "a;=cmd()", "\n+1"])
def test_no_note_becomes_a_formula_in_the_table(
    keep: Keep, archive: Archive, tmp_path: Path, note: str
) -> None:
    keep(made("p1", "x", **TEXT))
    archive.rate("p1", 5, note=note)
    archive.export(tmp_path / "best")
    with (tmp_path / "best" / "outputs.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["note"] == f"'{note}"


def test_thumbnails_go_with_the_prediction(keep: Keep, archive: Archive) -> None:
    kept = keep(made("p1", "x", **TEXT))
    folder = archive.path / ".thumbnails" / kept.files[0].parent.name
    folder.mkdir(parents=True)
    (folder / f"{kept.files[0].name}.0123").write_bytes(b"small")
    (folder / "another.txt.4567").write_bytes(b"small")
    archive.remove("p1")
    assert [path.name for path in folder.iterdir()] == ["another.txt.4567"]


def test_a_frame_of_the_archive_has_the_ratings(keep: Keep, archive: Archive) -> None:
    keep(made("p1", "x", **TEXT))
    keep(made("p2", "x", created_at="2026-11-23T10:00:00Z", **TEXT))
    archive.rate("p1", 4, tags=["cover"], note="softer")
    frame = archive.to_pandas()
    assert list(frame.columns[17:21]) == ["origin", "rating", "tags", "note"]
    assert frame["rating"].astype(object).where(frame["rating"].notna(), None).tolist() == [None, 4]
    assert frame["tags"].tolist() == [[], ["cover"]]
    assert str(frame["rating"].dtype) == "Int64"
