"""What things cost: the sums of section 8.3, and every unit once."""

from decimal import Decimal

import pytest

from skytells_nb.sandbox import _models as billing
from skytells_nb.sandbox._models import standard_catalogue


@pytest.mark.parametrize(
    ("model", "input", "price"),
    [
        ("truefusion", {}, "0.03"),
        ("truefusion", {"number_of_images": 3}, "0.09"),
        ("truefusion-pro", {"num_outputs": 4}, "0.05"),
        ("truefusion-2", {"resolution": "720p", "num_outputs": 4}, "0.28"),
        ("truefusion-2", {}, "0.1"),
        ("truefusion-video", {"duration_seconds": 10}, "1.12"),
        ("truefusion-video-pro", {"duration_seconds": 8}, "1.568"),
        ("truefusion-video-pro", {"duration_seconds": 3}, "0.98"),
        ("veo-3.1-fast", {"duration_seconds": 8, "generate_audio": False}, "1.04"),
        ("veo-3.1-fast", {"duration_seconds": 8}, "1.36"),
        ("sora-2", {}, "0.002"),
        ("flux-2-pro-legacy", {"width": 1000, "height": 1000, "num_outputs": 2}, "0.04"),
        ("flux-2-flex", {"width": 1000, "height": 500, "input_images": ["http://a/b"] * 2}, "0.09"),
        ("sandbox-upscaler", {"width": 2000, "height": 1000}, "0.008"),
        ("sandbox-flipbook", {"duration": 2.5}, "0.125"),
        ("sandbox-looper", {"duration_seconds": 11}, "0.06"),
        ("sandbox-composer", {"duration_seconds": 45}, "0.09"),
        ("sandbox-narrator", {"duration_seconds": 10}, "0.02"),
        ("truefusion-optima", {}, "0.016"),
        ("flux-pro", {}, "0.0024"),
        ("lipfusion", {}, "0.6"),
    ],
)
def test_a_price_is_what_is_made_times_the_rate(model, input, price):
    assert billing.price(standard_catalogue()[model], input, computing=2.0) == Decimal(price)


def test_tokens_are_those_of_question_and_answer():
    scribe, gpt = standard_catalogue()["sandbox-scribe"], standard_catalogue()["gpt-5"]
    asked, told = {"prompt": "x" * 40}, "y" * 400
    assert billing.price(scribe, asked, computing=1, text=told) == Decimal("0.00022")
    assert billing.price(gpt, asked, computing=1, text=told) == Decimal("0.000055")


def test_what_a_model_does_not_know_costs_nothing_and_makes_nothing(talk):
    odd = {"num_outputs": 10**400, "duration_seconds": 10**400, "width": -1}
    made = talk(seconds=0).made("lumo", input=odd)
    assert (len(made["output"]), made["metadata"]["billing"]["credits_used"]) == (1, 1.12)


def test_null_counts_as_left_open():
    assert billing.price(
        standard_catalogue()["truefusion"], {"number_of_images": None}, computing=1
    ) == Decimal("0.03")


def test_the_bill_and_the_prediction_name_the_same_figure(talk, clock):
    api = talk()
    made = [api.made(slug, input={"lyrics": "la", "image": "http://a/b", "face_image_url": "http://a/b",
                                  "audio_url": "http://a/b"})["id"]
            for slug in standard_catalogue() if not standard_catalogue()[slug].inference_only]  # fmt: skip
    clock.forward(120)
    for id in made:
        shown = api.read(id)
        assert shown["status"] == "succeeded"
        assert float(api.core.billed[id]) == shown["metadata"]["billing"]["credits_used"] > 0


def test_a_failed_job_costs_nothing(talk, clock):
    api = talk(seconds=10)
    api.faults.next("failed")
    id = api.made()["id"]
    assert api.core.billed == {}
    clock.forward(10)
    assert api.read(id)["metadata"]["billing"]["credits_used"] == 0
