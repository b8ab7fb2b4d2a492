"""A prediction ends: its outputs are fetched, written, recorded, and come back with it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from archive.scenery import Assets, Carry, Keep, made, picture

from skytells_nb.api import Account
from skytells_nb.archive import Archive, load, read_provenance
from skytells_nb.archive import _index as index
from skytells_nb.archive._download import download_output
from skytells_nb.archive._files import FileStore
from skytells_nb.exceptions import SkytellsWarning
from skytells_nb.models import Prediction

ID = "3b0c1f0a-5f0e-4a53-9c53-0d7d5f1f2a10"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_a_prediction_comes_back_with_a_file_that_people_can_name(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    kept = keep(made(ID, assets.put("x.png", picture())))
    assert [p.relative_to(archive.path).as_posix() for p in kept.files] == [
        "2026-11-22/1431-a-red-fox-in-snow-3b0c1f0a.png"
    ]
    assert archive.get(ID) == replace(kept, origin=assets.url + "/v1")
    assert archive.size() == kept.files[0].stat().st_size
    assert list((archive.path / ".partial").iterdir()) == []


def test_every_further_output_has_a_number(keep: Keep, assets: Assets) -> None:
    urls = [assets.put("a", picture()), assets.put("b", picture("JPEG")), assets.put("c", picture("WEBP"))]
    kept = keep(made(ID, *urls))
    assert [p.name.removeprefix("1431-a-red-fox-in-snow-3b0c1f0a") for p in kept.files] == [
        ".png",
        "-2.jpg",
        "-3.webp",
    ]


def test_what_is_archived_is_not_asked_for_again(keep: Keep, assets: Assets) -> None:
    prediction = made(ID, assets.put("x.png", picture()))
    first, second = keep(prediction), keep(prediction)
    assert first == second
    assert assets.asked == ["/x.png"]


def test_a_file_that_was_deleted_by_hand_is_fetched_again(keep: Keep, assets: Assets) -> None:
    prediction = made(ID, assets.put("x.png", picture()))
    keep(prediction).files[0].unlink()
    assert keep(prediction).files[0].is_file()
    assert len(assets.asked) == 2


def test_a_server_that_stumbles_is_asked_again(keep: Keep, assets: Assets, slept: list[float]) -> None:
    kept = keep(made(ID, assets.put("x.png", picture(), 503, 429)))
    assert len(kept.files) == 1
    assert slept == [0.5, 1.0]


def test_a_failed_download_is_recorded_with_its_reason_and_tried_again_next_time(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    url = assets.put("x.png", picture(), *[503] * 5)
    with pytest.warns(SkytellsWarning, match=r"1 of 1 outputs .* could not be archived.*\(503\).*Ask for"):
        kept = keep(made(ID, url))
    assert kept.files == ()
    assert kept.output == [url]
    (stored,) = archive.outputs(ID)
    assert (stored.path, stored.expired) == (None, False)
    assert "503" in str(stored.problem)
    assert len(keep(made(ID, url)).files) == 1
    assert archive.outputs(ID)[0].problem is None


def test_an_output_that_is_gone_is_recorded_as_expired_and_never_asked_for_again(
    keep: Keep, archive: Archive, assets: Assets, slept: list[float]
) -> None:
    old = made(ID, assets.url + "/gone.png", completed_at="2026-11-20T00:00:00Z")
    assert keep(old).files == ()
    assert keep(old).files == ()
    assert assets.asked == ["/gone.png"]
    assert slept == []
    assert archive.outputs(ID)[0].expired


def test_nothing_is_asked_for_when_the_api_says_it_is_gone(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    keep(made(ID, assets.put("x.png", picture()), data_removed=True))
    assert assets.asked == []
    assert archive.outputs(ID)[0].expired


def test_one_failed_output_does_not_take_the_others_along(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    urls = [assets.put("a", picture(), 400), assets.put("b", picture())]
    with pytest.warns(SkytellsWarning, match="1 of 2"):
        kept = keep(made(ID, *urls))
    assert [p.name[-6:] for p in kept.files] == ["-2.png"]
    assert [bool(stored.problem) for stored in archive.outputs(ID)] == [True, False]


def test_a_failed_prediction_is_recorded_too(keep: Keep, archive: Archive) -> None:
    failed = made(ID, status="failed", output=None, error="NSFW content detected.")
    kept = keep(failed)
    assert archive.get(ID) == replace(kept, origin=archive.predictions()[0].origin)
    assert archive.predictions(status="failed")[0].error == "NSFW content detected."


def test_one_that_has_not_ended_is_left_alone(archive: Archive, account: Account, carry: Carry) -> None:
    running = made(ID, status="processing")
    assert carry(archive.ended(account, running)) is running
    assert not archive.path.exists()


def test_texts_and_data_uris_become_files(keep: Keep, archive: Archive) -> None:
    poem = "Röt ist der Fuchs.\n<script>alert(1)</script>"
    kept = keep(made("t1", poem, model={"name": "sandbox-scribe", "type": "text"}))
    assert kept.files[0].suffix == ".txt"
    assert kept.files[0].read_text("utf-8") == poem
    kept = keep(made("d1", "data:image/png;base64,iVBORw0KGgo", "data:audio/ogg,OggS%00abc"))
    assert [p.suffix for p in kept.files] == [".ogg"]
    assert kept.files[0].read_bytes() == b"OggS\x00abc"
    assert "stops" in str(archive.outputs("d1")[0].problem)


def test_a_text_is_loaded_as_a_text_whatever_is_in_it(keep: Keep) -> None:
    kept = keep(made("p1", "", "a\0b"))
    assert [load(kept), load(kept, 1)] == ["", "a\0b"]


def test_a_text_that_is_nothing_but_a_url_stays_a_text(keep: Keep, assets: Assets) -> None:
    kept = keep(made("t2", "https://skytells.ai", model={"name": "gpt-5", "type": "text"}))
    assert kept.files[0].read_text() == "https://skytells.ai"
    assert assets.asked == []


def test_a_json_record_lies_beside_every_output_and_holds_no_secret(keep: Keep, assets: Assets) -> None:
    photo = "data:image/png;base64," + "A" * 5000
    prediction = made(
        ID,
        assets.put("x.mp4", b"\x00\x00\x00 ftypisom" + b"0" * 50),
        input={"prompt": "fox, sk-0123456789abcdef0123456789abcdef", "image": photo, "seed": 3},
        webhook={"url": "https://hooks.example/?token=hush", "events": []},
    )
    kept = keep(prediction)
    text = Path(str(kept.files[0]) + ".json").read_text("utf-8")
    said = json.loads(text)
    assert {"id", "origin", "model", "seed", "cost", "created_at", "completed_at"} <= said.keys()
    assert (said["prompt"], said["seed"], said["cost"]) == ("fox, sk-…", 3, "0.03")
    assert "not kept here" in said["input"]["image"]
    for secret in ("0123456789abcdef0123456789abcdef", "AAAAAA", "hush"):
        assert secret not in text


def test_the_key_is_nowhere_in_the_folder(
    keep: Keep, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYTELLS_API_KEY", "sk-live-hush-hush-hush")
    keep(
        made(
            ID,
            "the key is sk-live-hush-hush-hush",
            model={"name": "s", "type": "text"},
            extra="sk-live-hush-hush-hush",
        )
    )
    archive.close()
    for path in archive.path.rglob("*"):
        if path.is_file() and path.suffix != ".txt":
            assert b"hush-hush" not in path.read_bytes(), path


def test_a_prediction_is_rebuilt_whole_from_its_row(keep: Keep, archive: Archive) -> None:
    photo = "data:image/png;base64," + "A" * 5000
    raw: dict[str, Any] = {
        "id": ID,
        "status": "succeeded",
        "model": "lumo",
        "output": None,
        "odd": {"a": [1, None]},
    }
    short = replace(
        Prediction.from_api(raw),
        input={"prompt": "fox", "image": photo, "images": [photo]},
        model_type="video",
        cost=Decimal("0.120"),
        created_at=datetime(2026, 11, 22, 14, 31, 0, 123456, UTC),
    )
    kept = keep(short)
    again = archive.get(ID)
    assert again is not None
    assert again == replace(kept, origin=again.origin)
    assert again.input == short.input
    assert again.raw == raw
    assert str(again.cost) == "0.120"
    assert pickle.loads(pickle.dumps(again)) == again


def test_what_the_api_forgets_later_stays_known(keep: Keep, archive: Archive, assets: Assets) -> None:
    first = keep(made(ID, assets.put("x.png", picture()), metadata={}))
    assert first.cost is None
    later = made(
        ID, input={}, output=None, metadata={"billing": {"credits_used": 0.05}, "data_available": False}
    )
    kept = keep(later)
    assert kept.files == first.files
    again = archive.get(ID)
    assert again is not None
    assert (again.prompt, again.output, again.cost) == ("a red fox in snow", first.output, Decimal("0.05"))
    assert json.loads(Path(str(first.files[0]) + ".json").read_text())["cost"] == "0.05"
    assert len(archive) == 1


def test_accounts_and_origins_are_kept_apart(keep: Keep, archive: Archive, account: Account) -> None:
    rehearsal = Account("http://127.0.0.1:1/v1", "ffffffffffff", sandbox=True)
    text = {"model": {"name": "s", "type": "text"}}
    real = keep(made("same", "real", **text))
    sand = keep(made("same", "sand", **text), account=rehearsal)
    assert len(archive) == 2
    assert real.files != sand.files
    assert [p.read_text() for p in (*real.files, *sand.files)] == ["real", "sand"]
    assert sum(row["cost"] for row in archive.rows() if not row["sandbox"]) == Decimal("0.03")
    assert len(archive.predictions(origin=rehearsal.origin)) == 1


def test_a_sandboxs_id_made_at_another_time_is_another_prediction(
    keep: Keep, archive: Archive, account: Account
) -> None:
    text = {"model": {"name": "s", "type": "text"}}
    rehearsal = replace(account, sandbox=True)
    first = keep(made("reborn", "first life", **text), account=rehearsal)
    second = keep(made("reborn", "second life", created_at="2026-11-22T15:00:00Z", **text), account=rehearsal)
    assert [p.read_text() for p in (*first.files, *second.files)] == ["first life", "second life"]
    assert len(archive) == 1


def test_an_api_that_tells_another_time_later_loses_no_file(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    kept = keep(made(ID, assets.put("x.png", picture())))
    assets.files.clear()
    later = keep(made(ID, assets.url + "/x.png", created_at="2026-11-22T15:00:00Z"))
    assert later.files == kept.files
    assert [p.files for p in archive] == [kept.files]


def test_threads_that_see_the_same_end_share_one_set_of_files(
    archive: Archive, account: Account, carry: Carry, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = made(ID, assets.put("x.png", picture()), assets.put("y.png", picture()))
    together = threading.Barrier(4)
    assets.before_answer = lambda path: (
        together.wait(10) if path == "/x.png" else None
    )  # all four ask at once
    kept: list[Prediction] = []
    threads = [
        threading.Thread(target=lambda: kept.append(carry(archive.ended(account, prediction))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({p.files for p in kept}) == 1
    assert len(kept) == 4
    assert sorted(p.name for p in (archive.path / "2026-11-22").iterdir()) == sorted(
        name for file in kept[0].files for name in (file.name, file.name + ".json")
    )
    assert list((archive.path / ".partial").iterdir()) == []


@pytest.mark.parametrize("moment", ["download", "second download"])
def test_what_is_cancelled_while_it_downloads_is_recorded_and_owed(
    moment: str, archive: Archive, account: Account, assets: Assets, keep: Keep
) -> None:
    prediction = made(ID, assets.put("a", picture()), assets.put("b", picture()))
    at, go_on = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path == ("/a" if moment == "download" else "/b"):
            at.set()
            go_on.wait(10)

    async def cancelled() -> None:
        task = asyncio.create_task(archive.ended(account, prediction))
        await asyncio.to_thread(at.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    assets.before_answer = hold
    asyncio.run(cancelled())
    known = archive.get(ID)
    assert known is not None
    assert known.output == prediction.output
    assert known.cost == Decimal("0.03")
    assert list((archive.path / ".partial").iterdir()) == []
    assert [stored.problem for stored in archive.outputs(ID)] == [None, None]
    assert owed(archive, account) == [ID]
    assert len(keep(prediction).files) == 2
    assert owed(archive, account) == []


def test_a_download_that_is_cancelled_at_any_moment_leaves_no_temporary_file(
    archive: Archive, account: Account, assets: Assets
) -> None:
    prediction = made(ID, assets.put("a", picture()), "data:text/plain,fox")

    async def cancelled_after(rounds: int) -> bool:
        task = asyncio.ensure_future(archive.ended(account, prediction))
        for _ in range(rounds):
            await asyncio.wait((task,), timeout=0.001)
        task.cancel()
        await asyncio.wait((task,))
        return task.cancelled()

    for rounds in range(200):
        was_cancelled = asyncio.run(cancelled_after(rounds))
        leftovers = archive.path / ".partial"
        assert not leftovers.exists() or list(leftovers.iterdir()) == []
        if not was_cancelled:
            break
    else:
        pytest.fail("it never ended")
    assert len(archive) == 1


def owed(archive: Archive, account: Account) -> list[str]:
    since = datetime.now(UTC) - timedelta(minutes=5)
    nothing: list[str] = []
    return archive.database.reading(lambda db: index.owed(db, account, since), nothing)


def test_what_an_earlier_process_was_stopped_in_is_fetched_with_the_next_create(
    archive: Archive, account: Account, assets: Assets
) -> None:
    prediction = made(ID, assets.put("a", picture()))

    async def stopped() -> None:
        task = asyncio.create_task(archive.ended(account, prediction))
        while not assets.asked:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def started() -> None:
        with Archive(archive.path) as again:
            await again.before_create(account, "truefusion", {})
            while not (known := again.get(ID)) or not known.files:
                await asyncio.sleep(0.001)

    gate = threading.Event()
    assets.before_answer = lambda path: gate.wait(10)
    asyncio.run(stopped())
    gate.set()
    asyncio.run(asyncio.wait_for(started(), 10))


@pytest.mark.parametrize("status", [404, 403, 410, 203])
def test_a_404_right_after_the_end_is_tried_again(
    keep: Keep, assets: Assets, slept: list[float], status: int
) -> None:
    """A store without leave to list says 403 of what it has not got yet; others send words for a picture."""
    kept = keep(made(ID, assets.put("x.png", picture(), status, status)))
    assert len(kept.files) == 1
    assert slept == [0.5, 1.0]


def test_a_404_of_a_young_output_is_owed_and_not_given_up(
    keep: Keep, archive: Archive, account: Account, assets: Assets
) -> None:
    url = assets.put("x.png", picture(), *[404] * 5)
    with pytest.warns(SkytellsWarning, match=r"its server does not have it yet.*within 5 minutes"):
        assert keep(made(ID, url)).files == ()
    assert owed(archive, account) == [ID]
    assert len(keep(made(ID, url)).files) == 1


def test_a_404_of_an_output_whose_end_is_unknown_is_given_up_the_second_time(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    prediction = made(ID, assets.url + "/gone.png", completed_at=None)
    with pytest.warns(SkytellsWarning, match="its server does not have it yet"):
        keep(prediction)
    keep(prediction)
    assert archive.outputs(ID)[0].expired


def test_a_slow_failure_is_not_waited_for_again_and_again(
    archive: Archive, account: Account, assets: Assets
) -> None:
    now = iter([0.0, 9.0, 18.0])
    url = assets.put("x.png", picture(), 503, 503, 503)
    result = asyncio.run(
        download_output(FileStore(archive.path), account.origin, made(ID, url), 0, clock=lambda: next(now))
    )
    assert result.again
    assert len(assets.asked) == 1


def test_a_recorded_prediction_outlives_the_index_before_it_is_fetched(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    url = assets.put("x.png", picture(), *[503] * 5)
    with pytest.warns(SkytellsWarning, match="could not be archived"):
        keep(made(ID, url))
    archive.close()
    for path in archive.path.glob("index.sqlite*"):
        path.unlink()
    with pytest.warns(SkytellsWarning, match="made from the JSON"):
        assert [p.output for p in archive.predictions()] == [[url]]
    kept = keep(made(ID, url))
    assert sorted(path.name for path in kept.files[0].parent.iterdir()) == [
        kept.files[0].name,
        kept.files[0].name + ".json",
    ]


def test_what_a_crash_left_between_rename_and_row_is_written_over(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    prediction = made(ID, assets.put("x.png", picture()))
    kept = keep(prediction)
    archive.database.writing(
        lambda db: db.execute("DELETE FROM predictions")
    )  # as if the row had never been written
    assert keep(prediction).files == kept.files


def test_what_a_crash_left_is_found_again_when_it_cannot_be_fetched_any_more(
    keep: Keep, archive: Archive, assets: Assets
) -> None:
    prediction = made(ID, assets.put("x.png", picture()), assets.put("y.png", picture()))
    kept = keep(prediction)
    archive.database.writing(lambda db: db.execute("DELETE FROM predictions"))
    assets.files.clear()
    assert keep(prediction).files == kept.files
    assert [stored.problem for stored in archive.outputs(ID)] == [None, None]


def _full(error: int = errno.ENOSPC) -> NoReturn:
    raise OSError(error, os.strerror(error))


def test_a_disk_without_room_for_a_second_copy_keeps_the_picture_as_it_came(
    keep: Keep, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = FileStore.write_temporary

    def refuse_pictures(self: FileStore, data: bytes) -> Path:
        return _full() if data.startswith(b"\x89PNG") else write(self, data)

    monkeypatch.setattr(FileStore, "write_temporary", refuse_pictures)
    kept = keep(made(ID, assets.put("x.png", data := picture())))
    assert kept.files[0].read_bytes() == data
    assert (read_provenance(kept.files[0]) or {})["id"] == ID, "its record lies beside it"


def test_a_disk_that_fills_up_keeps_what_found_room(
    keep: Keep, archive: Archive, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = iter([True, True, False])  # what is known first, then beside each output
    write = FileStore.write_temporary

    def refuse_the_second_output(self: FileStore, data: bytes) -> Path:
        if data.startswith(b"{") and not next(roomy, True):
            _full()
        return write(self, data)

    monkeypatch.setattr(FileStore, "write_temporary", refuse_the_second_output)
    prediction = made(ID, assets.put("x.png", picture()), assets.put("y.png", picture()))
    with pytest.warns(SkytellsWarning, match="1 of 2 outputs .* the disk is full. Its record is kept"):
        kept = keep(prediction)
    assert [stored.problem for stored in archive.outputs(ID)] == [None, "the disk is full"]
    assert [path.is_file() for path in kept.files] == [True]
    assert not list((archive.path / ".partial").iterdir())
    monkeypatch.undo()
    assert len(keep(prediction).files) == 2, "with room again, the other is fetched"


def test_a_file_of_the_users_own_is_never_written_over(keep: Keep, archive: Archive, assets: Assets) -> None:
    own = archive.path / "2026-11-22" / "1431-a-red-fox-in-snow-3b0c1f0a.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    kept = keep(made(ID, assets.put("x.png", picture())))
    assert own.read_bytes() == b"mine"
    assert kept.files[0] != own


def test_leftovers_of_a_crash_go_after_an_hour(keep: Keep, archive: Archive) -> None:
    import time

    partial = archive.path / ".partial"
    partial.mkdir(parents=True)
    (partial / "old").write_bytes(b"x")
    (partial / "new").write_bytes(b"x")
    os.utime(partial / "old", (time.time() - 4000,) * 2)
    keep(made(ID, "fox", model={"name": "s", "type": "text"}))
    assert [p.name for p in partial.iterdir()] == ["new"]
