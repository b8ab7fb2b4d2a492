"""Pictures: the same for the same words, as large as asked, and in the light the words name."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from skytells_nb.sandbox._inputs import clip_size, picture_size
from skytells_nb.sandbox.media import draw, file_type
from skytells_nb.sandbox.media._scene import load, read_scene

FOX = "A red fox in snow"
LIGHTS = ("morning light", "golden hour", "moonlight", "overcast")


def picture(prompt, *, index=0, side=192, **more):
    content, mime = draw("image", {"prompt": prompt, "width": side, "height": side, **more}, index=index)
    assert (mime, "png") == file_type("image")
    return Image.open(io.BytesIO(content))


def pixels(image):
    return np.asarray(image.convert("RGB"), np.float64)


def difference(one, other):
    """The mean distance between two pictures, in levels."""
    return float(np.abs(pixels(one) - pixels(other)).mean())


@pytest.mark.parametrize("prompt", [FOX, "Time-lapse of a city at night", "a bowl of ramen", ""])
def test_the_same_words_seed_and_index_give_the_same_bytes(prompt):
    input = {"prompt": prompt, "seed": 7, "width": 160, "height": 96}
    assert draw("image", input, index=1) == draw("image", dict(input), index=1)


@pytest.mark.parametrize("prompt", [FOX, "forest", "a quiet sea", "abstract", "portrait of a king", "zzz"])
def test_another_seed_and_another_index_give_another_composition(prompt):
    first = picture(prompt, seed=1)
    assert difference(first, picture(prompt, seed=2)) > 4
    assert difference(first, picture(prompt, seed=1, index=1)) > 4


def test_a_seed_means_the_same_however_its_number_is_written():
    assert draw("image", {"prompt": "sea", "seed": 7, "width": 64, "height": 64}) == draw(
        "image", {"prompt": "sea", "seed": 7.0, "width": 64, "height": 64}
    )


def test_snow_sunset_night_and_forest_differ_by_forty_levels():
    names = ("snow", "sunset", "night", "forest")
    means = {
        name: [pixels(picture(name, seed=seed, side=128)).mean(axis=(0, 1)) for seed in range(10)]
        for name in names
    }
    for one, other in itertools.combinations(names, 2):
        nearest = min(np.abs(a - b).max() for a in means[one] for b in means[other])
        assert nearest >= 40, f"{one} and {other} come as near as {nearest:.0f} levels"


def test_a_fox_in_four_lights_gives_four_different_moods_and_a_fox_in_each():
    means = []
    for light in LIGHTS:
        seen = pixels(picture(f"{FOX}, {light}", seed=3, side=256))
        means.append(seen.mean(axis=(0, 1)))
        red, green, blue = seen[..., 0], seen[..., 1], seen[..., 2]
        orange = (red > 1.7 * blue) & (red > 1.45 * green) & (red > 70)
        assert orange.mean() > 0.01, f"no fox to be seen in {light}"
    for one, other in itertools.combinations(means, 2):
        assert np.linalg.norm(one - other) >= 25


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({}, (1024, 1024)),
        ({"width": 512, "height": 768}, (512, 768)),
        ({"width": 512, "height": 768, "aspect_ratio": "16:9"}, (512, 768)),
        ({"width": 2048, "height": 2048}, (2048, 2048)),
        ({"width": 1, "height": 90_000}, (64, 2048)),
        ({"width": 10**400, "height": -5}, (2048, 64)),
        ({"width": "640", "height": 360.0}, (640, 360)),
        ({"aspect_ratio": "1:1"}, (1024, 1024)),
        ({"aspect_ratio": "16:9"}, (1368, 768)),
        ({"aspect_ratio": "9:16"}, (768, 1368)),
        ({"aspect_ratio": "21:9"}, (1568, 672)),
        ({"aspect_ratio": "nonsense"}, (1024, 1024)),
        ({"aspect_ratio": "0:0"}, (1024, 1024)),
        ({"resolution": "720p"}, (1280, 720)),
        ({"resolution": "1080p"}, (1920, 1080)),
        ({"resolution": "1080p", "aspect_ratio": "9:16"}, (1080, 1920)),
        ({"size": "800x600"}, (800, 600)),
        ({"width": True, "height": None}, (1024, 1024)),
        ({"width": float("nan"), "height": float("inf")}, (1024, 1024)),
    ],
)
def test_the_size_is_the_one_asked_for(asked, size):
    assert picture_size(asked) == size


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "21:9"])
def test_an_aspect_ratio_keeps_its_shape_at_about_a_megapixel(ratio):
    across, down = map(int, ratio.split(":"))
    wide, tall = picture_size({"aspect_ratio": ratio})
    assert wide % 8 == tall % 8 == 0
    assert wide / tall == pytest.approx(across / down, rel=0.01)
    assert wide * tall == pytest.approx(1024 * 1024, rel=0.02)
    small, low = clip_size({"aspect_ratio": ratio})
    assert max(small, low) <= 640
    assert small / low == pytest.approx(across / down, rel=0.02)


@pytest.mark.parametrize(("wide", "tall"), [(64, 64), (333, 77), (64, 700), (1024, 1024), (1280, 720)])
def test_the_file_has_exactly_the_size_asked_for(wide, tall):
    content, _ = draw("image", {"prompt": FOX, "width": wide, "height": tall})
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (wide, tall))
    assert len(content) < 1_500_000


@pytest.mark.parametrize("prompt", ["snow", "night", "abstract", "A quick preview sketch"])
def test_every_picture_carries_the_sandbox_s_mark(prompt):
    from skytells_nb.sandbox.media._picture import render

    input = {"prompt": prompt, "width": 512, "height": 512}
    marked, bare = pixels(picture(prompt, side=512)), pixels(render(input, (512, 512)))
    rows, columns = np.nonzero(np.abs(marked - bare).sum(axis=2))
    assert rows.min() > 512 * 0.9
    assert columns.min() > 512 * 0.85
    assert marked[rows.min() : rows.max(), columns.min() : columns.max()].max() > 230  # its letters are white


@pytest.mark.parametrize(
    ("prompt", "place", "light", "subject"),
    [
        ("A photorealistic wolf in a snowy forest, cinematic lighting", "forest", None, "wolf"),
        ("A sunset over the Sahara", "desert", "sunset", "camel"),
        ("Time-lapse of a city at night", "city", "night", ""),
        ("Ocean waves crashing at sunset, cinematic", "sea", "sunset", ""),
        ("a lighthouse at dusk", "sea", "dusk", "lighthouse"),
        ("portrait of a cat", "portrait", "day", "cat"),
        ("an astronaut on a distant planet", "space", "night", "astronaut"),
        ("A FOX IN SNOW, MOONLIGHT", "hills", "night", "fox"),
        ("a catalogue of foxgloves", None, None, ""),
    ],
)
def test_the_words_of_a_prompt_choose_the_scene(prompt, place, light, subject):
    scene = read_scene({"prompt": prompt, "seed": 1})
    assert scene.subject == subject
    assert place in (None, scene.place)
    assert light in (None, scene.light)


def test_every_place_has_a_usual_light_and_every_place_and_subject_can_be_painted():
    words = load("words")
    assert set(words["places"]) == set(words["usual_light"])
    for name in [*words["places"], *words["subjects"]]:
        seen = pixels(picture(name, side=96))
        assert seen.std() > 8, f"{name} is an empty picture"


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.binary(max_size=8),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"width": st.sampled_from([64, 100, "90", None]), "height": st.just(64)},
        optional=dict.fromkeys(("prompt", "seed", "aspect_ratio", "resolution", "size", "image"), ODD),
    ),
    st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=15)
def test_an_odd_input_is_drawn_all_the_same(input, index):
    content, mime = draw("image", input, index=index)
    assert mime == "image/png"
    assert content.startswith(b"\x89PNG")


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("width", "height", "aspect_ratio", "resolution", "size"), ODD)
    )
)
@settings(max_examples=50)
def test_no_input_makes_a_picture_too_large_or_too_small(input):
    for wide, tall in (picture_size(input), clip_size(input)):
        assert 64 <= wide <= 2048
        assert 64 <= tall <= 2048


def test_a_kind_nobody_knows_is_refused_in_words_that_help():
    with pytest.raises(ValueError, match="image, video, music and audio"):
        draw("sculpture", {})
    with pytest.raises(ValueError, match="sculpture"):
        file_type("sculpture")
