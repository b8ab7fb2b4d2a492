"""`show` takes whatever a person has in hand, and refuses the rest by name."""

from __future__ import annotations

import base64
import io
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

from skytells_nb.display import gallery, mimebundle, show
from skytells_nb.exceptions import InvalidInputError, SkytellsError
from skytells_nb.models import Model, Prediction, PredictionList

from .pictures import encoded, photograph
from .reading import strictly

PIXELS = encoded(photograph(size=(80, 60)))
RAW = {
    "id": "p1",
    "status": "succeeded",
    "model": {"name": "truefusion", "type": "image"},
    "input": {"prompt": "a fox"},
    "output": ["data:image/png;base64," + base64.b64encode(PIXELS).decode()],
}


def drawn(x):
    return strictly(mimebundle(x)["text/html"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "fox.png").write_bytes(PIXELS)
    return tmp_path / "fox.png"


def just_written(data: bytes) -> io.BytesIO:
    file = io.BytesIO()
    file.write(data)
    return file


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, just_written])
def test_bytes_are_a_file(kind):
    page = drawn(kind(PIXELS))
    assert page.pictures()[0].size == (80, 60)
    assert "80 × 60" in page.text


@pytest.mark.parametrize("spell", [str, Path])
def test_a_path_is_a_file_with_a_name(path, spell):
    page = drawn(spell(path))
    assert page.all("img")[0]["alt"] == "fox.png"
    assert "fox.png" in page.text


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK", "P", "I;16", "F"])
def test_a_pillow_image_of_any_mode_is_a_picture(mode):
    image = (
        Image.new("L", (40, 30), 90).convert("I").convert(mode)
        if mode == "I;16"
        else Image.new(mode, (40, 30))
    )
    assert drawn(image).pictures()[0].size == (40, 30)


def test_the_api_s_json_is_a_prediction():
    page = drawn(RAW)
    assert page.all("img")[0]["alt"] == "a fox (truefusion)"


def test_a_page_of_a_listing_is_a_list():
    assert len(drawn({"data": [RAW, {**RAW, "id": "p2"}], "pagination": {"current_page": 1}}).all("img")) == 2
    assert len(drawn([RAW, {**RAW, "id": "p2"}]).all("img")) == 2


def test_a_webhook_s_envelope_is_the_prediction_in_it():
    assert len(drawn({"type": "prediction.succeeded", "data": RAW}).all("img")) == 1


def test_json_of_a_model_is_a_model():
    assert "truefusion" in drawn({"namespace": "truefusion", "type": "image", "pricing": {}}).text


def test_results_of_the_published_sdk_are_predictions():
    skytells = pytest.importorskip("skytells")
    one = skytells.Prediction(None, RAW)
    assert drawn(one).all("img")[0]["alt"] == "a fox (truefusion)"
    page = skytells.PaginatedResponse({"data": [RAW, {**RAW, "id": "p2", "status": "failed"}]})
    read = drawn(page)
    assert len(read.all("img")) == 1
    assert "Failed" in read.text
    assert len(drawn([one, one, RAW]).all("img")) == 3


def test_a_data_uri_is_a_picture():
    assert drawn(RAW["output"][0]).pictures()[0].size == (80, 60)


def test_a_mixed_list_is_shown_in_order(path):
    model = Model.from_api({"namespace": "truefusion", "type": "image"})
    page = drawn([RAW, path, model, Prediction(id="p2", status="failed", error="No.")])
    assert [tag for tag, _ in page.tags if tag in ("img", "figure")] == [
        "figure",
        "img",
        "figure",
        "img",
        "figure",
    ]
    assert page.text.index("a fox") < page.text.index("fox.png") < page.text.index("Failed")


def test_a_generator_of_predictions_is_a_list():
    assert len(drawn(p for p in [Prediction.from_api(RAW)] * 3).all("img")) == 3


@pytest.mark.parametrize(
    "x", [3, None, 2.5, object(), show, [1], "no such file.png", "a text", Path("nowhere.png")]
)
def test_what_cannot_be_shown_is_refused_by_name(x):
    with pytest.raises(InvalidInputError) as caught:
        show(x)
    assert "cannot be shown" in caught.value.message or "neither a file nor a URL" in caught.value.message
    assert caught.value.charged is False


def test_json_that_is_no_prediction_says_so():
    with pytest.raises(SkytellsError, match="no id"):
        show({"hello": "world"})


def test_in_a_terminal_it_writes_text(make, capsys):
    assert show(make("a fox", files=[PIXELS])) is None
    said = capsys.readouterr().out
    assert said.startswith("truefusion · succeeded · 10.5 s · $0.02 · 3b0c1f0a")
    assert "“a fox”" in said
    assert "1431-output-0000-0.png" in said
    show(gallery([make("an owl", files=[PIXELS])]))
    assert "“an owl”" in capsys.readouterr().out


def test_several_are_shown_together(make, capsys):
    one, other = make(prompt="a fox"), make(prompt="an owl")
    show([one, other])
    told = capsys.readouterr().out
    show(one, other)
    assert capsys.readouterr().out == told


def test_in_a_kernel_it_publishes_both_kinds(make, monkeypatch):
    published = []
    shell = types.SimpleNamespace(
        kernel=object(), display_pub=types.SimpleNamespace(publish=published.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    show(make(files=[PIXELS]))
    show(gallery([make(files=[PIXELS])]))
    assert [sorted(bundle) for bundle in published] == [["image/png", "text/html", "text/plain"]] * 2


def test_a_list_in_a_terminal_is_aligned(make):
    listed = PredictionList(
        [make("a fox"), make("赤い狐", status="failed", model="a-model-with-a-long-name"), make("x" * 500)]
    )
    lines = mimebundle(listed)["text/plain"].splitlines()
    assert lines[0] == "3 predictions: 2 succeeded, 1 failed"
    assert (
        len({line.index(word) for line, word in zip(lines[1:4], ("prompt", "a fox", "赤い狐"), strict=True)})
        == 1
    )
    assert max(map(len, lines)) < 140


def test_a_long_list_in_a_terminal_is_cut_and_counted(make):
    lines = mimebundle(PredictionList([make()] * 50))["text/plain"].splitlines()
    assert lines[-1] == "… and 10 more"
    assert len(lines) == 43


def test_looking_in_a_terminal_needs_no_pillow_and_no_network(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    text = mimebundle_text(make(output=["https://delivery.example/a.png"]))
    assert "https://delivery.example/a.png" in text


def mimebundle_text(x) -> str:
    from skytells_nb.display._items import things_in
    from skytells_nb.display._text import things_text

    return things_text(things_in(x))
