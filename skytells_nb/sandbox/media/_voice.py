"""Sounds that are no song: a soft voice that hums what it was given, or weather, water and chimes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._params import dice, key_of, number, prompt_of, seconds_of
from ._wav import Sound, echo, fade, rate_of, to_wav

# The first two formants of five vowels, in hertz: enough for a hum that sounds like somebody.
_VOWELS = {"a": (730, 1090), "e": (530, 1840), "i": (300, 2250), "o": (520, 880), "u": (320, 820)}
_NOISES = (
    "rain",
    "ocean",
    "sea",
    "wave",
    "wind",
    "storm",
    "river",
    "water",
    "forest",
    "noise",
    "surf",
    "stream",
)


def speak(input: Mapping[str, Any], *, index: int = 0) -> bytes:
    """Say a text as a soft wordless voice, or make the sound it names.

    Parameters
    ----------
    input
        `prompt` (or `text`) and `seed` decide what is heard; `duration_seconds` its length (as long as the
        text needs unless told, 60 s at most), `sample_rate` in hertz.
    index
        Which variation.

    Returns
    -------
    bytes
        A 16-bit mono WAV file.

    Examples
    --------
    >>> speak({"prompt": "Good morning"})[8:12]
    b'WAVE'
    """
    key = key_of(input, index, "voice")
    words = prompt_of(input)[:4000].lower()
    rate = rate_of(input)
    if any(re.search(rf"\b{word}", words) for word in _NOISES):
        seconds = seconds_of(input, default=6.0, longest=60.0)
        return to_wav(fade(_surf(words, seconds, rate, key), rate, rise=0.4, fall=0.8), rate, peak=0.6)
    vowels = re.findall(r"[aeiouy]+|[.,;!?]", words)
    if not any(mark[0] in "aeiouy" for mark in vowels):
        vowels = list("aeoua")  # a text without Latin vowels is hummed
    seconds = seconds_of(input, default=min(12.0, 0.6 + 0.22 * len(vowels)), longest=60.0)
    asked = number(input, "duration_seconds", "seconds", "duration", "length")
    hum = _hum(vowels, seconds, rate, key, fill=asked is not None)
    return to_wav(fade(echo(hum, rate, seconds=0.09, strength=0.22), rate, fall=0.25), rate, peak=0.7)


def _hum(vowels: list[str], seconds: float, rate: int, key: int, *, fill: bool) -> Sound:
    chance = dice(key)
    out = np.zeros(int(seconds * rate), np.float32)
    base = chance.uniform(120, 210)
    at, n = 0.12, 0
    while at < seconds - 0.2 and (fill or n < len(vowels)):
        mark = vowels[n % len(vowels)]
        n += 1
        if mark in ".,;!?":
            at += 0.28
            continue
        length = chance.uniform(0.16, 0.24) + 0.05 * (len(mark) - 1)
        t = np.arange(int(length * 1.15 * rate), dtype=np.float32) / np.float32(rate)
        pitch = base * (1.12 - 0.2 * min(1.0, at / seconds)) * chance.uniform(0.94, 1.07)
        bend = pitch * t + (chance.uniform(-0.1, 0.06) * pitch) * t * t / (2 * length)
        first, second = _VOWELS.get(mark[0], (400, 2000))
        sound = np.zeros(len(t), np.float32)
        for partial in range(1, int(min(2800, rate * 0.45) / pitch) + 1):
            hz = partial * pitch
            loud = 1 / (1 + ((hz - first) / 110) ** 2) + 0.5 / (1 + ((hz - second) / 150) ** 2) + 0.03
            sound += np.float32(loud / partial**0.35) * np.sin(
                np.float32(2 * np.pi * partial) * bend.astype(np.float32)
            )
        swell = np.sin(np.pi * np.clip(t / (length * 1.15), 0, 1)) ** 0.7
        start = int(at * rate)
        part = (sound * swell)[: len(out) - start]
        out[start : start + len(part)] += part
        at += length
    return out


def _surf(words: str, seconds: float, rate: int, key: int) -> Sound:
    """Noise with most of its strength low down, swelling slowly as waves and wind do."""
    rng = np.random.default_rng(key)
    count = int(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal(count).astype(np.float32))
    hz = np.fft.rfftfreq(count, 1 / rate) + 1
    low, slope = (900.0, 1.0) if "rain" in words else (260.0, 1.4)
    sound = np.fft.irfft(spectrum / (1 + (hz / low) ** slope), count)
    t = np.arange(count) / rate
    period = rng.uniform(4, 6)
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * t / period - 1.2) * np.sin(2 * np.pi * t / (period * 2.7) + 1)
    if "rain" in words:
        swell = 0.85 + 0.15 * swell
    return (sound * swell).astype(np.float32)
