"""Songs: a chord progression, a bass, and a melody over it, in a key and a tempo the prompt decides."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._params import dice, key_of, number, prompt_of, seconds_of
from ._wav import Sound, echo, fade, rate_of, to_wav

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_BRIGHT = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (3, 0, 4, 5))
_DARK = ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 6), (0, 2, 6, 3))
_NOTES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SAD = ("sad", "dark", "minor", "melanchol", "noir", "night", "rain", "mystery", "lonely", "autumn", "epic")
_FAST = ("fast", "upbeat", "dance", "energetic", "techno", "party", "happy", "pop", "rock", "drive")
_SLOW = ("slow", "calm", "ambient", "lullaby", "sleep", "lo-fi", "lofi", "relax", "peace", "meditat", "soft")


def play_song(input: Mapping[str, Any], *, index: int = 0) -> bytes:
    """Compose and play a song.

    Parameters
    ----------
    input
        `prompt` (or `lyrics`) and `seed` decide the song; `duration_seconds` its length (8 s unless told, 60
        at most), `sample_rate` in hertz, `bpm` the tempo and `key` (such as ``"A minor"``) the key.
    index
        Which variation.

    Returns
    -------
    bytes
        A 16-bit stereo WAV file.

    Examples
    --------
    >>> play_song({"prompt": "a calm morning", "duration_seconds": 1})[:4]
    b'RIFF'
    """
    chance = dice(key_of(input, index, "song"))
    words = prompt_of(input)[:4000].lower()
    rate, seconds = rate_of(input), seconds_of(input, default=8.0, longest=60.0)
    beat = 60 / _tempo(input, words, chance)
    root, scale = _key(input, words, chance)
    chords = chance.choice(_DARK if scale is _MINOR else _BRIGHT)
    out = np.zeros((int(seconds * rate), 2), np.float32)
    voices = _Voices(rate)
    at, bar, last = 0.0, 0, 4
    rhythm = chance.choice(((1, 1, 1, 1), (1.5, 0.5, 1, 1), (0.5, 0.5, 1, 2), (1, 0.5, 0.5, 2), (2, 1, 1)))
    while at < seconds:
        degree = chords[bar % 4]
        for step, third in enumerate((0, 2, 4)):
            _add(
                out,
                rate,
                at,
                voices.pad(_pitch(root, scale, degree + third), beat * 4.2) * 0.15,
                -0.5 + 0.5 * step,
            )
        for half in (0, 2):
            _add(
                out,
                rate,
                at + half * beat,
                voices.bass(_pitch(root - 24, scale, degree), beat * 1.9) * 0.42,
                0,
            )
        for pluck in range(8):
            tone = degree + (0, 2, 4, 7, 4, 2, 4, 2)[pluck]
            _add(out, rate, at + pluck * beat / 2, voices.pluck(_pitch(root, scale, tone), beat) * 0.16, 0.55)
        when = at
        for length in rhythm if bar % 4 != 3 else (2, 2):
            last = _wander(last, degree, chance)
            if chance.random() < 0.88:
                _add(
                    out,
                    rate,
                    when,
                    voices.bell(_pitch(root + 12, scale, last), beat * length * 1.3) * 0.3,
                    -0.25,
                )
            when += length * beat
        at, bar = at + 4 * beat, bar + 1
    wet = echo(out, rate, seconds=beat * 0.75, strength=0.34)
    return to_wav(fade(wet, rate, fall=min(1.6, seconds / 3)), rate)


class _Voices:
    """The instruments; a note played before is remembered, since songs repeat themselves."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._known: dict[tuple[str, float, int], Sound] = {}

    def pad(self, pitch: float, seconds: float) -> Sound:
        """Return a slow, wide tone."""
        return self._play(
            "pad", pitch, seconds, ((1, 0.6), (1.004, 0.6), (2.001, 0.2), (3, 0.06)), 0.35, 0.5, 0.0
        )

    def bass(self, pitch: float, seconds: float) -> Sound:
        """Return a round low tone."""
        return self._play("bass", pitch, seconds, ((1, 1.0), (2, 0.28), (3, 0.1)), 0.015, 0.25, 1.4)

    def pluck(self, pitch: float, seconds: float) -> Sound:
        """Return a short string-like tone."""
        return self._play("pluck", pitch, seconds, ((1, 1.0), (2, 0.4), (3, 0.22), (4, 0.1)), 0.004, 0.1, 5.0)

    def bell(self, pitch: float, seconds: float) -> Sound:
        """Return the singing tone of the melody."""
        return self._play(
            "bell", pitch, seconds, ((1, 1.0), (2, 0.32), (3.01, 0.12), (4.2, 0.05)), 0.02, 0.3, 2.2
        )

    def _play(
        self, name: str, pitch: float, seconds: float, partials: tuple[tuple[float, float], ...],
        rise: float, fall: float, decay: float,
    ) -> Sound:  # fmt: skip
        count = max(16, int(seconds * self._rate))
        if (name, pitch, count) not in self._known:
            t = np.arange(count, dtype=np.float32) / np.float32(self._rate)
            tone = np.zeros(count, np.float32)
            for multiple, strength in partials:
                if pitch * multiple < self._rate * 0.45:
                    tone += np.float32(strength) * np.sin(np.float32(2 * np.pi * pitch * multiple) * t)
            if decay:
                tone *= np.exp(np.float32(-decay) * t)
            self._known[name, pitch, count] = fade(tone, self._rate, rise=rise, fall=min(fall, seconds / 2))
        return self._known[name, pitch, count]


def _add(out: Sound, rate: int, at: float, note: Sound, side: float) -> None:
    start = int(at * rate)
    part = note[: max(0, len(out) - start)]
    out[start : start + len(part), 0] += part * np.float32(1 - max(0.0, side) * 0.7)
    out[start : start + len(part), 1] += part * np.float32(1 + min(0.0, side) * 0.7)


def _pitch(root: int, scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, 7)
    return float(440 * 2 ** ((root + scale[step] + 12 * octave - 69) / 12))


def _wander(last: int, degree: int, chance: random.Random) -> int:
    near = [
        n
        for n in range(-1, 9)
        if abs(n - last) <= 3 and ((n - degree) % 7 in (0, 2, 4) or chance.random() < 0.3)
    ]
    return chance.choice(near or [degree % 7])


def _tempo(input: Mapping[str, Any], words: str, chance: random.Random) -> float:
    asked = number(input, "bpm", "tempo")
    if asked is not None:
        return min(240.0, max(40.0, asked))
    low, high = 84, 104
    if any(word in words for word in _FAST):
        low, high = 112, 132
    if any(word in words for word in _SLOW):
        low, high = 64, 80
    return chance.uniform(low, high)


def _key(input: Mapping[str, Any], words: str, chance: random.Random) -> tuple[int, tuple[int, ...]]:
    asked = input.get("key")
    name = asked.strip().lower() if isinstance(asked, str) else ""
    dark = "min" in name or (not name and (any(word in words for word in _SAD) or chance.random() < 0.3))
    root = 57 + chance.choice((0, 2, 3, 5, 7))
    if name[:1] in _NOTES and name:
        sharp = 1 if name[1:2] in ("#", "♯") else -1 if name[1:2] in ("b", "♭") else 0
        root = 48 + (_NOTES[name[0]] + sharp) % 12
        root += 12 if root < 54 else 0
    return root, _MINOR if dark else _MAJOR
