"""Pictures, clips and songs as people have them, and files of other kinds."""

from __future__ import annotations

import base64
import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skytells_nb._options import options
from skytells_nb.display import Gallery, gallery, mimebundle
from skytells_nb.display._pipeline import notebook_bytes
from skytells_nb.display._thumbnails import probe
from skytells_nb.models import Prediction, PredictionList

from .pictures import encoded, noise, photograph
from .reading import bytes_in, picture_in, strictly

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200"><script>alert(1)</script></svg>'


def drawn(x):
    return strictly(mimebundle(x)["text/html"])


def written(name: str, data: bytes) -> Path:
    Path(name).write_bytes(data)
    return Path(name)


def movie(frames: list[np.ndarray], *, sideways: bool = False) -> bytes:
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.height, stream.width, _ = frames[0].shape
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode())
    data = file.getvalue()
    if sideways:
        matrix = data.index(b"tkhd") + 4 + 40
        quarter = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
        data = data[:matrix] + quarter + data[matrix + 36 :]
    return data


def sound(format: str, codec: str, seconds: int = 2) -> bytes:
    av = pytest.importorskip("av")
    file, dice = io.BytesIO(), np.random.default_rng(1)
    with av.open(file, "w", format=format) as out:
        stream = out.add_stream(codec, rate=48_000, layout="stereo")
        for second in range(seconds):
            samples = dice.integers(-6000, 6000, (1, 2 * 48_000), dtype=np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.rate, frame.pts = 48_000, second * 48_000
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return file.getvalue()


def flat(colour: tuple[int, int, int], count: int = 1) -> list[np.ndarray]:
    return [np.full((120, 200, 3), colour, np.uint8)] * count


def test_a_drawing_is_an_image_and_never_opened_as_a_document():
    page = drawn(written("drawing.svg", SVG))
    [image] = page.all("img")
    assert bytes_in(image["src"]) == SVG
    assert (image["width"], image["height"]) == ("300", "200")
    assert page.all("a") == []


@pytest.mark.parametrize(
    "head",
    [
        b"<svg>",
        b"<svg width='1e9' height='NaN'>",
        b"<svg viewBox='0 0 0 0'>",
        b"<svg width='50%' height='9'>",
    ],
)
def test_a_drawing_of_any_size_has_a_box(head):
    [image] = drawn(head + b"</svg>").all("img")
    assert 1 <= int(image["width"] or 0) <= 512


def test_a_drawing_too_large_for_its_cell_is_named_and_not_embedded():
    large = SVG + b"<!--" + b"x" * 900_000 + b"-->"
    page = drawn(written("drawing.svg", large * 2))
    assert page.all("img") == []
    assert "An SVG drawing" in page.text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("chair.glb", b"glTF\x02\x00\x00\x00" + b"\0" * 90_000, "A 3D model"),
        ("book.pdf", b"%PDF-1.7\n" + b"\0" * 90_000, "A PDF document"),
        ("data.bin", bytes(range(256)) * 360, "Data of another kind"),
        ("tune.mid", b"MThd\x00\x00\x00\x06" + b"\0" * 90_000, "A score Browsers do not play this kind"),
    ],
)
def test_another_kind_of_file_is_a_card_with_name_size_and_link(name, data, words):
    page = drawn(written(name, data))
    assert words in " ".join(page.text.split())
    assert "Shown small" not in page.text, "no budget kept it out"
    assert "90 kB" in page.text or "92 kB" in page.text
    assert page.all("a")[0]["href"] == name


def test_a_picture_is_a_link_to_its_file_which_opens_large(make):
    prediction = make(files=[encoded(photograph())])
    [link] = drawn(prediction).all("a")
    assert link["href"] == "skytells_outputs/2026-11-22/1431-output-0000-0.png"
    assert link["target"] == "_blank"
    assert len(strictly(gallery([prediction, prediction]).html).all("a")) == 2


def test_a_name_with_odd_letters_is_quoted_in_its_link():
    written("a b:c#d?.png", encoded(photograph(size=(64, 64))))
    assert drawn(Path("a b:c#d?.png")).all("a")[0]["href"] == "a%20b%3Ac%23d%3F.png"


