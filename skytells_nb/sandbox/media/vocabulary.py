"""The words a prompt may hold, and the place, light, weather, subject or style each stands for."""

from __future__ import annotations

Rules = tuple[tuple[str, str], ...]  # a name, and the pattern of words that mean it

# Ordered: the first pattern found wins, so what says more stands above what says less.
PLACES: Rules = (
    ("abstract", r"abstract|geometric|pattern|bauhaus|cubis\w+|fractals?|logo|icon"),
    (
        "space",
        r"space|galax\w+|planets?|nebulae?|cosm\w+|universe|mars|astronauts?|orbit\w*|saturn|asteroids?|"
        r"milky way",
    ),
    (
        "portrait",
        r"portraits?|headshot|selfie|face of|woman|man|girl|boy|person|people|king|queen|model in",
    ),
    (
        "still",
        r"food|pizza|burger|coffee|tea|cakes?|bread|fruits?|apples?|oranges|sushi|breakfast|ramen|noodles?|soup|"
        r"still life|product|bottle|mug|cup|vase|bowl|dessert|ice cream|lemons?",
    ),
    (
        "city",
        r"cit(?:y|ies)|skylines?|streets?|urban|skyscrapers?|downtown|tokyo|new york|paris|london|cyberpunk|"
        r"metropolis|neon|buildings?|architecture|traffic|robots?",
    ),
    ("desert", r"deserts?|sahara|dunes?|sand(?:y)?|canyons?|camels?|pyramids?|oasis|savanna\w*|gobi"),
    (
        "sea",
        r"seas?|oceans?|waves?|beach\w*|coast\w*|shores?|surf\w*|lighthouses?|islands?|ships?|sail\w*|boats?|"
        r"harbou?rs?|whales?|dolphins?|bay|cliffs?|underwater|fish",
    ),
    (
        "garden",
        r"flowers?|gardens?|meadows?|tulips?|roses?|poppy|poppies|daisy|daisies|sunflowers?|lavender|"
        r"blossoms?|bloom\w*|bouquet|petals?|wildflowers?|butterfl\w+|bees?",
    ),
    (
        "forest",
        r"forests?|woods?|woodland|jungle|trees?|pines?|birch\w*|redwoods?|mushrooms?|rainforest|fairy\w*",
    ),
    ("lake", r"lakes?|rivers?|ponds?|streams?|reflections?|waterfalls?|fjords?|canoe|kayak"),
    (
        "mountain",
        r"mountains?|peaks?|alps|alpine|summits?|himalaya\w*|volcano\w*|everest|fuji|glaciers?|castles?|"
        r"dragons?",
    ),
    (
        "hills",
        r"hills?|valleys?|fields?|countryside|farm\w*|vineyards?|village|cottage|house|country|landscape|"
        r"balloons?",
    ),
)
LIGHTS: Rules = (
    ("golden", r"golden"),
    ("sunset", r"sunsets?|sundown|setting sun"),
    (
        "night",
        r"nights?|moonlight|moonlit|moon|midnight|starry|stars|nocturnal|aurora|northern lights|fireflies|"
        r"neon|cyberpunk",
    ),
    ("dusk", r"dusk|twilight|evening|blue hour|gloaming"),
    ("morning", r"mornings?|sunrise|dawn|early light"),
    (
        "overcast",
        r"overcast|cloudy|clouds|gr[ae]y sky|gloomy|rain\w*|storm\w*|fog\w*|mist\w*|drizzle|moody",
    ),
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
    ("balloon", r"balloons?"),
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
    "grey": (132, 138, 146), "brown": (128, 84, 56), "ginger": (222, 128, 60),
}  # fmt: skip

# Where a subject lives when the prompt names no place, which places an unknown prompt may get, and the light
# each has when the prompt names none.
HABITAT = {
    "fox": "forest", "wolf": "forest", "deer": "forest", "bear": "forest", "owl": "forest", "bird": "garden",
    "rabbit": "garden", "cat": "garden", "dog": "hills", "camel": "desert", "whale": "sea", "boat": "sea",
    "lighthouse": "sea", "car": "desert", "balloon": "hills", "cottage": "hills", "castle": "mountain",
    "astronaut": "space", "rocket": "space", "robot": "city",
}  # fmt: skip
ANYWHERE = ("hills", "mountain", "lake", "sea", "desert", "forest", "garden", "hills", "lake")
USUAL_LIGHT = {
    "forest": ("day",), "sea": ("day", "morning", "golden"), "city": ("dusk", "sunset", "golden"),
    "desert": ("golden", "morning"), "mountain": ("morning", "day", "dusk", "golden"), "abstract": ("day",),
    "lake": ("morning", "day", "dusk"), "garden": ("day", "morning"), "space": ("night",), "still": ("day",),
    "hills": ("day", "morning", "golden"), "portrait": ("day",),
}  # fmt: skip
