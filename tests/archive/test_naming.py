"""Names that people can read and every file system can hold."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from skytells_nb.archive._files import day_and_stem, file_name, slug
from skytells_nb.models import Prediction

NOW = datetime(2026, 11, 22, 14, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red fox, in snow!", "a-red-fox-in-snow"),
        ("Grüße aus Łódź — ß, Ærø", "grusse-aus-lodz-ss-aero"),
        ("one two three four five six seven eight nine", "one-two-three-four-five-six-seven-eight"),
        ("x" * 100, "x" * 40),
        ("赤い狐、雪の中", "赤い狐-雪の中"),
        ("שׁוּעָל אָדֹם", "שועל-אדם"),
        ("ثَعْلَب أحمر!", "ثعلب-أحمر"),
        ("लाल लोमड़ी", "लाल-लोमड़ी"),
        ("Йод и ёлка", "йод-и-ёлка"),
        ("붉은 여우", "붉은-여우"),
        ("🦊\u202e\ufe0f\ud800", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_prompt_becomes_a_short_name_in_its_own_script(prompt: str | None, name: str) -> None:
    assert slug(prompt) == name


@given(some.text(), some.text(min_size=1), some.integers(0, 9))
def test_whatever_the_prompt_and_the_id_the_name_is_harmless(prompt: str, id: str, position: int) -> None:
    prediction = Prediction.from_api({"id": id, "input": {"prompt": prompt}})
    day, stem = day_and_stem(prediction, NOW)
    assert day == "2026-11-22"
    words = re.fullmatch(r"1431-(.+)-[a-z0-9]{4,16}", stem)
    assert words is not None
    assert all(
        letter.isalnum() or unicodedata.category(letter)[0] == "M" for letter in words[1].replace("-", "")
    )
    assert len(file_name(stem, position, "image/svg+xml").encode()) < 220, "a name may have 255 bytes"
    assert file_name(stem, position, "image/png").startswith("1431-")
    assert len(stem) <= 5 + 40 + 1 + 16


def test_a_prompt_without_letters_is_named_after_its_model() -> None:
    p = Prediction.from_api({"id": "sandbox-8adcbbeb5eca", "model": "truefusion", "input": {"prompt": "🦊!"}})
    assert day_and_stem(p, NOW)[1] == "1431-truefusion-8adcbbeb"
    assert day_and_stem(Prediction.from_api({"id": "pred_abc123"}), NOW)[1] == "1431-prediction-abc123"


def test_two_that_would_share_a_name_are_told_apart() -> None:
    p = Prediction.from_api({"id": "018f3b0c-1111"})
    plain, apart = day_and_stem(p, NOW)[1], day_and_stem(p, NOW, distinct=True)[1]
    assert apart.startswith(plain)
    assert apart != day_and_stem(p, NOW, account="other", distinct=True)[1]
