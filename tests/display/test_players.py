"""Clips and songs: a player where they are small, their place on disk where they are not."""

from __future__ import annotations

import io
import math
import struct
import sys
import wave

import pytest
from PIL import Image

from skytells_nb._options import options
from skytells_nb.display import mimebundle
from skytells_nb.display._pipeline import notebook_bytes
from skytells_nb.display._thumbnails import listening_copy, probe
from skytells_nb.models import PredictionList

from .pictures import encoded, noise
from .reading import bytes_in, picture_in, strictly


def drawn(x, **settings):
    return strictly(mimebundle(x, **settings)["text/html"])


def song(seconds: float = 1.0, rate: int = 44_100) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((2, 2, rate, 0, "NONE", ""))
        samples = (int(9_000 * math.sin(n / 20) * math.sin(n / 9_000)) for n in range(int(seconds * rate)))
        out.writeframes(b"".join(struct.pack("<hh", s, s) for s in samples))
    return file.getvalue()


def clip(frames: int = 8, size: tuple[int, int] = (160, 90), *, grain: bool = False) -> bytes:
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "1"} if grain else {}
        for n in range(frames):
            picture = noise(size) if grain else Image.new("RGB", size, (10 * n, 90, 160))
            out.mux(stream.encode(av.VideoFrame.from_image(picture)))
        out.mux(stream.encode(None))
    return file.getvalue()


def test_a_clip_is_played_with_its_source_on_the_element_and_its_first_frame_as_poster(make):
    content = clip()
    page = drawn(make("waves", files=[content], suffix=".mp4"))
    (video,) = page.all("video")
    assert bytes_in(video["src"]) == content
    assert "controls" in video
    assert video["title"] == "waves (truefusion)"
    assert (video["width"], video["height"]) == ("160", "90")
    assert picture_in(video["poster"]).size == (160, 90)
    assert "0:01" in page.text


def test_a_clip_too_large_for_the_cell_shows_its_poster_and_where_it_is(make):
    with options(cell_budget=60_000):
        page = drawn(make("waves", files=[clip(16, (320, 180), grain=True)], suffix=".mp4"))
    assert page.all("video") == []
    (poster,) = page.all("img")
    assert poster["alt"] == "waves (truefusion)"
    assert "Not embedded, to keep the notebook small. waves" in page.text
    assert "1431-output-0000-0.mp4" in page.text


def test_full_embeds_it_all_the_same(make):
    with options(cell_budget=60_000):
        page = drawn(make(files=[clip(16, (320, 180), grain=True)], suffix=".mp4"), full=True)
    assert len(page.all("video")) == 1


def test_a_clip_without_pyav_is_played_without_a_poster(make, monkeypatch):
    content = clip()
    monkeypatch.setitem(sys.modules, "av", None)
    (video,) = drawn(make(files=[content], suffix=".mp4")).all("video")
    assert bytes_in(video["src"]) == content
    assert "poster" not in video


def test_a_damaged_clip_is_no_error(make):
    (video,) = drawn(make(files=[clip()[:600]], suffix=".mp4")).all("video")
    assert "poster" not in video


def test_a_short_song_is_embedded_as_it_is(make):
    content = song(0.5)
    (audio,) = drawn(make("piano", files=[content], suffix=".wav")).all("audio")
    assert bytes_in(audio["src"]) == content
    assert audio["title"] == "piano (truefusion)"


def test_a_long_song_is_embedded_as_a_small_copy(make):
    pytest.importorskip("av")
    content = song(8)
    assert len(content) > 1_400_000
    html = mimebundle(make(files=[content], suffix=".wav"))["text/html"]
    (audio,) = strictly(html).all("audio")
    assert (audio["src"] or "").startswith("data:audio/mpeg;base64,")
    assert notebook_bytes(html) < 400_000
    assert probe(io.BytesIO(bytes_in(audio["src"]))).seconds == pytest.approx(8, abs=0.2)


def test_without_pyav_a_long_song_is_named_and_not_embedded(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    page = drawn(make(files=[song(8)], suffix=".wav"))
    assert page.all("audio") == []
    assert "A song Not embedded" in page.text
    assert "1431-output-0000-0.wav" in page.text


def test_a_copy_that_would_not_fit_is_not_made():
    assert listening_copy(io.BytesIO(song(1)), 600.0, 100_000) is None
    assert listening_copy(io.BytesIO(song(1)), None, 100_000) is None
    assert listening_copy(io.BytesIO(b"RIFF0000WAVE"), 1.0, 100_000) is None


def test_pictures_clips_and_songs_share_a_cell(make):
    listed = PredictionList(
        [
            make(files=[encoded(noise())]),
            make(files=[clip(16, (320, 180), grain=True)], suffix=".mp4"),
            make(files=[song(4)], suffix=".wav"),
            make(files=[clip()], suffix=".mp4"),
        ]
    )
    with options(cell_budget=200_000):
        html = mimebundle(listed)["text/html"]
    page = strictly(html)
    assert notebook_bytes(html) <= 200_000
    assert len(page.all("video")) == 1
    assert "sky.options.cell_budget" in page.text


def test_several_clips_of_one_prediction_are_players_side_by_side(make):
    page = drawn(make(files=[clip(), clip(6)], suffix=".mp4"))
    assert len(page.all("video")) == 2
    assert "1 of 2" in page.text
