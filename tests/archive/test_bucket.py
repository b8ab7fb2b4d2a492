"""An archive in a bucket of a server that speaks S3, or on a disk of the network, and several machines at it.

A machine is an archive with a folder of its own.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket
from PIL import Image

import skytells_nb as sky
from skytells_nb.archive import _shared
from skytells_nb.exceptions import InvalidInputError, SkytellsError, SkytellsWarning

Machine = Callable[..., sky.Archive]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[sky.Sandbox]:
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox:
        yield sandbox


@pytest.fixture
def machine(tmp_path: Path, bucket: Bucket) -> Iterator[Machine]:
    """Open the archive as a machine of this name does."""
    opened: list[sky.Archive] = []

    def open(name: str, url: str = bucket.url, **options: Any) -> sky.Archive:
        opened.append(sky.Archive(url, cache=tmp_path / name, **options))
        return opened[-1]

    yield open
    for archive in opened:
        archive.close()


def make(
    sandbox: sky.Sandbox, archive: sky.Archive, prompt: str = "a red fox", **more: Any
) -> sky.Prediction:
    with sandbox.client(archive=archive) as client:
        return client.predictions.create("truefusion-edge", {"prompt": prompt, "width": 64, **more})


def here(archive: sky.Archive) -> list[str]:
    """The outputs that are on this machine."""
    return sorted(path.name for path in archive.path.glob("2*/*.png"))


@pytest.mark.parametrize("kind", ["bucket", "network disk"])
def test_what_one_machine_makes_others_look_at(
    kind: str, sandbox: sky.Sandbox, machine: Machine, bucket: Bucket, tmp_path: Path
):
    url = bucket.url if kind == "bucket" else f"file://{tmp_path}/shared"
    ada, ben = machine("ada", url), machine("ben", url)
    assert len(ben) == 0
    fox, owl = make(sandbox, ada), make(sandbox, ada, "a grey owl")
    assert [each.id for each in ben.predictions()] == [owl.id, fox.id]
    assert [each.id for each in ben.find("fox")] == [fox.id]
    seen = ben.get(fox.id)
    assert seen is not None
    assert (seen.cost, seen.input, seen.created_at) == (fox.cost, fox.input, fox.created_at)
    assert [stored.size for stored in ben.outputs(fox.id)] == [fox.files[0].stat().st_size]
    assert here(ben) == [], "nobody has looked"
    assert seen.files[0].read_bytes() == fox.files[0].read_bytes()
    assert here(ben) == [seen.files[0].name]
    assert len(ben.to_pandas()) == 2


def test_an_output_comes_when_it_is_looked_at(sandbox: sky.Sandbox, machine: Machine, tmp_path: Path):
    made = [make(sandbox, machine("ada"), f"fox {n}") for n in range(5)]
    ben = machine("ben")
    found = {each.id: each for each in ben.predictions()}
    looks: list[Callable[[sky.Prediction], object]] = [
        lambda p: sky.load(p).size,
        lambda p: sky.save(p, tmp_path / "copies"),
        lambda p: Image.open(p.files[0]).close(),
        lambda p: shutil.copy(p.files[0], tmp_path),
        lambda p: sky.gallery([p])._repr_mimebundle_(),
    ]
    for number, (each, look) in enumerate(zip(made, looks, strict=True)):
        assert look(found[each.id]) is not None or number == 2
        assert len(here(ben)) == number + 1
    assert sky.read_provenance(found[made[0].id].files[0])["prompt"] == "fox 0"  # type: ignore[index]
    again = pickle.loads(pickle.dumps(found[made[0].id]))
    assert again.files == found[made[0].id].files
    assert type(again.files[0]) is type(Path())


def test_a_rating_is_everybodys(sandbox: sky.Sandbox, machine: Machine):
    ada, ben = machine("ada"), machine("ben")
    made = make(sandbox, ada, image="data:image/png;base64," + "A" * 4000)
    assert ben.rating(made).stars is None
    ben.rate(made, 5, tags=["cover"])
    assert [each.id for each in ada.predictions(min_rating=5, tag="cover")] == [made.id]
    assert ada.predictions()[0].input == made.input, "its long input is known here"
    ada.rate(made, None)
    assert ben.rating(made).stars is None


def test_what_a_colleague_made_is_reused(sandbox: sky.Sandbox, machine: Machine, bucket: Bucket):
    made = make(sandbox, machine("ada"), seed=1)
    with sandbox.client(archive=machine("ben")) as client:
        again = client.predictions.create(
            "truefusion-edge", {"prompt": "a red fox", "width": 64, "seed": 1}, reuse=True
        )
    assert (again.id, again.reused) == (made.id, True)


def test_what_is_removed_is_gone_everywhere(sandbox: sky.Sandbox, machine: Machine, bucket: Bucket):
    ada, ben = machine("ada"), machine("ben")
    fox, owl = make(sandbox, ada), make(sandbox, ada, "owl")
    for each in ben.predictions():
        each.files[0].read_bytes()
    assert ben.remove(fox.id)
    assert not ben.remove(fox.id)
    assert [each.id for each in ada] == [owl.id]
    assert here(ada) == here(ben) == [owl.files[0].name]
    left = [name for name in bucket.objects() if "removed-" not in name]
    assert len(left) == 3, "the owl, its JSON, and what says that this is an archive"
    with sandbox.client(archive=ada) as client:
        client.predictions.get(fox.id)
    assert {each.id for each in ben} == {fox.id, owl.id}, "taken over again"


@pytest.mark.parametrize("used_again", [False, True])
def test_a_bucket_that_was_emptied_takes_nothing_from_a_machine(
    used_again: bool, sandbox: sky.Sandbox, machine: Machine, bucket: Bucket
):
    ada, ben, eve = machine("ada"), machine("ben"), machine("eve")
    fox = make(sandbox, ada)
    kept, empty = ben.get(fox.id), eve.get(fox.id)
    assert kept is not None
    assert empty is not None
    kept.files[0].read_bytes()
    bucket.empty()
    made = {make(sandbox, machine("new"), "owl").id} if used_again else set()
    for archive, still in ((ada, {fox.id}), (ben, {fox.id}), (eve, set())):
        with pytest.warns(SkytellsWarning, match=r"1 JSON file of this archive .* nobody removed"):
            assert {each.id for each in archive} == made | still
        assert {each.id for each in archive} == made | still, "told once"
        assert len(here(archive)) == len(still)
    ada.rate(fox, 5)
    assert eve.rating(fox).stars == 5, "what is changed is sent again, with its output"
    assert eve.get(fox.id).files[0].read_bytes()  # type: ignore[union-attr]


def test_a_damaged_json_is_named_once_and_takes_nothing(
    sandbox: sky.Sandbox, machine: Machine, bucket: Bucket
):
    ada, ben = machine("ada"), machine("ben")
    made = make(sandbox, ada)
    assert len(ben) == 1
    (name,) = (each for each in bucket.objects() if each.endswith(".png.json"))
    bucket.put(name, b'{"skytells_nb": ')
    for archive, known in ((ben, 1), (machine("eve"), 0)):
        with pytest.warns(SkytellsWarning, match=rf"cannot be read, such as .*{name[-20:]}"):
            assert len(archive) == known
        assert len(archive) == known
    assert ben.get(made.id).files[0].read_bytes()  # type: ignore[union-attr]


def test_machines_that_archive_at_the_same_time_keep_everything(sandbox: sky.Sandbox, machine: Machine):
    machines = [machine("ada"), machine("ben")]

    def make_some(archive: sky.Archive) -> None:
        with sandbox.client(archive=archive) as client:
            asked = ({"prompt": f"fox {n}", "width": 64} for n in range(8))
            other = client.as_async()
            sky.run(sky.gather(*(other.predictions.create("truefusion-edge", each) for each in asked)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make_some, machines))
    for archive in (*machines, machine("eve")):
        assert len(archive) == 16
        assert sum(len(each.files) for each in archive) == 16


def test_one_prediction_that_two_machines_archive_is_one(machine: Machine, bucket: Bucket):
    both = [machine("ada"), machine("ben")]
    with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=False) as client:
        for number in range(3):
            client.predictions.create("truefusion-edge", {"prompt": f"fox {number}", "width": 64})
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda archive: archive.adopt(client), both))
    assert [len(each) for each in both] == [3, 3]
    assert len([name for name in bucket.objects() if name.endswith(".png")]) == 3


def refusing(status: int, code: str, method: str = "", path: str = "") -> Callable[[str, str], Any]:
    return lambda asked, at: (status, code) if method in asked and path in at else None


REFUSED = {
    "permission": (refusing(403, "AccessDenied"), "refuses permission"),
    "writing": (refusing(403, "AccessDenied", "PUT"), "cannot be written"),
    "listing": (refusing(403, "AccessDenied", path="list-type"), "cannot be listed"),
    "full": (refusing(507, "XMinioStorageFull", "PUT"), r"is full\. Make room"),
    "bucket": (refusing(404, "NoSuchBucket"), "no such bucket"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_nothing_is_paid_for_that_the_bucket_would_not_keep(
    why: str, sandbox: sky.Sandbox, machine: Machine, bucket: Bucket
):
    bucket.refuse, words = REFUSED[why]
    with sandbox.client(archive=False) as client:
        before = len(client.predictions.list(limit=None))
        with pytest.raises(SkytellsError, match=words) as caught:
            make(sandbox, machine("ada"))
        assert caught.value.charged is False
        assert len(client.predictions.list(limit=None)) == before
    assert bucket.objects() == {}
    if why not in ("writing", "full"):
        with pytest.raises(SkytellsError, match=words):
            machine("ada").predictions()


def test_what_cannot_be_sent_is_kept_here_and_sent_later(
    sandbox: sky.Sandbox, machine: Machine, bucket: Bucket
):
    ada, ben = machine("ada", cache_size=0), machine("ben")
    make(sandbox, ada)
    bucket.refuse = refusing(403, "AccessDenied", "PUT")
    with pytest.warns(SkytellsWarning, match=r"is kept in .*ada.* cannot be written: it refuses permission"):
        fox = make(sandbox, ada)
    assert fox.files[0].is_file(), "although the cache is as small as can be"
    assert len(ben) == 1
    with pytest.warns(SkytellsWarning, match="What is made is kept in"):
        assert len(ada) == 2
    bucket.refuse = lambda method, path: None
    make(sandbox, ada)
    assert len(ben) == 3
    assert ben.get(fox.id).files[0].read_bytes() == fox.files[0].read_bytes()  # type: ignore[union-attr]


def test_a_cache_keeps_what_was_looked_at_last(sandbox: sky.Sandbox, machine: Machine):
    ada = machine("ada")
    made = [make(sandbox, ada, f"fox {n}") for n in range(4)]
    most = sum(each.files[0].stat().st_size for each in made) - 1
    ben = machine("ben", cache_size=most)
    found = {each.id: each for each in ben.predictions()}
    for age, each in enumerate(made[:3]):
        path = found[each.id].files[0]
        path.read_bytes()
        os.utime(str(path), (1e9 - age, 1e9))
    found[made[0].id].files[0].read_bytes()
    found[made[3].id].files[0].read_bytes()
    names = [found[each.id].files[0].name for each in made]
    assert names[0] in here(ben), "it was looked at again"
    assert names[2] not in here(ben)
    assert sum(each.stat().st_size for each in ben.path.glob("2*/*.png")) <= most
    assert found[made[2].id].files[0].read_bytes() == made[2].files[0].read_bytes(), "it comes again"


def test_an_index_is_made_anew_from_the_bucket(sandbox: sky.Sandbox, machine: Machine, bucket: Bucket):
    ada = machine("ada")
    made = [make(sandbox, ada, f"fox {n}") for n in range(3)]
    ada.rate(made[0], 4)
    ada.close()
    for name in os.listdir(ada.path):
        if name.startswith("index"):
            os.unlink(ada.path / name)
    before = bucket.objects()
    bucket.asked.clear()
    assert [each.id for each in machine("ada")] == [each.id for each in reversed(made)]
    assert machine("ada").rating(made[0]).stars == 4
    assert bucket.objects() == before
    assert {method for method, _ in bucket.asked} == {"GET"}


def test_only_what_is_new_is_read(sandbox: sky.Sandbox, machine: Machine, bucket: Bucket):
    ada, ben = machine("ada"), machine("ben")
    make(sandbox, ada)
    assert len(ben) == 1
    make(sandbox, ada, "owl")
    bucket.asked.clear()
    assert len(ben) == len(ada) == 2
    read = [path for method, path in bucket.asked if ".png.json" in path]
    assert len(read) == 1, "one by ben, and by ada not even her own"


KILLED = """
import sys
import skytells_nb as sky
archive = sky.Archive(sys.argv[1], cache=sys.argv[2])
with sky.Sandbox(transport="inprocess", seconds=0) as sandbox, sandbox.client(archive=archive) as client:
    for number in range(1000):
        made = client.predictions.create("truefusion-edge", {"prompt": f"fox {number}", "width": 64})
        print(made.id, flush=True)
