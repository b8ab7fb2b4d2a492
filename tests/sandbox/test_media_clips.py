"""Clips: MP4 that decodes to the length asked for, animated WebP where PyAV is missing."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skytells_nb.sandbox.media import draw, file_type
from skytells_nb.sandbox.media._picture import frames

SEA = {"prompt": "Ocean waves crashing at sunset, cinematic", "duration_seconds": 2, "aspect_ratio": "16:9"}


def decoded(content):
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(content)) as file:
        stream = file.streams.video[0]
        return (
            (stream.codec_context.name, stream.codec_context.pix_fmt, stream.frames),
            [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)],
            file.duration / 1e6,
        )


def test_a_clip_is_an_mp4_that_browsers_play_and_moves():
    content, mime = draw("video", SEA)
    assert (mime, "mp4") == file_type("video") == ("video/mp4", "mp4")
    assert content[4:8] == b"ftyp"
    (codec, pixels, count), pictures, seconds = decoded(content)
    assert (codec, pixels) == ("h264", "yuv420p")
    assert seconds == pytest.approx(2, abs=0.1)
    assert {picture.shape for picture in pictures} == {(360, 640, 3)}
    assert len(pictures) == count == 48
    assert np.abs(pictures[0].astype(float) - pictures[-1].astype(float)).mean() > 3


@pytest.mark.parametrize("name", ["duration_seconds", "seconds", "duration"])
def test_every_spelling_of_a_clip_s_length_is_read(name):
    _, _, seconds = decoded(draw("video", {"prompt": "a lake", name: 0.5, "aspect_ratio": "4:1"})[0])
    assert seconds == pytest.approx(0.5, abs=0.1)


def test_no_clip_is_longer_than_half_a_minute():
    from skytells_nb.sandbox._inputs import seconds_of

    assert seconds_of({"duration_seconds": 10**9}, default=5, longest=30) == 30
    assert seconds_of({"duration_seconds": -3}, default=5, longest=30) == 0.5
    assert seconds_of({"duration_seconds": "soon"}, default=5, longest=30) == 5


def test_a_clip_has_the_shape_asked_for():
    _, pictures, _ = decoded(draw("video", {"prompt": "city", "seconds": 0.5, "aspect_ratio": "9:16"})[0])
    assert pictures[0].shape == (640, 360, 3)


@pytest.mark.parametrize(
    "prompt", ["a red fox in snow", "rain in the city", "a lake", "a quick sketch", "portrait"]
)
def test_the_frames_are_the_same_each_time_and_differ_from_each_other(prompt):
    first, again = (
        [np.asarray(frame) for frame in frames({"prompt": prompt}, (160, 90), 3, 1.0)] for _ in range(2)
    )
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(first[0], first[-1])


def test_without_pyav_a_clip_is_an_animated_webp(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    content, mime = draw("video", SEA)
    assert (mime, "webp") == file_type("video") == ("image/webp", "webp")
    with Image.open(io.BytesIO(content)) as film:
        assert film.format == "WEBP"
        assert film.n_frames == 16
        assert film.width / film.height == pytest.approx(16 / 9, rel=0.02)
        total = 0
        for n in range(film.n_frames):
            film.seek(n)
            film.load()
            total += film.info["duration"]
    assert total == pytest.approx(2000, abs=60)


@given(
    st.fixed_dictionaries(
        {"duration_seconds": st.just(0.5), "aspect_ratio": st.sampled_from(["1:1", None, 7, "x"])},
        optional={"prompt": st.one_of(st.none(), st.integers(), st.text(max_size=20)), "seed": st.integers()},
    )
)  # fmt: skip
@settings(max_examples=8)
def test_an_odd_input_is_filmed_all_the_same(input):
    content, mime = draw("video", input)
    assert mime == file_type("video")[0]
    assert len(content) > 1000
