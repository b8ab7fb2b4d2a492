"""Songs, voices and texts: real WAV files that can be heard, and answers that say whose they are."""

import io
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytells_nb.sandbox._language import write_text
from skytells_nb.sandbox.media import draw, file_type

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40),
    st.lists(st.one_of(st.text(max_size=9), st.integers()), max_size=3),
)  # fmt: skip


def heard(content):
    with wave.open(io.BytesIO(content)) as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return samples.astype(float) / 32768, file.getframerate()


@pytest.mark.parametrize("kind", ["music", "audio"])
@pytest.mark.parametrize("prompt", ["a calm morning", "Upbeat synth pop", "rain on the sea", "¿…?", ""])
def test_a_sound_can_be_heard_and_does_not_clip(kind, prompt):
    content, mime = draw(kind, {"prompt": prompt, "duration_seconds": 3})
    assert (mime, "wav") == file_type(kind) == ("audio/wav", "wav")
    samples, rate = heard(content)
    assert (rate, len(samples)) == (44100, 3 * 44100)
    assert 0.4 < np.abs(samples).max() < 0.95
    assert np.sqrt((samples**2).mean()) > 0.02
    assert np.abs(samples[:20]).max() < 0.1  # no click at the start
    assert np.abs(samples[-20:]).max() < 0.05  # nor at the end


def test_a_song_is_stereo_and_eight_seconds_unless_told_otherwise():
    samples, rate = heard(draw("music", {"prompt": "a song"})[0])
    assert samples.shape == (8 * rate, 2)


@pytest.mark.parametrize(
    ("asked", "rate"), [(16000, 16000), (44100, 44100), ("24000", 24000), (1, 44100), (None, 44100)]
)
def test_a_sensible_sample_rate_is_honoured(asked, rate):
    for kind in ("music", "audio"):
        samples, found = heard(draw(kind, {"prompt": "hum", "sample_rate": asked, "duration_seconds": 1})[0])
        assert found == rate
        assert len(samples) == rate


def test_no_song_is_longer_than_a_minute():
    samples, rate = heard(draw("music", {"prompt": "long", "duration_seconds": 900, "sample_rate": 8000})[0])
    assert len(samples) == 60 * rate


def test_prompt_seed_index_key_and_tempo_make_a_song_what_it_is():
    base = {"prompt": "a waltz", "seed": 1, "duration_seconds": 2}
    songs = [
        draw("music", base)[0],
        draw("music", base, index=1)[0],
        draw("music", {**base, "seed": 2})[0],
        draw("music", {**base, "key": "F# minor"})[0],
        draw("music", {**base, "bpm": 180})[0],
    ]
    assert len(set(songs)) == len(songs)
    assert draw("music", dict(base))[0] == songs[0]


def test_a_voice_takes_as_long_as_its_text():
    short, _ = heard(draw("audio", {"prompt": "Hello."})[0])
    long, _ = heard(
        draw("audio", {"prompt": "Hello, and welcome to the quiet hour before the shop opens."})[0]
    )
    assert len(short) < len(long)


def test_a_text_answers_and_says_it_is_the_sandbox_s():
    text = write_text({"prompt": "Why is the sea blue?"})
    assert "Why is the sea blue?" in text
    assert "sandbox" in text
    assert text == write_text({"prompt": "Why is the sea blue?"})
    assert text != write_text({"prompt": "Why is the sea blue?", "seed": 5})


def test_a_conversation_is_answered_where_it_ends():
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": [{"type": "text", "text": "Name three trees"}]},
    ]
    assert "Name three trees" in write_text({"messages": messages})


@pytest.mark.parametrize(
    ("prompt", "part"),
    [
        ("Write a haiku about a red fox", "ed fox"),
        ("Name five trees", "\n5. "),
        ("Give me 4 ideas for a garden", "\n4. "),
        ("What is 12 * 7?", "12 * 7 is 84."),
        ("Summarize: The fox ran. It slept.", "In short: The fox ran."),
        ("A title for a talk on pandas", "andas"),
        ("こんにちは", "こんにちは"),
    ],
)
def test_a_text_takes_the_form_that_was_asked_for(prompt, part):
    assert part in write_text({"prompt": prompt}).partition("” ")[2] or part in write_text({"prompt": prompt})


def test_a_text_is_no_longer_than_its_tokens():
    brief = write_text({"prompt": "Write a story about a lighthouse", "max_tokens": 12})
    assert len(brief) < 110
    assert "sandbox" in brief


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("prompt", "messages", "seed", "text"), ODD)))
@settings(max_examples=30)
def test_an_odd_input_is_answered_all_the_same(input):
    assert "sandbox" in write_text(input)


@given(
    st.fixed_dictionaries(
        {"duration_seconds": st.just(0.5), "sample_rate": st.sampled_from([8000, 0, None, "x"])},
        optional=dict.fromkeys(("prompt", "lyrics", "seed", "bpm", "key"), ODD),
    ),
    st.sampled_from(["music", "audio"]),
)
@settings(max_examples=30)
def test_an_odd_input_is_played_all_the_same(input, kind):
    samples, rate = heard(draw(kind, input)[0])
    assert len(samples) == rate // 2
    assert np.abs(samples).max() > 0.1
