"""From a prompt to a scene: the place, the light, the weather and who is in it. No pixel in sight."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._color import RGB, parse_color
from ._data import load
from ._params import dice, key_of, prompt_of


@dataclass(frozen=True, slots=True)
class Scene:
    """What a prompt asks to see.

    `place`, `light`, `weather`, `subject` and `style` are names from ``data/words.toml`` (`""` for none);
    `snowy` says that snow lies; `tint` is a colour the prompt names; `words` is the prompt in lower case;
    `known` says whether any word of it is one the sandbox paints, `asks_for_light` whether it names a light;
    `key` is the number that decides whatever the prompt leaves open.
    """

    place: str
    light: str
    weather: str
    subject: str
    style: str
    snowy: bool
    tint: RGB | None
    words: str
    known: bool
    asks_for_light: bool
    key: int

    def says(self, pattern: str) -> bool:
        """Return whether the prompt holds one of these words (a pattern, matched at word borders)."""
        return _has(self.words, pattern)


def read_scene(input: Mapping[str, Any], *, index: int = 0, salt: str = "") -> Scene:
    """Return the scene that an input's `prompt` and `seed` ask for.

    A prompt without a known word gets a landscape that its hash picks; another `salt` picks another.
    """
    words = prompt_of(input)[:4000].lower()
    key = key_of(input, index, salt)
    chance = dice(key)
    subject, weather, place, light, style, mood = (
        _first(kind, words) for kind in ("subjects", "weathers", "places", "lights", "styles", "moods")
    )
    tint = next((name for name in re.findall(r"[a-z]+", words) if name in load("words")["tints"]), None)
    named = bool(light)
    known = any((subject, weather, place, light, style, mood, tint))
    if style == "mono":
        tint = None  # "black and white" dyes nobody
    if not place and subject and weather != "snow":
        place = load("words")["habitats"][subject]
    if not place:
        place = "hills" if weather == "snow" else _somewhere(light, chance)
    if not light and style:
        light = "day"  # a style of lines and tones wants plain light
    return Scene(
        place=place,
        light="night" if place == "space" else light or _usual_light(place, weather, mood, chance),
        weather=weather,
        subject=subject,
        style=style,
        snowy=weather == "snow",
        tint=parse_color(load("words")["tints"][tint], {}) if tint else None,
        words=words,
        known=known,
        asks_for_light=named,
        key=key,
    )


def _usual_light(place: str, weather: str, mood: str, chance: random.Random) -> str:
    usual: str = chance.choice(load("words")["usual_light"][place])
    if mood == "cinematic" and place not in ("portrait", "still", "abstract"):
        return chance.choice(("golden", "morning") if weather == "snow" else ("golden", "sunset", "dusk"))
    if weather == "snow":
        return "morning" if place == "forest" else "day"
    return "overcast" if weather in ("rain", "fog") else usual


def _somewhere(light: str, chance: random.Random) -> str:
    place: str = chance.choice(load("words")["unknown"]["places"])
    if place == "forest" and light not in ("", "day"):
        return "lake"  # who asks for a light alone wants to see the sky
    return place


def _first(kind: str, words: str) -> str:
    return next((name for name, pattern in load("words")[kind].items() if _has(words, pattern)), "")


def _has(words: str, pattern: str) -> bool:
    return re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", words) is not None