"""


def test_who_is_killed_loses_at_most_what_was_being_written(machine: Machine, bucket: Bucket, tmp_path: Path):
    writing, killed = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> tuple[int, str] | None:
        if method != "PUT" or not path.endswith(".json?") or len(bucket.asked) < 12:
            return None
        writing.set()  # an output is there, and its JSON is not
        killed.wait(60)
        return 500, "CutShort"

    bucket.refuse = hold
    command = [sys.executable, "-c", KILLED, bucket.url, str(tmp_path / "ada")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert writing.wait(60)
        process.kill()
        said = process.communicate()[0].split()
    killed.set()
    bucket.refuse = lambda method, path: None
    ben = machine("ben")
    kept = {each.id: each for each in ben}
    assert set(kept) == set(said)
    for each in kept.values():
        with Image.open(each.files[0]) as picture:
            picture.load()
    ada = machine("ada")
    assert len(ada) == len(said) + 1, "it was recorded on that machine"
    assert len(ben) == len(ada), "and is sent when that machine comes back"


def test_a_bucket_that_overwrites_is_refused_before_anything_is_paid_for(
    sandbox: sky.Sandbox, machine: Machine, bucket: Bucket
):
    bucket.overwrites, billed, ada = True, sandbox.billed, machine("ada")
    with pytest.raises(SkytellsError, match="If-None-Match"):
        make(sandbox, ada)
    assert sandbox.billed == billed
    kept = sky.Archive(ada.path.parent / "folder")
    make(sandbox, kept)
    with pytest.raises(SkytellsError, match="If-None-Match"):
        kept.to_parquet(bucket.url)
    kept.close()


def test_a_later_format_is_left_alone(sandbox: sky.Sandbox, machine: Machine, bucket: Bucket):
    make(sandbox, machine("ada"))
    bucket.put(_shared._ABOUT, json.dumps({"skytells_nb_archive": 2}).encode())
    before = bucket.objects()
    with pytest.raises(SkytellsError, match="newer version"):
        len(machine("ben"))
    with pytest.raises(SkytellsError, match="newer version"):
        make(sandbox, machine("eve"))
    assert bucket.objects() == before
    with sandbox.client(archive=machine("eve")), sandbox.client(archive=False) as other:
        made = other.predictions.create("truefusion-edge", {"prompt": "a fox"})
        assert sky.load(made).size, "nobody asked for that archive"


def test_a_folders_archive_that_was_copied_to_a_bucket_is_one(
    sandbox: sky.Sandbox, machine: Machine, bucket: Bucket, tmp_path: Path
):
    with sky.Archive(tmp_path / "folder") as folder:
        made = make(sandbox, folder)
        for path in folder.path.glob("2*/*"):
            record = path.read_bytes()
            if path.suffix == ".json":  # as an earlier version wrote it
                record = json.dumps(
                    {key: value for key, value in json.loads(record).items() if key != "media_type"}
                ).encode()
            bucket.put(f"{path.parent.name}/{path.name}", record)
    ben = machine("ben")
    assert [stored.size for stored in ben.outputs(made.id)] == [made.files[0].stat().st_size]
    assert ben.predictions()[0].files[0].read_bytes() == made.files[0].read_bytes()


def test_its_folder_is_the_buckets_wherever_it_is_opened(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    archive = sky.Archive(bucket.url)
    assert archive.path.is_relative_to(tmp_path)
    assert sky.Archive(bucket.url + "/").path == archive.path
    assert sky.Archive(bucket.url + "/other").path != archive.path
    assert sky.Archive(bucket.url, endpoint="http://127.0.0.1:9").path != archive.path
    assert not archive.path.exists(), "nothing was kept"
    assert repr(archive) == f"Archive('{bucket.url}', 0 predictions)"
    copy = pickle.loads(pickle.dumps(archive))
    assert (copy.url, copy.path) == (archive.url, archive.path)
    with pytest.raises(InvalidInputError, match="URL of a bucket"):
        sky.Archive("folder", endpoint="http://127.0.0.1:9")
    for each in (archive, copy):
        each.close()


def test_what_is_read_in_one_go_lists_the_bucket_once(
    tmp_path: Path, sandbox: sky.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    place = _shared.SharedFiles
    with sky.Archive(f"file://{tmp_path}/place", cache=tmp_path / "here") as archive:
        made = [make(sandbox, archive, prompt) for prompt in ("a red fox", "an owl")]
        assert len(archive) == 2
        monkeypatch.setattr(place, "pull", lambda files, _database: listed.append(files.remote.place))
        assert archive.find("fox") == archive.find("red f") == made[:1]
        assert archive.find("no such words") == []
        archive.export(tmp_path / "copies")
        archive.rating(made[0])
    assert len(listed) == 5, "one of each: a bucket is asked over the network"
