"""What a server wrote does not reach the terminal of whoever prints a frame."""

from __future__ import annotations

import pytest

from skytells_nb.frames import predictions_frame, pricing_frame
from skytells_nb.models import Model, Prediction

EVIL = "\x1b]0;title\x07\x1b[2J\x1b[31mred\u202e"
RAW = {
    "id": EVIL,
    "status": "failed",
    "model": EVIL,
    "type": EVIL,
    "input": {"prompt": EVIL, "x": EVIL, EVIL: 1, "list": [EVIL, {EVIL: EVIL}]},
    "output": [EVIL],
    "error": EVIL,
}


@pytest.mark.parametrize("source", [[RAW, RAW | {"id": "b"}], [Prediction.from_api(RAW)]])
def test_a_printed_frame_of_predictions_moves_no_cursor(source):
    text = predictions_frame(source).to_string()
    assert not any(letter in text for letter in "\x1b\x07\u202e")
    assert "[31mred" in text


def test_a_printed_frame_of_prices_moves_no_cursor():
    price = {"amount": 1, "unit": EVIL, "currency": EVIL}
    raw = {"namespace": EVIL, "name": EVIL, "type": EVIL, "vendor": {"name": EVIL}, "pricing": price}
    assert "\x1b" not in pricing_frame([Model.from_api(raw)]).to_string()


def test_what_people_write_is_kept_as_it_is():
    prompt = "שלום\u200f עולם\tx\ny\r\nثعلب \u200e1"
    assert predictions_frame([{"id": "a", "input": {"prompt": prompt}}])["prompt"][0] == prompt
