"""Input pictures are used, models differ to the eye, and a prompt that nobody knows is painted too."""

import base64
import io
import itertools
import json

import numpy as np
import pytest
from PIL import Image

from skytells_nb.sandbox import Core, HttpRequest, Options
from skytells_nb.sandbox._rendering import read_data_uri
from skytells_nb.sandbox.media import draw
from skytells_nb.sandbox.media._picture import frames, open_picture
from skytells_nb.sandbox.media._scene import load

RED, BLUE = (200, 40, 30), (30, 60, 190)


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def halves(size=(256, 256)):
    """A picture that is red on the left and blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def shown(input, **options):
    return Image.open(io.BytesIO(draw("image", input, **options)[0])).convert("RGB")


def mean(image, box=None):
    return np.asarray(image.crop(box) if box else image, float).mean(axis=(0, 1))


def near(one, other, by):
    return np.abs(np.asarray(one) - np.asarray(other)).max() <= by


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_upscaler_enlarges_that_picture(format):
    given = encoded(halves(), format)
    large = shown({"image": "…", "width": 512, "height": 512}, model="sandbox-upscaler", picture=given)
    assert large.size == (512, 512)
    assert near(mean(large, (20, 20, 200, 400)), RED, 12)
    assert near(mean(large, (300, 20, 490, 400)), BLUE, 12)


def test_an_enlarged_picture_keeps_its_shape():
    given = encoded(halves((200, 100)))
    large = shown({"width": 800, "height": 800}, model="sandbox-upscaler", picture=given)
    assert large.size == (800, 400)


def test_a_picture_is_enlarged_beyond_what_is_painted():
    large = shown(
        {"width": 3000, "height": 3000}, model="sandbox-upscaler", picture=encoded(halves((64, 32)))
    )
    assert large.size == (3000, 1500)


def test_a_picture_lying_on_its_side_is_enlarged_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    given = encoded(halves((200, 100)), "JPEG", exif=exif)
    assert open_picture(given).size == (100, 200)


def test_what_is_transparent_is_enlarged_on_white():
    given = encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))
    assert near(mean(open_picture(given)), (255, 255, 255), 0)


@pytest.mark.parametrize("model", ["truefusion-ultra", "flux-2-flex", "gpt-image-1"])
def test_an_edit_keeps_layout_and_colours(model):
    input = {"prompt": "make it softer", "width": 320, "height": 320, "seed": 1}
    edited = shown(input, model=model, picture=encoded(halves()))
    assert edited.size == (320, 320)
    assert near(mean(edited, (10, 10, 150, 280)), RED, 45)
    assert near(mean(edited, (170, 10, 310, 280)), BLUE, 45)


def test_an_edit_takes_the_light_the_prompt_names():
    given = encoded(Image.new("RGB", (128, 128), (210, 200, 180)))
    day = shown({"prompt": "make it softer", "width": 128, "height": 128}, picture=given)
    night = shown({"prompt": "the same at night", "width": 128, "height": 128}, picture=given)
    assert mean(night).sum() < mean(day).sum() - 150
    assert mean(night)[2] > mean(night)[0]


def test_an_edit_adds_a_subject_only_when_asked():
    given = encoded(Image.new("RGB", (192, 192), (120, 160, 200)))
    size = {"width": 192, "height": 192}
    same = np.asarray(shown({"prompt": "the fox, softer", **size}, picture=given), float)[:160, :150]
    more = np.asarray(shown({"prompt": "add a fox", **size}, picture=given), float)[:160, :150]
    assert same.std(axis=(0, 1)).max() < 5
    assert more.std(axis=(0, 1)).max() > 12


@pytest.mark.parametrize("junk", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", encoded(halves())[:200]])
def test_bytes_that_are_no_picture_count_as_none(junk):
    input = {"prompt": "a lake", "seed": 2, "width": 96, "height": 96}
    assert draw("image", input, picture=junk) == draw("image", input)
    assert draw("image", input, model="sandbox-upscaler", picture=junk)[1] == "image/png"


def test_a_clip_begins_with_its_picture_and_moves_on():
    seen = list(frames({"prompt": "slow zoom"}, (320, 180), 5, 2.0, picture=encoded(halves((640, 360)))))
    first = seen[0].crop((0, 0, 280, 150))
    assert near(mean(first, (5, 5, 150, 150)), RED, 6)
    assert near(mean(first, (170, 5, 275, 150)), BLUE, 6)
    assert not np.array_equal(np.asarray(seen[0]), np.asarray(seen[-1]))


@pytest.mark.parametrize("prompt", ["a city at night", "space, stars", "a red fox, moonlight", "zzz"])
def test_no_clip_begins_in_the_dark(prompt):
    first = next(frames({"prompt": prompt, "seed": 4}, (320, 180), 5, 1.0))
    assert np.asarray(first, float).max(axis=(0, 1)).min() > 100
    assert mean(first).mean() > 15


def test_the_models_pictures_differ_to_the_eye():
    models = [name for name, look in load("models").items() if "enlarge" not in look]
    input = {"prompt": "a meadow of sunflowers", "seed": 3, "width": 256, "height": 256}
    seen = {name: np.asarray(shown(input, model=name), float) for name in models}
    for one, other in itertools.combinations(models, 2):
        assert np.abs(seen[one] - seen[other]).mean() > 4, f"{one} and {other} look alike"


def test_a_model_paints_the_same_picture_each_time():
    input = {"prompt": "a red fox", "seed": 3, "width": 64, "height": 64}
    for name in load("models"):
        assert draw("image", input, model=name) == draw("image", dict(input), model=name)


def test_a_quick_model_s_picture_is_softer_than_a_detailed_one_s():
    input = {"prompt": "a forest", "seed": 3, "width": 384, "height": 384}
    edges = {}
    for name in ("truefusion-edge", "truefusion-ultra"):
        gray = np.asarray(shown(input, model=name).convert("L"), float)
        edges[name] = np.abs(np.diff(gray, axis=1)).mean()
    assert edges["truefusion-ultra"] > 1.5 * edges["truefusion-edge"]


def test_a_prompt_without_a_known_word_is_painted_and_its_mark_says_so():
    def mark(prompt):
        from skytells_nb.sandbox.media._picture import render

        input = {"prompt": prompt, "seed": 5, "width": 512, "height": 512}
        gap = np.abs(np.asarray(shown(input), float) - np.asarray(render(input, (512, 512)), float)).sum(
            axis=2
        )
        return np.ptp(np.nonzero(gap)[1])

    assert np.asarray(shown({"prompt": "xyzzy plugh"}), float).std() > 8
    assert mark("xyzzy plugh") > 2 * mark("a lake")


@pytest.fixture
def client(tmp_path):
    from skytells_nb import Sandbox

    with Sandbox(seconds=0.05) as sandbox, sandbox.client(archive=tmp_path / "kept") as made:
        yield made


def kept(prediction):
    return Image.open(prediction.files[0]).convert("RGB")


def test_a_picture_sent_to_the_upscaler_comes_back_larger(client):
    input = {"image": halves(), "width": 512, "height": 512}
    assert near(mean(kept(client.predictions.create("sandbox-upscaler", input)), (20, 20, 200, 400)), RED, 12)


def test_an_earlier_output_is_an_input_picture_by_its_link(client):
    fox = client.predictions.create("truefusion-edge", {"prompt": "a red fox", "width": 256, "height": 256})
    input = {"image": fox.output[0], "width": 512, "height": 512}
    large = kept(client.predictions.create("sandbox-upscaler", input))
    small = large.resize((256, 256), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, float) - np.asarray(kept(fox), float)).mean() < 8


def test_a_voice_beside_a_face_is_no_input_picture():
    av = pytest.importorskip("av")
    core = Core(Options(seconds=0))

    def make(model, input):
        body = json.dumps({"model": model, "input": input}).encode()
        request = HttpRequest("POST", "/v1/predictions", headers={"x-api-key": core.state.api_key}, body=body)
        return json.loads(core.answer(request).body)

    voice = make("sandbox-narrator", {"prompt": "hello"})
    face = "data:image/png;base64," + base64.b64encode(encoded(halves((320, 180)))).decode()
    links = {"audio_url": voice["output"], "face_image_url": face}
    job = core.state.jobs[make("lipfusion", links)["id"]]
    asset = core.predictions.file(job, 0)
    input = {**asset.input, "duration_seconds": 0.5}
    content, _ = draw(asset.kind, input, model=asset.model, picture=read_data_uri(asset.source))
    with av.open(io.BytesIO(content)) as file:
        first = next(file.decode(video=0)).to_image()
    wide, tall = first.size
    assert near(mean(first, (0, 0, wide // 3, tall // 2)), RED, 20)
    assert near(mean(first, (2 * wide // 3, 0, wide, tall // 2)), BLUE, 20)


def test_a_link_that_leads_nowhere_is_no_input_picture(client):
    input = {"image": "http://192.0.2.1/assets/x/y.png", "width": 256, "height": 256}
    assert kept(client.predictions.create("sandbox-upscaler", input)).size == (256, 256)
