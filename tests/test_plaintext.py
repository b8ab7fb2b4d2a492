"""Text from elsewhere loses what moves a cursor, turns a line round or cannot be saved."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytells_nb.models import Prediction
from skytells_nb.plaintext import clean, clip, encodable, hide_keys, one_line


@pytest.mark.parametrize("text", ["\x1b]0;title\x07\x1b[2J\x1b[31mred", "\u202eexe.txt", "\ud800", "\x9b31m"])
def test_nothing_hostile_stays(text):
    assert not any(letter in clean(text) for letter in "\x1b\x07\u202e\ud800\x9b")
    clean(text).encode("utf-8")


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text):
    assert clean(clean(text)) == clean(text)
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("text", ["ثعلب أحمر", "שועל אדום", "👨‍👩‍👧‍👦 🏳️‍🌈", "赤い狐", "naïve", "a\tb\nc"])
def test_what_people_write_is_left_alone(text):
    assert clean(text) == text


def test_a_cut_keeps_joined_emoji_whole():
    assert clip("fox " + "👨‍👩‍👧‍👦" * 3, 8) == "fox…"


@pytest.mark.parametrize("charset", ["cp932", "cp1251", "ascii"])
def test_a_console_of_few_letters_gets_what_it_has(charset):
    stream = io.TextIOWrapper(io.BytesIO(), charset)
    stream.write(encodable("2 × “a fox” · 赤い狐 … 🦊", stream))
    stream.flush()
    written = stream.buffer.getvalue().decode(charset)
    assert written.startswith(("2 × ", "2 x "))
    assert "a fox" in written


def test_a_prediction_can_be_printed_there(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "cp932")
    monkeypatch.setattr("sys.stdout", stream)
    print(Prediction(id="p1", status="succeeded", output=["h\xe9llo 🦊"]), flush=True)
    assert b"llo" in stream.buffer.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key=sk-b2f1c0ffee5eedbea7deadbeef, say", "key=sk-…, say"),
        ("SK-550e8400-e29b-41d4-a716-446655440000", "sk-…"),
        ("'sk_live_abcdefghijklmnopqrst'", "'sk-…'"),
        ("a desk-lamp-2f1c0ffee5eedbea7 in a room", "a desk-lamp-2f1c0ffee5eedbea7 in a room"),
        ("sk-any and sk-skateboarding", "sk-any and sk-skateboarding"),
        ("sk-" * 16_000, "sk-" * 16_000),
    ],
)
def test_what_looks_like_a_key_is_blanked_and_words_are_not(text: str, shown: str):
    assert hide_keys(text) == shown


def test_where_no_words_belong_so_many_letters_are_a_key():
    assert hide_keys("'sk-test-abc1-def2-ghi3'", least=16) == "'sk-…'"
    assert hide_keys("sk-abcdefghijkl", least=12) == "sk-…"
    assert hide_keys("sk-any", least=12) == "sk-any"
