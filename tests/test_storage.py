"""Two places for files, a folder and a bucket, that answer the same five verbs alike."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket

from skytells_nb._storage import Folder, Storage, as_text, open_storage
from skytells_nb.exceptions import InvalidInputError, SkytellsError


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return open_storage(f"file://{tmp_path}/a%20place")
    return open_storage(request.getfixturevalue("bucket").url)


def read(place: Storage, name: str) -> bytes:
    with place.open(name) as file:
        return file.read()


def test_a_file_is_put_once(place: Storage, tmp_path: Path):
    assert list(place.list()) == []
    (tmp_path / "owl").write_bytes(b"owl")
    first = place.put("2026-03-01/an owl.png", tmp_path / "owl")
    assert first is not None
    assert place.put("2026-03-01/an owl.png", b"another") is None
    assert read(place, "2026-03-01/an owl.png") == b"owl"
    assert place.put("2026-03-01/an owl.png", b"another owl", replace=True) not in (None, first)
    assert read(place, "2026-03-01/an owl.png") == b"another owl"


def test_what_is_there_is_listed_with_the_version_it_was_put_with(place: Storage):
    versions = {name: place.put(name, name.encode()) for name in ("b/2", "a/1", "b/1", ".hidden/1")}
    assert [entry.name for entry in place.list()] == ["a/1", "b/1", "b/2"]
    assert list(place.list("b")) == [(name, versions[name], 3) for name in ("b/1", "b/2")]
    assert list(place.list("none")) == []


def test_what_is_deleted_is_gone(place: Storage):
    place.put("a/1", b"x")
    assert place.exists("a/1")
    place.delete("a/1")
    place.delete("a/1")
    assert not place.exists("a/1")
    with pytest.raises(FileNotFoundError):
        place.open("a/1")
    assert list(place.list()) == []


def test_of_those_that_put_at_once_one_does(place: Storage):
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda n: place.put("a/1", bytes([n]) * 1000), range(8)))
    [winner] = [n for n, version in enumerate(versions) if version is not None]
    assert read(place, "a/1") == bytes([winner]) * 1000


def test_a_disk_without_links_is_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "link", refuse)
    place = Folder(tmp_path)
    assert place.put("a/1", b"x") is not None
    assert place.put("a/1", b"y") is None
    assert read(place, "a/1") == b"x"
    assert os.listdir(tmp_path / "a") == ["1"]


REFUSALS: dict[str, tuple[tuple[int, str], str]] = {
    "permission": ((403, "AccessDenied"), "refuses permission. Allow these credentials to list"),
    "full": ((507, "XMinioStorageFull"), "is full. Make room"),
    "key": ((403, "InvalidAccessKeyId"), "does not know these credentials. Set the right ones"),
    "bucket": ((404, "NoSuchBucket"), "no such bucket. Make it"),
    "region": ((301, "PermanentRedirect"), "in another region. Set AWS_REGION"),
    "else": ((400, "Unheard"), "Unheard it is. Check its name"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_bucket_that_refuses_says_what_to_do(why: str, bucket: Bucket):
    answer, words = REFUSALS[why]
    bucket.refuse = lambda method, path: answer
    place = open_storage(bucket.url)
    verbs: dict[str, Any] = {
        "written": lambda: place.put("a/1", b"x"),
        "read": lambda: place.open("a/1"),
        "listed": lambda: list(place.list()),
        "changed": lambda: place.delete("a/1"),
    }
    for done, verb in verbs.items():
        with pytest.raises(SkytellsError, match=f"{bucket.url} cannot be {done}: .*{words}") as caught:
            verb()
        assert "Debug" not in str(caught.value.detail)
        assert "secret" not in str(caught.value.detail).lower()


def test_a_server_that_is_not_there_is_named(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    place = open_storage(bucket.url, endpoint="http://127.0.0.1:9")
    with pytest.raises(SkytellsError, match=r"does not answer\. Check the network, and endpoint="):
        place.put("a/1", b"x")


def test_a_folder_that_refuses_says_what_to_do(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SkytellsError, match="cannot be written: Not a directory"):
        Folder(tmp_path / "file").put("a/1", b"x")


@pytest.mark.parametrize(
    "url", ["s3://", "ftp://host/x", "memory://", "s3://b/p?endpoint=x", "file://", "file://host/x"]
)
def test_what_is_no_place_is_refused(url: str):
    with pytest.raises(InvalidInputError, match="s3://bucket/prefix"):
        open_storage(url)


def test_a_url_that_was_made_a_path_is_one_again(tmp_path: Path):
    for url in ("s3://bucket/team", "gs://b", "file:///disk/team"):
        assert as_text(Path(url)) == as_text(url) == url
    for path in (tmp_path, "s3", "./file:/x"):
        assert as_text(path) == str(path)


def test_credentials_are_read_as_amazons_tools_read_them(
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[class]\naws_access_key_id = ours\naws_secret_access_key = x%y\n")
    (tmp_path / "config").write_text(
        f"[profile class]\nregion = us-east-1\nendpoint_url = {bucket.endpoint}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "class")
    assert open_storage(bucket.url).put("a/1", b"x") is not None
    assert list(bucket.objects()) == ["a/1"]


def test_two_servers_at_once_are_refused(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bucket.endpoint)
    with pytest.raises(InvalidInputError, match="name two servers"):
        open_storage(bucket.url, endpoint="http://127.0.0.1:9")


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(SkytellsError, match=r'pip install "skytells-nb\[cluster\]"'):
        open_storage("gs://bucket")