def test_a_file_outside_the_notebook_s_folder_has_no_link(tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "fox.png"
    path.write_bytes(encoded(photograph(size=(64, 64))))
    assert drawn(path).all("a") == []


def test_a_clip_of_a_phone_is_upright():
    page = drawn(written("phone.mp4", movie(flat((200, 30, 30), 5), sideways=True)))
    [video] = page.all("video")
    assert (video["width"], video["height"]) == ("120", "200")
    assert picture_in(video["poster"]).size == (120, 200)


def test_a_poster_is_not_black_where_a_clip_fades_in():
    info = probe(io.BytesIO(movie(flat((0, 0, 0), 15) + flat((90, 160, 200), 15))))
    assert info.poster is not None
    assert min(info.poster.getpixel((100, 60))) > 60


def test_a_clip_that_is_black_throughout_has_a_black_poster():
    assert probe(io.BytesIO(movie(flat((0, 0, 0), 5)))).poster is not None


@pytest.mark.parametrize(("format", "codec"), [("mp4", "aac"), ("mov", "aac"), ("webm", "libopus")])
def test_sound_in_the_container_of_a_clip_is_a_song(format, codec):
    page = drawn(written(f"sound.{format}", sound(format, codec)))
    assert page.all("video") == []
    assert len(page.all("audio")) == 1


@pytest.mark.parametrize(
    ("format", "codec"), [("flac", "flac"), ("ogg", "libopus"), ("aiff", "pcm_s16be"), ("wav", "pcm_s16le")]
)
def test_songs_of_every_kind_have_a_player(format, codec):
    [audio] = drawn(written(f"song.{format}", sound(format, codec))).all("audio")
    assert (audio["src"] or "").startswith("data:audio/mpeg" if format == "aiff" else "data:audio/")


def test_a_clip_that_no_browser_plays_has_its_poster_and_a_link():
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 200, 120, "yuv420p"
        for frame in flat((90, 160, 200), 5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode())
    page = drawn(written("old.avi", file.getvalue()))
    assert page.all("video") == []
    assert page.pictures()[0].size == (200, 120)
    assert page.all("a")[0]["href"] == "old.avi"
    assert "Browsers do not play" in page.text
    assert "cell_budget" not in page.text


def test_a_song_of_minutes_has_a_player_within_the_budget():
    pytest.importorskip("av")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8_000, 0, "NONE", ""))
        out.writeframes(np.random.default_rng(1).integers(-9_000, 9_000, 8_000 * 150, np.int16).tobytes())
    html = mimebundle(written("song.wav", file.getvalue()))["text/html"]
    assert len(strictly(html).all("audio")) == 1
    assert notebook_bytes(html) <= options.cell_budget


def test_arrays_are_pictures_alone_in_lists_and_in_batches():
    greys, colours = np.linspace(0, 1, 1200).reshape(30, 40), np.zeros((30, 40, 3), np.uint8)
    assert drawn(greys).pictures()[0].size == (40, 30)
    page = strictly(gallery([greys, colours, np.zeros((2, 30, 40, 3))]).html)
    assert len(page.pictures()) == 4


@pytest.mark.parametrize("array", [np.zeros(5), np.array(["a", "b"]), np.zeros((2, 2), complex)])
def test_arrays_that_are_no_pictures_are_refused(array):
    from skytells_nb.exceptions import SkytellsError

    with pytest.raises(SkytellsError):
        mimebundle(array)


def test_an_image_of_no_pixels_becomes_words():
    assert "Empty picture" in drawn(Image.new("RGB", (0, 4))).text


def test_a_prediction_of_several_outputs_says_once_what_it_cost(make):
    twins = make(files=[encoded(photograph(size=(64, 64)))] * 3)
    assert strictly(gallery([twins]).html).text.count("$0.02") == 1
    assert strictly(gallery([twins], captions="cost").html).text.count("$0.02") == 1


def test_a_sandbox_bills_credits_and_the_api_dollars(make):
    rehearsal = make(id="sandbox-0123456789", files=[encoded(photograph(size=(64, 64)))])
    assert "0.02 credits" in drawn(rehearsal).text
    page = drawn(PredictionList([rehearsal, make(), make()]))
    assert page.text.startswith("3 predictions: 3 succeeded · 0.02 credits and $0.04")


def test_an_unknown_status_is_not_called_a_success():
    text = drawn(Prediction(id="p1", status="paused")).text  # type: ignore[arg-type]
    assert "Paused" in text
    assert "ucceeded" not in text


def test_a_cell_has_a_png_for_exports_within_its_budget(make):
    alone = mimebundle(make(files=[encoded(photograph())]))
    assert picture_in("data:image/png;base64," + alone["image/png"]).width >= 150
    assert len(alone["image/png"]) <= 60_000
    predictions = PredictionList([make(files=[encoded(noise())]) for _ in range(30)])
    with options(cell_budget=200_000):
        for bundle in (mimebundle(predictions), gallery(predictions)._repr_mimebundle_()):
            assert len(bundle["image/png"]) + notebook_bytes(bundle["text/html"]) <= 200_000
    assert "image/png" not in mimebundle(make(status="failed"))


def test_the_png_is_for_latex(make, tmp_path):
    nbformat, exporters = pytest.importorskip("nbformat"), pytest.importorskip("nbconvert.exporters")
    bundle = mimebundle(make(files=[encoded(photograph())]))
    cell = nbformat.v4.new_code_cell("p", outputs=[nbformat.v4.new_output("display_data", data=bundle)])
    text, resources = exporters.LatexExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert r"\includegraphics" in text
    [picture] = resources["outputs"].values()
    assert picture == base64.b64decode(bundle["image/png"])


def test_a_gallery_shown_again_is_the_same_and_decodes_nothing(make, monkeypatch):
    predictions = [make(files=[encoded(photograph(n, (200, 200)))]) for n in range(5)]
    first = gallery(predictions).html
    monkeypatch.setattr("skytells_nb.display._pipeline.make_thumbnail", None)
    assert gallery(predictions).html == first
    assert isinstance(gallery(predictions), Gallery)
