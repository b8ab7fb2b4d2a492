"""Whatever a server sends and however it calls it: nothing harmful is kept, nothing is written elsewhere."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from archive.scenery import Assets, Keep, made, picture

from skytells_nb.archive import Archive, load
from skytells_nb.exceptions import InvalidInputError, SkytellsWarning


def huge_png(width: int = 50_000, height: int = 50_000) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\x00" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


REFUSED = {
    "a web page named png": (b"<!DOCTYPE html><title>Not found</title>", "web page"),
    "a web page that starts with a remark": (b"<!-- x --><html><script>1</script></html>", "web page"),
    "an error as json": (b'{"error": "expired"}', "application/json and no image"),
    "an error as xml": (b"<?xml version='1.0'?><Error/>", "application/xml and no image"),
    "a line of text": (b"Not Found", "text/plain and no image"),
    "half a png": (picture()[:900], "stops before its end"),
    "half a jpeg": (picture("JPEG")[:900], "stops before its end"),
    "half a webp": (picture("WEBP")[:200], "stops before its end"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_not_kept_as_one(
    name: str, keep: Keep, archive: Archive, assets: Assets
) -> None:
    data, reason = REFUSED[name]
    model = {"model": "by a name alone"} if name.startswith("an error") else {}  # its URL says what it is
    with pytest.warns(SkytellsWarning, match="could not be archived"):
        kept = keep(made("p1", assets.put("fox.png", data), **model))
    assert kept.files == ()
    assert reason in str(archive.outputs("p1")[0].problem)
    assert not [p for p in archive.path.rglob("*") if p.is_file() and p.suffix in (".png", ".html", ".jpg")]


def test_a_cut_picture_is_fetched_again(keep: Keep, assets: Assets) -> None:
    with pytest.warns(SkytellsWarning):
        keep(made("p1", assets.put("fox.png", picture()[:900])))
    assert len(assets.asked) == 5


def test_an_svg_is_kept_as_a_text_that_no_browser_runs(keep: Keep, assets: Assets) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
    kept = keep(made("p1", assets.put("fox.svg", svg)))
    assert kept.files[0].name.endswith(".svg.txt")
    assert kept.files[0].read_bytes() == svg
    assert load(kept) == svg.decode()


def test_a_picture_of_50000_by_50000_is_kept_shut(keep: Keep, archive: Archive, assets: Assets) -> None:
    kept = keep(made("p1", assets.put("fox.png", huge_png())))
    assert kept.files[0].is_file()
    (stored,) = archive.outputs("p1")
    assert stored.problem == "refused to open: 50,000 × 50,000 pixels are more than Pillow's limit"
    with pytest.raises(InvalidInputError, match=r"too large to open.*The file is kept"):
        load(kept)


def test_bytes_of_no_known_kind_are_kept_and_never_run(keep: Keep, assets: Assets) -> None:
    kept = keep(made("p1", assets.put("setup.exe", b"MZ\x90\x00\x03" + bytes(200))))
    assert kept.files[0].suffix == ".bin"


@pytest.mark.parametrize(
    "id",
    [
        "../../../x",
        "..\\..\\x",
        "/etc/passwd",
        "C:\\Windows\\x",
        "CON",
        "a" * 500,
        "\x00\n\r\t",
        "..",
        "p\ud800q",
        "☃" * 8,
        "'; DROP TABLE predictions; --",
    ],
)
def test_no_name_from_a_server_reaches_the_file_system(
    id: str, keep: Keep, archive: Archive, assets: Assets, tmp_path: Path
) -> None:
    kept = keep(
        made(
            id,
            assets.put("..%2f..%2fx.png", picture()),
            input={"prompt": "../../../CON\\aux:nul \x00 <fox>|?* " + "long " * 100},
            model={"name": "../../model", "type": "image"},
        )
    )
    (file,) = kept.files
    assert file.parent == archive.path / "2026-11-22"
    assert file.name.isascii()
    assert not set(file.name) & set('\\/:*?"<>|\x00 ')
    assert len(file.name) < 80
    assert {p.name for p in tmp_path.iterdir()} == {"out"}
    again = archive.get(id)
    assert again is not None
    assert again.files == kept.files


def test_an_index_that_points_out_of_the_folder_is_not_followed(
    keep: Keep, archive: Archive, assets: Assets, tmp_path: Path
) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    keep(made("p1", assets.put("a", picture())))
    for evil in ("../precious.txt", str(precious), "2026-11-22/../../precious.txt"):
        for update in ("UPDATE outputs SET path = ?", "UPDATE predictions SET stem = ?"):
            archive.database.writing(lambda db, update=update, evil=evil: db.execute(update, (evil,)))
        assert archive.predictions()[0].files == ()
        assert archive.get("p1") is not None
    archive.remove("p1")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    "facts",
    [
        {"created_at": "0001-01-01T00:00:00Z"},
        {"created_at": "9999-12-31T23:59:59Z"},
        {"created_at": None, "completed_at": None},
        {"metrics": {"predict_time": 1e308, "total_time": -1.0}},
        {"input": {"prompt": "\ud83d half a pair", "n": 10**30, "deep": [[[[{"a": None}]]]]}},
        {"error": "\x00"},
        {"model": {"name": "\udfff", "type": "image"}},
        {"source": "\ud800"},
        {"metadata": {"billing": {"credits_used": "1e400"}, "storage": {"files": "x"}}},
    ],
)
def test_odd_answers_are_kept_like_any_other(
    facts: dict[str, Any], keep: Keep, archive: Archive, assets: Assets
) -> None:
    kept = keep(made("odd", assets.put("a", picture()), **facts))
    assert len(kept.files) == 1
    again = archive.predictions()[0]
    assert again.raw == kept.raw
    assert next(archive.rows())["id"] == "odd"
    assert len(archive.find("half")) <= 1
