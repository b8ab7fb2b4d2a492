"""The archive behind real clients, over real HTTP: whoever sees a prediction end has its files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytells_nb import Sandbox
from skytells_nb.archive import Archive, load, save
from skytells_nb.exceptions import InvalidInputError, OutputExpiredError, PredictionError
from skytells_nb.models import Prediction


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seconds=0.05) as sandbox:
        yield sandbox


def test_a_blocking_client_gives_files_in_the_call_that_saw_the_end(
    sandbox: Sandbox, archive: Archive
) -> None:
    with sandbox.client(archive=archive) as client:
        made = client.predictions.create(
            "truefusion-edge", {"prompt": "a red fox", "width": 64, "height": 64}
        )
        assert made.files[0].is_file()
        assert archive.get(made.id) == made
        assert client.predictions.get(made.id).files == made.files
        assert getattr(load(made), "format", None) == "PNG"
    assert next(archive.rows())["sandbox"] is True


def test_an_asyncio_client_does_the_same_for_many(sandbox: Sandbox, archive: Archive) -> None:
    async def main() -> list[Prediction]:
        async with sandbox.async_client(archive=archive) as client:
            asked = [
                client.predictions.create(
                    "truefusion-edge", {"prompt": f"fox {n}", "width": 64, "height": 64}
                )
                for n in range(6)
            ]
            return list(await asyncio.gather(*asked))

    made = asyncio.run(main())
    assert len({p.files for p in made}) == 6
    assert all(p.files[0].is_file() for p in made)
    assert len(archive) == 6


def test_clips_songs_voices_and_texts_are_kept_too(sandbox: Sandbox, archive: Archive) -> None:
    with sandbox.client(archive=archive) as client:
        for model, kind in (("sandbox-looper", ".wav"), ("sandbox-scribe", ".txt")):
            made = client.predictions.create(model, {"prompt": "a fox in the snow"})
            assert [p.suffix for p in made.files] == [kind]


def test_a_path_chooses_an_archive(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("chosen")
    with sandbox.client(archive=folder) as client:
        made = client.predictions.create(
            "truefusion-edge", {"prompt": "a red fox", "width": 64, "height": 64}
        )
        assert made.files[0].is_relative_to(folder)
        client.archive.close()


def test_adopting_fetches_what_is_still_to_be_had_and_only_that(sandbox: Sandbox, archive: Archive) -> None:
    with Sandbox(seconds=0.05) as own, own.client() as client:
        made = [
            client.predictions.create("truefusion-edge", {"prompt": f"fox {n}", "width": 64, "height": 64})
            for n in range(3)
        ]
        known = client.predictions.create("truefusion-edge", {"prompt": "known", "width": 64, "height": 64})
        with own.client(archive=archive) as keeping:
            keeping.predictions.get(known.id)
        adopted = archive.adopt(client)
        assert {p.id for p in adopted} == {p.id for p in made}
        assert all(p.files[0].is_file() for p in adopted)
        assert archive.adopt(client) == []
        assert archive.adopt(client.as_async()) == []
        assert len(archive) == 4


def test_threads_and_tasks_that_wait_for_one_prediction_share_its_files(
    sandbox: Sandbox, archive: Archive
) -> None:
    with sandbox.client(archive=archive) as client:
        made = client.predictions.create(
            "truefusion-edge", {"prompt": "one fox", "width": 64, "height": 64}, wait=False
        )
        seen: list[Prediction] = []

        async def tasks() -> None:
            waiting = client.as_async()
            seen.extend(await asyncio.gather(*(waiting.predictions.wait(made.id) for _ in range(3))))

        threads = [
            threading.Thread(target=lambda: seen.append(client.predictions.wait(made.id))) for _ in range(3)
        ]
        threads.append(threading.Thread(target=lambda: asyncio.run(tasks())))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(seen) == 6
    assert len({p.files for p in seen}) == 1
    assert len(list(archive.path.glob("*/*.png"))) == 1
    assert list((archive.path / ".partial").iterdir()) == []


def test_a_canceled_prediction_is_recorded_too(archive: Archive) -> None:
    with Sandbox(seconds=60) as slow, slow.client(archive=archive) as client:
        made = client.predictions.create(
            "truefusion-edge", {"prompt": "a fox", "width": 64, "height": 64}, wait=False
        )
        client.predictions.cancel(made.id)
        with pytest.raises(PredictionError):
            client.predictions.wait(made.id)
    assert [p.status for p in archive.predictions()] == ["canceled"]


def test_a_listing_is_opened_from_wherever_its_own_client_keeps_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept in the default folder here; to call the outputs gone would have them paid for again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKYTELLS_ARCHIVE", raising=False)
    with Sandbox(seconds=0.05) as sandbox, sandbox.client(archive=tmp_path / "elsewhere") as client:
        made = client.predictions.create("truefusion-edge", {"prompt": "a red fox", "width": 256})
        [listed] = client.predictions.list()
        sandbox.faults.next("expired", on="asset", times=100)
        assert listed.files == ()
        assert load(listed).size == load(made).size  # type: ignore[union-attr]
        assert [path.name for path in save(listed, tmp_path)] == [made.files[0].name]
        assert "<img" in listed._repr_mimebundle_()["text/html"]
        with pytest.raises(OutputExpiredError):
            load(listed, archive=False)


def test_what_is_owed_is_fetched_by_the_next_listing(sandbox: Sandbox, archive: Archive) -> None:
    with sandbox.client(archive=archive) as client:
        made = client.predictions.create(
            "truefusion-edge", {"prompt": "a red fox", "width": 64, "height": 64}
        )
        other = client.predictions.create("truefusion-edge", {"prompt": "an owl", "width": 64, "height": 64})
        for prediction in (made, other):
            prediction.files[0].unlink()
        archive.database.writing(
            lambda db: db.execute(
                "UPDATE outputs SET path = NULL WHERE path LIKE '%fox%'"
            )  # as if interrupted
        )
        listed = {each.id: each for each in client.predictions.list()}
        assert listed[made.id].files[0].is_file()
        assert listed[other.id].files == (), "what was deleted by hand is not owed"


def test_what_was_not_waited_for_is_kept_by_whoever_lists_or_cancels_it(
    sandbox: Sandbox, archive: Archive
) -> None:
    with sandbox.client() as other, sandbox.client(archive=archive) as client:
        first, second = (
            client.predictions.create("sandbox-scribe", {"prompt": "a fox"}, wait=False) for _ in range(2)
        )
        other.predictions.wait(first)
        other.predictions.wait(second)
        with pytest.raises(InvalidInputError):
            client.predictions.cancel(second)
        assert [made.id for made in archive.predictions() if made.files] == [second.id]
        listed = {made.id: made for made in client.predictions.list()}
        assert len(listed[first.id].files) == 1


def test_what_a_client_with_a_transport_lists_is_fetched_by_that_transport(tmp_path: Path) -> None:
    with Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=False) as client:
        made = client.predictions.create("truefusion-edge", {"prompt": "fox", "width": 64})
        with Archive(tmp_path) as archive:
            [kept] = archive.adopt(client)
            assert (kept.id, len(kept.files)) == (made.id, 1)
