"""From a prompt to a scene: the place, the light, the weather and who is in it. Pure, and no pixel in sight."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .asked import dice, key_of, prompt_of

Rules = tuple[tuple[str, str], ...]

# Ordered: the first pattern found wins, so what says more stands above what says less.
PLACES: Rules = (
    ("abstract", r"abstract|geometric|pattern|bauhaus|cubis\w+|fractals?|logo|icon"),
    (
        "space",
        r"space|galax\w+|planets?|nebulae?|cosm\w+|universe|mars|astronauts?|orbit\w*|saturn|asteroids?|milky way",
    ),
    ("portrait", r"portraits?|headshot|selfie|face of|woman|man|girl|boy|person|people|king|queen|model in"),
    (
        "still",
        r"food|pizza|burger|coffee|tea|cake|bread|fruits?|apples?|oranges?|sushi|breakfast|ramen|soup|still life|"
        r"product|bottle|mug|cup|vase|bowl|dessert|ice cream|lemons?",
    ),
    (
        "city",
        r"cit(?:y|ies)|skylines?|streets?|urban|skyscrapers?|downtown|tokyo|new york|paris|london|cyberpunk|metropolis|"
        r"neon|buildings?|architecture|traffic|robots?",
    ),
    ("desert", r"deserts?|sahara|dunes?|sand(?:y)?|canyons?|camels?|pyramids?|oasis|savanna\w*|gobi"),
    (
        "sea",
        r"seas?|oceans?|waves?|beach\w*|coast\w*|shores?|surf\w*|lighthouses?|islands?|ships?|sail\w*|boats?|harbou?rs?|"
        r"whales?|dolphins?|bay|cliffs?|underwater|fish",
    ),
    (
        "garden",
        r"flowers?|gardens?|meadows?|tulips?|roses?|poppy|poppies|daisy|daisies|sunflowers?|lavender|blossoms?|"
        r"bloom\w*|bouquet|petals?|wildflowers?|butterfl\w+|bees?",
    ),
    (
        "forest",
        r"forests?|woods?|woodland|jungle|trees?|pines?|birch\w*|redwoods?|mushrooms?|rainforest|fairy\w*",
    ),
    ("lake", r"lakes?|rivers?|ponds?|streams?|reflections?|waterfalls?|fjords?|canoe|kayak"),
    (
        "mountain",
        r"mountains?|peaks?|alps|alpine|summits?|himalaya\w*|volcano\w*|everest|fuji|glaciers?|castles?|dragons?",
    ),
    (
        "hills",
        r"hills?|valleys?|fields?|countryside|farm\w*|vineyards?|village|cottage|house|country|landscape|balloons?",
    ),
)
LIGHTS: Rules = (
    ("golden", r"golden hour|golden light|golden"),
    ("sunset", r"sunsets?|sundown|setting sun"),
    (
        "night",
        r"nights?|moonlight|moonlit|moon|midnight|starry|stars|nocturnal|aurora|northern lights|fireflies|neon|cyberpunk",
    ),
    ("dusk", r"dusk|twilight|evening|blue hour|gloaming"),
    ("morning", r"mornings?|sunrise|dawn|early light"),
    ("overcast", r"overcast|cloudy|clouds|gr[ae]y sky|gloomy|rain\w*|storm\w*|fog\w*|mist\w*|drizzle|moody"),
    ("day", r"noon|sunny|midday|daylight|bright|day|summer|spring"),
)
WEATHERS: Rules = (
    ("snow", r"snow\w*|winter\w*|blizzard|frost\w*|ic[ey]|arctic|christmas"),
    ("rain", r"rain\w*|storm\w*|drizzle|downpour|monsoon"),
    ("fog", r"fog\w*|mist\w*|haz[ey]"),
)
SUBJECTS: Rules = (
    ("fox", r"fox(?:es)?|vixen"),
    ("wolf", r"wol(?:f|ves)|husky|coyote"),
    ("cat", r"cats?|kitten\w*|kitty|tabby"),
    ("dog", r"dogs?|pupp(?:y|ies)|corgi|retriever|shiba"),
    ("bear", r"bears?|grizzly|panda"),
    ("deer", r"deer|stags?|elk|reindeer|moose|fawn"),
    ("rabbit", r"rabbits?|bunn(?:y|ies)|hares?"),
    ("owl", r"owls?"),
    ("bird", r"birds?|robins?|sparrows?|hummingbird|parrots?|eagles?|ravens?|crows?|gulls?|seagulls?"),
    ("whale", r"whales?|dolphins?|orca"),
    ("lighthouse", r"lighthouses?"),
    ("boat", r"boats?|ships?|sail\w*|yachts?|regatta|canoe|kayak|harbou?rs?"),
    ("car", r"cars?|roadster|automobile|convertible|truck|van|taxi|race car"),
    ("balloon", r"(?:hot[- ]air )?balloons?"),
    ("cottage", r"cottage|cabin|house|farm\w*|village|barn|hut"),
    ("castle", r"castles?|fortress|palace"),
    ("camel", r"camels?|caravan|sahara"),
    ("astronaut", r"astronauts?|spaceman|cosmonaut"),
    ("rocket", r"rockets?|spaceships?|starship|shuttle"),
    ("robot", r"robots?|android|mech"),
)
STYLES: Rules = (
    ("sketch", r"sketch\w*|drawing|pencil|line art|doodle|draft|wireframe"),
    ("mono", r"black and white|black-and-white|monochrome|noir|b&w"),
)
TINTS = {
    "red": (206, 58, 46), "orange": (232, 128, 44), "yellow": (244, 200, 66), "green": (74, 146, 88),
    "teal": (36, 142, 140), "blue": (52, 104, 184), "purple": (122, 78, 160), "violet": (122, 78, 160),
    "pink": (236, 130, 160), "white": (240, 238, 232), "black": (40, 40, 48), "gray": (132, 138, 146),
    "grey": (132, 138, 146), "brown": (128, 84, 56), "golden": (224, 168, 64), "ginger": (222, 128, 60),
}  # fmt: skip

_HABITAT = {
    "fox": "forest", "wolf": "forest", "deer": "forest", "bear": "forest", "owl": "forest", "rabbit": "garden",
    "cat": "garden", "dog": "hills", "bird": "garden", "camel": "desert", "whale": "sea", "boat": "sea",
    "lighthouse": "sea", "car": "desert", "balloon": "hills", "cottage": "hills", "castle": "mountain",
    "astronaut": "space", "rocket": "space", "robot": "city",
}  # fmt: skip
_ANYWHERE = ("hills", "mountain", "lake", "sea", "desert", "forest", "garden", "hills", "lake")
_USUAL_LIGHT = {
    "forest": ("day",), "sea": ("day", "morning", "golden"), "city": ("dusk", "sunset", "golden"),
    "desert": ("golden", "morning"), "mountain": ("morning", "day", "dusk", "golden"),
    "lake": ("morning", "day", "dusk"), "garden": ("day", "morning"), "space": ("night",), "portrait": ("day",),
    "still": ("day",), "hills": ("day", "morning", "golden"), "abstract": ("day",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """What a prompt asks to see.

    `place`, `light`, `weather`, `subject` and `style` are names from the tables above (`""` for none); `snowy` says
    that snow lies; `tint` is a colour the prompt names, as RGB; `words` is the prompt in lower case; `key` is the
    number that decides whatever the prompt leaves open.
    """

    place: str
    light: str
    weather: str
    subject: str
    style: str
    snowy: bool
    tint: tuple[int, int, int] | None
    words: str
    key: int

    def says(self, pattern: str) -> bool:
        """Tell whether the prompt holds one of these words (a pattern, matched at word borders)."""
        return _has(self.words, pattern)


def read_scene(input: Mapping[str, Any], *, index: int = 0) -> Scene:
    """Read the scene out of an input.

    Parameters
    ----------
    input
        The prediction's input; `prompt` and `seed` count.
    index
        Which variation.

    Returns
    -------
    Scene
        Always one: a prompt without a known word gets a landscape its hash picks.

    Examples
    --------
    >>> scene = read_scene({"prompt": "A red fox in snow, moonlight"})
    >>> scene.subject, scene.light, scene.snowy
    ('fox', 'night', True)
    """
    words = prompt_of(input)[:4000].lower()
    key = key_of(input, index)
    chance = dice(key)
    subject, weather = _first(SUBJECTS, words), _first(WEATHERS, words)
    place = _first(PLACES, words)
    if not place and subject and weather != "snow":
        place = _HABITAT[subject]
    if not place:
        place = "hills" if weather == "snow" else chance.choice(_ANYWHERE)
    light = _first(LIGHTS, words)
    style = _first(STYLES, words)
    if not light and style:
        light = "day"  # a style of lines and tones wants plain light
    if not light:
        light = "overcast" if weather in ("rain", "fog") else chance.choice(_USUAL_LIGHT[place])
        if weather == "snow":
            light = "morning" if place == "forest" else "day"
    tint = next((TINTS[name] for name in re.findall(r"[a-z]+", words) if name in TINTS), None)
    return Scene(
        place=place,
        light="night" if place == "space" else light,
        weather=weather,
        subject=subject,
        style=style,
        snowy=weather == "snow",
        tint=tint,
        words=words,
        key=key,
    )


def _first(rules: Rules, words: str) -> str:
    return next((name for name, pattern in rules if _has(words, pattern)), "")


def _has(words: str, pattern: str) -> bool:
    return re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", words) is not None
